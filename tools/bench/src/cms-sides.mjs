// Who seals and opens: we in a process of our own, or openssl cms as its users join its commands, behind one shape.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cpuSeconds, watchMemory } from "./proc.mjs";
import { ended, start, stop } from "./processes.mjs";
import { startWorker } from "./worker.mjs";

/**
 * @typedef {object} Task
 * @property {string} from A file.
 * @property {string} to Likewise. It is replaced.
 * @property {boolean} compress
 * @property {number} contentBytes
 * @property {boolean} [hash] Whether the SHA-256 of the content is wanted. Only ours can tell. Default no.
 *
 * @typedef {object} Side
 * @property {import("./comparison.mjs").Name} name
 * @property {(task: Task) => Promise<Done>} seal Signs, compresses when it is asked for, encrypts: cipher suite 04.
 * @property {(task: Task) => Promise<Done>} open
 * @property {() => number} cpuSeconds
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Done
 * @property {number} seconds
 * @property {number} [longestDelayMs] For how long the event loop did not turn. Only ours has one.
 * @property {string} [sha256]
 *
 * @typedef {object} Watch
 * @property {() => () => { before: number, peak: number }} watchMemory See proc.mjs.
 *
 * @typedef {Side & Watch} OurSide
 */

const COMPRESSOR = fileURLToPath(new URL("./compressed-data.py", import.meta.url));
/** Debian's own, and not what else may come first in PATH. */
const PYTHON = "/usr/bin/python3";
const TIMEOUT_MS = 600_000;

/** @param {import("./bench-folder.mjs").BenchFolder} folder @returns {Promise<OurSide>} */
export async function startOurs(folder) {
  const worker = await startWorker("cms-peer.mjs", [JSON.stringify(identityFiles(folder))]);
  const { pid } = worker;
  // What a program loads before it has anything to seal is not for the sealing.
  await worker.order({ work: "prepare" });
  const done = (/** @type {object} */ order) => /** @type {Promise<Done>} */ (worker.order(order));
  return {
    name: "waybill",
    seal: (task) => done({ work: "seal", ...task }),
    open: (task) => done({ work: "open", ...task }),
    cpuSeconds: () => cpuSeconds(pid),
    watchMemory: () => watchMemory(pid),
    stop: worker.stop,
  };
}

/**
 * Each command is a process of its own, and a pipe leads from one to the next: they run at the same time.
 * @param {import("./bench-folder.mjs").BenchFolder} folder @param {"openssl" | "openssl-zlib"} name @returns {Side}
 */
export function opensslSide(folder, name) {
  const { certificate, privateKey } = identityFiles(folder);
  const own = ["-inkey", privateKey];
  const der = ["-binary", "-stream", "-outform", "DER"];
  const read = ["-binary", "-inform", "DER"];
  const compressor = (/** @type {string} */ direction) => [PYTHON, "-I", COMPRESSOR, direction];
  return {
    name,
    seal: ({ from, to, compress }) => {
      // As ours: no certificate in the message (RFC 5024 section 6.2).
      const signer = ["-signer", certificate, ...own, "-md", "sha256", "-nocerts", "-nodetach"];
      return piped(
        ["openssl", "cms", "-sign", ...signer, ...der, "-in", from],
        ...(compress ? [compressor("compress")] : []),
        ["openssl", "cms", "-encrypt", "-aes256", "-recip", certificate, ...der, "-out", to],
      );
    },
    open: ({ from, to, compress }) => {
      const trusted = ["-certfile", certificate, "-CAfile", certificate];
      return piped(
        ["openssl", "cms", "-decrypt", "-recip", certificate, ...own, ...read, "-in", from],
        ...(compress ? [compressor("uncompress")] : []),
        ["openssl", "cms", "-verify", ...trusted, ...read, "-out", to],
      );
    },
    // They have ended and were waited for, so the benchmark's own process has them.
    cpuSeconds: () => 0,
    stop: async () => {},
  };
}

/** @param {string[][]} commands @returns {Promise<Done>} */
async function piped(...commands) {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing: install Debian's python3`);
  const line = commands.map((command) => command.map(quoted).join(" ")).join(" | ");
  const begin = performance.now();
  // A shell's pipes are pipes; those between children of Node are sockets.
  const child = await start("bash", ["-c", `set -o pipefail; ${line}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const timer = setTimeout(() => {
    errors += `no end after ${TIMEOUT_MS / 1000} s`;
    void stop(child);
  }, TIMEOUT_MS);
  await ended(child);
  clearTimeout(timer);
  if (child.exitCode !== 0) throw new Error(`openssl cms failed: ${errors.trim()}`);
  return { seconds: (performance.now() - begin) / 1000 };
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** One station that is both sides: RSA of 2048 bits, made once. @param {import("./bench-folder.mjs").BenchFolder} folder */
function identityFiles(folder) {
  const [certificate, privateKey] = [folder.secret("cms-certificate.pem"), folder.secret("cms-key.pem")];
  if (!existsSync(certificate)) {
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", privateKey];
    const subject = ["-subj", "/CN=station", "-days", "2", "-out", certificate];
    execFileSync("openssl", ["req", "-x509", ...key, ...subject], { stdio: "ignore" });
  }
  return { certificate, privateKey };
}
