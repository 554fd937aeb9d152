import { mkdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Peer, peerPath, peers, runProgram } from "@waybill/testing";
import { type CommandLine, setpriv, withOrdinaryRights } from "./ordinary-rights.js";
import { publicKeyIn, type SshPeer, scpProgram, startSshPeer } from "./ssh-peer.js";

const dropbearkey: Peer = { program: "dropbearkey", debianPackage: "dropbear-bin" };
const unshare: Peer = { program: "unshare", debianPackage: "util-linux" };

export const dropbearPrograms = [peers.dropbear, dropbearkey, unshare, setpriv, scpProgram];

const USER = "ann";

/**
 * Starts Dropbear for a user `ann`, who is the one that runs the test under another name and with a home folder of her own.
 *
 * Dropbear looks for `authorized_keys` only in the home folder that `/etc/passwd` names. So it runs in a mount namespace in
 * which a copy of that file, with one more line, is in its place: nothing outside of it sees that, and no real
 * home folder is touched.
 */
export function startDropbearServer(): Promise<SshPeer> {
  return startSshPeer(async (folder, login) => {
    const home = join(folder, "home");
    await mkdir(join(home, ".ssh"), { recursive: true, mode: 0o700 });
    await writeFile(join(home, ".ssh", "authorized_keys"), login.authorizedKeysLine, { mode: 0o600 });
    const { uid, gid } = userInfo();
    const accounts = join(folder, "passwd");
    const account = `${USER}:x:${uid}:${gid}::${home}:/bin/sh\n`;
    await writeFile(accounts, account + (await readFile("/etc/passwd", "utf8")));
    const hostKeyFile = join(folder, "host-key");
    const { stdout } = await runProgram(peerPath(dropbearkey), ["-t", "ed25519", "-f", hostKeyFile]);
    const pidFile = join(folder, "pid");
    return {
      user: USER,
      home,
      hostKey: publicKeyIn(stdout),
      listening: /Not backgrounding/,
      command: (port) =>
        withAccounts(
          accounts,
          withOrdinaryRights({
            program: peerPath(peers.dropbear),
            args: ["-F", "-E", "-m", "-j", "-k", "-p", `127.0.0.1:${port}`, "-r", hostKeyFile, "-P", pidFile],
          }),
        ),
    };
  });
}

/** The command in a mount namespace with another `/etc/passwd`. Each program replaces the one before: they are one process. */
function withAccounts(accounts: string, { program, args }: CommandLine): CommandLine {
  const { uid, gid } = userInfo();
  const script = 'mount --bind "$0" /etc/passwd && exec "$@"';
  if (uid === 0)
    return { program: unshare.program, args: ["--mount", "sh", "-c", script, accounts, program, ...args] };
  // To mount, users must be root in a namespace of theirs; in another one inside of it they are themselves again.
  const asRoot = ["--map-root-user", "--mount"];
  const asSelf = [unshare.program, "--user", `--map-user=${uid}`, `--map-group=${gid}`];
  return {
    program: unshare.program,
    args: [...asRoot, "sh", "-c", script, accounts, ...asSelf, program, ...args],
  };
}
