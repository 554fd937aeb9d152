// A receiver and a sender in processes of their own, as one "server" of a comparison.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds, residentBytes } from "./proc.mjs";
import { startWorker } from "./worker.mjs";

/**
 * @typedef {object} PairSettings
 * @property {boolean} [tls]
 * @property {number} [stations] Stations that call. Default 1.
 * @property {boolean} [memory] No stations but sessions, whose files come from memory and go nowhere. Default false.
 *
 * @typedef {import("./worker.mjs").Worker<Record<string, number>>} Side
 *
 * @typedef {object} Pair
 * @property {"waybill" | "bare"} name
 * @property {number} port
 * @property {Side} receiver
 * @property {Side} sender
 * @property {() => number} cpuSeconds
 * @property {() => number} memoryBytes Of the larger of both.
 * @property {() => Promise<void>} sessionsEnded
 * @property {() => Promise<void>} stop
 */

/**
 * @param {import("./workloads.mjs").Bench} bench @param {"waybill" | "bare"} name @param {PairSettings} settings
 * @returns {Promise<Pair>}
 */
export async function startPair({ folder }, name, { tls = false, stations = 1, memory = false }) {
  const kind = name === "bare" ? (memory ? "bare-in-memory" : "bare") : memory ? "session" : "station";
  const own = mkdtempSync(join(folder.path, "oftp-"));
  const certificate = tls ? makeCertificate(folder.path) : undefined;
  /** @returns {Promise<Side>} */
  const begin = (/** @type {"receive" | "send"} */ side) => {
    const settings = { side, folder: own, stations, tls: certificate };
    return startWorker("oftp-peer.mjs", [kind, JSON.stringify(settings)]);
  };
  const [receiver, sender] = [await begin("receive"), await begin("send")];
  const { port = 0 } = await receiver.order({ work: "listen" });
  return {
    name,
    port,
    receiver,
    sender,
    cpuSeconds: () => cpuSeconds(receiver.pid) + cpuSeconds(sender.pid),
    memoryBytes: () => Math.max(residentBytes(receiver.pid), residentBytes(sender.pid)),
    sessionsEnded: async () => {},
    stop: async () => {
      await Promise.all([receiver.stop(), sender.stop()]);
      rmSync(own, { recursive: true, force: true });
    },
  };
}

/** @param {string} folder */
function makeCertificate(folder) {
  const files = join(folder, "tls");
  const [key, certificate] = [join(files, "key.pem"), join(files, "certificate.pem")];
  try {
    return { certificate: readFileSync(certificate, "utf8"), privateKey: readFileSync(key, "utf8") };
  } catch {
    mkdirSync(files, { mode: 0o700 });
  }
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const out = ["-keyout", key, "-out", certificate, "-subj", "/CN=station", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...out], { stdio: "ignore" });
  return makeCertificate(folder);
}
