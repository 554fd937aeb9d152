import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test } from "@jest/globals";

/** A program that tests need, and the Debian package that brings it. */
export interface Peer {
  readonly program: string;
  readonly debianPackage: string;
}

/** The peers that tests use, by the name of the program. */
export const peers = {
  ssh: { program: "ssh", debianPackage: "openssh-client" },
  sftp: { program: "sftp", debianPackage: "openssh-client" },
  sshKeygen: { program: "ssh-keygen", debianPackage: "openssh-client" },
  sshAgent: { program: "ssh-agent", debianPackage: "openssh-client" },
  sshd: { program: "sshd", debianPackage: "openssh-server" },
  psftp: { program: "psftp", debianPackage: "putty-tools" },
  puttygen: { program: "puttygen", debianPackage: "putty-tools" },
  lftp: { program: "lftp", debianPackage: "lftp" },
  rclone: { program: "rclone", debianPackage: "rclone" },
  curl: { program: "curl", debianPackage: "curl" },
  paramiko: { program: "python3-paramiko", debianPackage: "python3-paramiko" },
  sshpass: { program: "sshpass", debianPackage: "sshpass" },
  openssl: { program: "openssl", debianPackage: "openssl" },
  dropbear: { program: "dropbear", debianPackage: "dropbear-bin" },
} as const satisfies Record<string, Peer>;

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** Debian's interpreter: the one that finds Debian's python packages, whatever else is first on the PATH. */
export const debianPython = "/usr/bin/python3";

/** The full path of a peer, or undefined when it is not installed. */
export function findPeer(peer: Peer): string | undefined {
  if (peer.program === peers.paramiko.program) {
    return existsSync("/usr/lib/python3/dist-packages/paramiko") ? debianPython : undefined;
  }
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, peer.program)).find((path) => existsSync(path));
}

/** The full path of a peer. For use inside {@link describeWithPeers}, which has made sure that it is there. */
export function peerPath(peer: Peer): string {
  const path = findPeer(peer);
  if (path === undefined)
    throw new Error(`${peer.program} is missing: install Debian's ${peer.debianPackage}`);
  return path;
}

/**
 * Like `describe`, for tests that need other people's programs. When one is missing the suite is skipped and the
 * package to install is noted for the end of the run (`test-results/missing-peers`); with CI=true it fails.
 */
export function describeWithPeers(name: string, needed: readonly Peer[], body: () => void): void {
  const missing = needed.filter((peer) => findPeer(peer) === undefined);
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const packages = missing.map((peer) => peer.debianPackage).join(" ");
  if (process.env.CI === "true") {
    describe(name, () => {
      test("has the programs that it needs", () => {
        throw new Error(`missing programs, install Debian's ${packages}`);
      });
    });
    return;
  }
  mkdirSync("test-results", { recursive: true });
  appendFileSync(
    join("test-results", "missing-peers"),
    missing.map((peer) => `${peer.debianPackage}\t${name}\n`).join(""),
  );
  describe.skip(`${name} (needs ${packages})`, body);
}
