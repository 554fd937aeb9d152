// OpenSSH's client, the same for both servers.
import { once } from "node:events";
import { ended, start, stop } from "./processes.mjs";

/**
 * @typedef {import("./servers.mjs").Server} Server
 * @typedef {import("./credentials.mjs").Credentials} Credentials
 */

const CIPHER = "aes128-gcm@openssh.com";
/** Both servers have it. Left alone, the client takes a slower one with sshd, and logins could not be compared. */
const KEY_EXCHANGE = "curve25519-sha256";
const TIMEOUT_MS = 600_000;
const ECHO = "sftp> ";
/** SSH_FXP_INIT, version 3 (draft-ietf-secsh-filexfer-02 section 4). */
const INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);

/** @param {string} path */
export const quoted = (path) => `"${path.replace(/["\\]/g, "\\$&")}"`;

/**
 * Runs `sftp` in batch mode and returns how many seconds its commands took. sftp echoes a command when it begins, so
 * neither the login nor the goodbye counts.
 * @param {Server} server @param {Credentials} credentials @param {string[]} commands
 */
export async function sftp(server, credentials, commands) {
  const args = ["-q", "-b", "-", "-P", String(server.port), ...clientOptions(credentials)];
  const child = await start("sftp", [...args, destination(credentials)], { stdio: "pipe" });
  const { stdin, stdout, stderr } =
    /** @type {import("node:child_process").ChildProcessWithoutNullStreams} */ (child);
  /** @type {number[]} */
  const begun = [];
  let errors = "";
  stdout.setEncoding("utf8").on("data", (text) => {
    for (let count = text.split(ECHO).length - 1; count > 0; count -= 1) begun.push(performance.now());
  });
  stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const timer = setTimeout(() => {
    errors += `no end after ${TIMEOUT_MS / 1000} s`;
    void stop(child);
  }, TIMEOUT_MS);
  stdin.end([...commands, "bye", ""].join("\n"));
  await ended(child);
  clearTimeout(timer);
  if (child.exitCode !== 0 || begun.length !== commands.length + 1) {
    throw new Error(`sftp failed with ${server.name}: ${errors.trim()}`);
  }
  return ((begun.at(-1) ?? 0) - (begun[0] ?? 0)) / 1000;
}

/**
 * A session that has logged in, opened the sftp subsystem and initialised it, and then does nothing until it is stopped.
 * @param {Server} server @param {Credentials} credentials
 */
export async function openIdleSession(server, credentials) {
  const args = ["-T", "-s", "-p", String(server.port), ...clientOptions(credentials)];
  const child = await start("ssh", [...args, destination(credentials), "sftp"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const stdin = /** @type {import("node:stream").Writable} */ (child.stdin);
  const stdout = /** @type {import("node:stream").Readable} */ (child.stdout);
  stdin.on("error", () => {}).write(INIT);
  const gone = new AbortController();
  child.once("close", () => gone.abort());
  await once(stdout, "data", { signal: gone.signal }).catch(() => {
    throw new Error(`ssh opened no session with ${server.name}`);
  });
  stdout.resume();
  return child;
}

/** @param {Credentials} credentials */
function clientOptions({ loginKey, knownHosts }) {
  const options = [
    `UserKnownHostsFile="${knownHosts}"`,
    "GlobalKnownHostsFile=/dev/null",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "BatchMode=yes",
    "LogLevel=ERROR",
    `KexAlgorithms=${KEY_EXCHANGE}`,
  ];
  return ["-F", "none", "-c", CIPHER, "-i", loginKey, ...options.flatMap((option) => ["-o", option])];
}

/** @param {Credentials} credentials */
function destination({ user }) {
  return `${user}@127.0.0.1`;
}
