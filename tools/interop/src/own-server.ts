import { spawn } from "node:child_process";
import { once } from "node:events";
import { generatePrivateKey } from "@waybill/cert-store";
import {
  type AuthenticationHooks,
  type ChannelHandler,
  type ExecHandler,
  listenSsh,
  type SshServer,
} from "@waybill/ssh-core";

const hostKey = await generatePrivateKey("ed25519");

/** `SHA256:…` of the host key of the servers of {@link startOwnServer}. */
export const ownServerFingerprint = hostKey.publicKey.fingerprint();
/** For clients that are to trust those servers. */
export const ownServerKey = { keys: [hostKey.publicKey] };

/** Our own SSH server, in this process, for logins that `sshd` cannot be made to ask for and answers that it would never give. */
export function startOwnServer(authentication: AuthenticationHooks, exec: ExecHandler): Promise<SshServer> {
  return listenSsh({ host: "127.0.0.1", port: 0, hostKeys: [hostKey], authentication, exec });
}

/** Runs the client's command as a login shell would. */
export const runInShell: ExecHandler = (command) => shellHandler(command);

function shellHandler(command: string): ChannelHandler {
  return async (channel) => {
    const child = spawn("/bin/sh", ["-c", command], {
      cwd: "/",
      env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    });
    // Whoever goes first: neither the client nor the program is told of the other's failure in any other way.
    channel.on("error", () => child.kill("SIGKILL"));
    child.stdin.on("error", () => {});
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    const [code] = await once(child, "close");
    channel.exit(code ?? 255);
  };
}
