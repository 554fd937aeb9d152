import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

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
  keytool: { program: "keytool", debianPackage: "default-jre-headless" },
  /** No program: found from the folders of programs, as every peer is. */
  bouncyCastle: { program: "../share/java/bcprov.jar", debianPackage: "libbcprov-java" },
  softhsmUtil: { program: "softhsm2-util", debianPackage: "softhsm2" },
  pkcs11Tool: { program: "pkcs11-tool", debianPackage: "opensc" },
  xmlsec: { program: "xmlsec1", debianPackage: "xmlsec1" },
} as const satisfies Record<string, Peer>;

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const PARAMIKO_FOLDER = "/usr/lib/python3/dist-packages/paramiko";
/** Debian's interpreter: the one that finds Debian's python packages, whatever else is first on the PATH. */
export const debianPython = "/usr/bin/python3";

/** The full path of a peer, or undefined when it is not installed. */
export function findPeer(peer: Peer): string | undefined {
  if (peer.program === peers.paramiko.program) {
    return existsSync(PARAMIKO_FOLDER) && existsSync(debianPython) ? debianPython : undefined;
  }
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, peer.program)).find((path) => existsSync(path));
}

/** The full path of a peer. For use inside `describeWithPeers`, which has made sure that it is there. */
export function peerPath(peer: Peer): string {
  const path = findPeer(peer);
  if (path === undefined)
    throw new Error(`${peer.program} is missing: install Debian's ${peer.debianPackage}`);
  return path;
}
