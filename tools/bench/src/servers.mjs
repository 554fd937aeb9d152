// The two servers under measurement, behind one shape.
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { anonymousBytes, cpuSeconds, descendants, residentBytes } from "./proc.mjs";
import { start, stop } from "./processes.mjs";

/**
 * @typedef {object} Server
 * @property {"waybill" | "openssh"} name
 * @property {number} pid
 * @property {number} port
 * @property {string} software What it calls itself.
 * @property {(path: string) => string} remotePath What a client calls a file of the root.
 * @property {() => number} cpuSeconds Of all its processes so far. Exact when no session is open.
 * @property {() => number} memoryBytes
 * @property {() => Promise<void>} sessionsEnded Resolves when no session is open.
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Setting
 * @property {import("./bench-folder.mjs").BenchFolder} folder
 * @property {import("./credentials.mjs").Credentials} credentials
 */

const WAYBILL = fileURLToPath(new URL("../../../apps/cli/dist/main.js", import.meta.url));
const SSHD = "/usr/sbin/sshd";
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
const PRIVILEGE_SEPARATION_FOLDER = "/run/sshd";
const START_MS = 10_000;
const POLL_MS = 20;

const NEEDED = [
  { path: WAYBILL, remedy: "run npm run build" },
  { path: SSHD, remedy: "install Debian's openssh-server" },
  { path: SFTP_SERVER, remedy: "install Debian's openssh-sftp-server" },
];

/** Throws when a server is not there. */
export function requireServers() {
  for (const { path, remedy } of NEEDED) {
    if (!existsSync(path)) throw new Error(`${path} is missing: ${remedy}`);
  }
}

/** @param {Setting} setting @returns {Promise<Server>} */
export async function startWaybill({ folder, credentials }) {
  const { user, hostKey, authorizedKeys } = credentials;
  const args = [
    WAYBILL,
    "sftp-server",
    "--root",
    folder.root,
    "--port",
    "0",
    "--state",
    folder.secret("state"),
  ];
  args.push("--host-key", hostKey, "--authorized-keys", `${user}=${authorizedKeys}`, "--log-level", "error");
  const child = await start(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const { pid } = child;
  const port = await announcedPort(child);
  return {
    name: "waybill",
    pid,
    port,
    software: await softwareOn(port),
    remotePath: (path) => path.slice(folder.root.length),
    cpuSeconds: () => cpuSeconds(pid),
    memoryBytes: () => residentBytes(pid),
    sessionsEnded: async () => {},
    stop: () => stop(child),
  };
}

/** @param {Setting} setting @returns {Promise<Server>} */
export async function startOpenSsh({ folder, credentials }) {
  const port = await freePort();
  const config = folder.secret("sshd-config");
  writeFileSync(config, sshdConfig(port, credentials));
  if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_SEPARATION_FOLDER, { recursive: true, mode: 0o755 });
  const child = await start(SSHD, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
  const { pid } = child;
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const software = await softwareOn(port, () => child.exitCode !== null).catch((error) => {
    throw new Error(`sshd does not start: ${errors}`, { cause: error });
  });
  const sessionProcesses = () => descendants(pid);
  return {
    name: "openssh",
    pid,
    port,
    software,
    remotePath: (path) => path,
    cpuSeconds: () => cpuSeconds(pid),
    memoryBytes: () => sum(sessionProcesses().map((each) => zeroIfGone(() => anonymousBytes(each)))),
    sessionsEnded: async () => {
      while (sessionProcesses().length > 0) await wait(POLL_MS);
    },
    stop: () => stop(child),
  };
}

/** @param {number} port @param {import("./credentials.mjs").Credentials} credentials */
function sshdConfig(port, { hostKey, authorizedKeys }) {
  return [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey "${hostKey}"`,
    `AuthorizedKeysFile "${authorizedKeys}"`,
    "PidFile none",
    "AuthenticationMethods publickey",
    "PermitRootLogin yes",
    "StrictModes no",
    "UsePAM no",
    "UseDNS no",
    "PrintMotd no",
    "LogLevel ERROR",
    // Many sessions are opened at once; by default sshd would drop some of them.
    "MaxStartups 1000",
    `Subsystem sftp ${SFTP_SERVER}`,
    "",
  ].join("\n");
}

/** @param {import("node:child_process").ChildProcess} child */
async function announcedPort(child) {
  let text = "";
  const stdout = /** @type {import("node:stream").Readable} */ (child.stdout);
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const port = /^listening on .*?:(\d+)\b/m.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error("waybill sftp-server ended before it listened");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Waits until a server greets, and returns what it calls itself (RFC 4253 section 4.2).
 * @param {number} port @param {() => boolean} [gone]
 */
async function softwareOn(port, gone = () => false) {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      const [greeting] = await once(socket, "data");
      return /^SSH-2\.0-(.*?)\r?$/m.exec(String(greeting))?.[1] ?? "unknown";
    } catch (error) {
      if (gone() || performance.now() > deadline)
        throw new Error(`nothing greets on port ${port}`, { cause: error });
    } finally {
      socket.destroy();
    }
    await wait(POLL_MS);
  }
}

/** @param {() => number} read */
function zeroIfGone(read) {
  try {
    return read();
  } catch {
    return 0;
  }
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
