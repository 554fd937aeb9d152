import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { generateHostKey } from "@waybill/cert-store";
import { peerPath, peers } from "@waybill/testing";
import { setpriv, withOrdinaryRights } from "./ordinary-rights.js";
import { type SshPeer, scpProgram, startSshPeer } from "./ssh-peer.js";

export const opensshPrograms = [peers.sshd, scpProgram, setpriv];

export interface OpensshOptions {
  /** More lines for its `sshd_config`, which win over ours. */
  readonly config?: readonly string[];
}

/** Starts OpenSSH's `sshd` for the user who runs the test, with a configuration of its own. Login by key only, unless `config` says more. */
export function startOpensshServer({ config = [] }: OpensshOptions = {}): Promise<SshPeer> {
  return startSshPeer(async (folder, login) => {
    const hostKeyFile = join(folder, "host-key");
    const hostKey = await generateHostKey(hostKeyFile);
    const authorizedKeysFile = join(folder, "authorized_keys");
    await writeFile(authorizedKeysFile, login.authorizedKeysLine);
    const configFile = join(folder, "sshd_config");
    // The first value of an option is the one that counts.
    const lines = [
      ...config,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKeyFile}`,
      `AuthorizedKeysFile ${authorizedKeysFile}`,
      "PidFile none",
      "UsePAM no",
      "StrictModes no",
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "LogLevel VERBOSE",
      "PrintMotd no",
      // A bash that finds itself inside of another one does not read the user's .bashrc, whatever may be in that.
      "SetEnv SHLVL=1 LANG=C.UTF-8",
    ];
    await writeFile(configFile, `${lines.join("\n")}\n`);
    if (process.getuid?.() === 0) await provideSeparationFolder();
    return {
      user: userInfo().username,
      home: undefined,
      hostKey: hostKey.publicKey,
      listening: /Server listening on/,
      command: (port) =>
        withOrdinaryRights({
          program: peerPath(peers.sshd),
          args: ["-D", "-e", "-f", configFile, "-p", String(port)],
        }),
    };
  });
}

/** Where a `sshd` of root locks its unprivileged half in. Debian makes the folder when it starts the service, which tests do not. */
async function provideSeparationFolder(): Promise<void> {
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
}
