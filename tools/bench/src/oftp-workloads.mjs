// What is measured of ODETTE-FTP: two stations, sender and receiver in processes of their own.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startPair } from "./oftp-pair.mjs";
import { residentBytes } from "./proc.mjs";

/**
 * @typedef {import("./workloads.mjs").Bench} Bench
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {import("./oftp-pair.mjs").Pair} Pair
 * @typedef {import("./oftp-pair.mjs").Side} Side
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const SAMPLE_MS = 10;
const SMALL_FILE_BYTES = KIB;
const FILES_EACH_WAY = 10;
const MAX_GROWTH_MIB = 48;
const MAX_SLOW_RUNS = 3;

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload[]} */
export function oftpWorkloads(sizes) {
  return [
    large("oftp-plain", false, 0.4, sizes),
    large("oftp-tls", true, 0.5, sizes),
    inMemory("oftp-plain-memory", false, 0.4, sizes),
    inMemory("oftp-tls-memory", true, 0.5, sizes),
    many(sizes),
    sessions(sizes),
  ];
}

/** @param {string} name @param {boolean} tls @param {number} ratio @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function large(name, tls, ratio, { transferMiB }) {
  const what = `OFTP ${transferMiB % KIB === 0 ? `${transferMiB / KIB} GiB` : `${transferMiB} MiB`} ${tls ? "TLS" : "plain"}`;
  const run = async (/** @type {Bench} */ bench, /** @type {Pair} */ pair) => {
    const { sender, receiver, port } = pair;
    if (pair.name === "bare") {
      const { seconds = 0 } = await sender.order({ work: "send", port, file: bench.folder.makeLargeFile() });
      return { [name]: transferMiB / seconds };
    }
    await sender.order({ work: "queue", port, files: [bench.folder.makeLargeFile()] });
    const { result, growth } = await grown([sender, receiver], () => sender.order({ work: "call" }));
    const { seconds = 0, acknowledged } = result;
    if (acknowledged !== 1) throw new Error(`${acknowledged} EERP came for one file`);
    await receiver.order({ work: "clear" });
    return {
      [name]: transferMiB / seconds,
      [`${name}-sender`]: growth[0] ?? 0,
      [`${name}-receiver`]: growth[1] ?? 0,
    };
  };
  const memory = (/** @type {string} */ side) => ({
    id: `${name}-${side}`,
    title: `${what}, memory growth of the ${side}`,
    unit: "MiB",
    better: /** @type {const} */ ("less"),
    wanted: { below: MAX_GROWTH_MIB },
    alone: true,
  });
  return {
    name,
    other: "bare",
    start: (bench, side) => startPair(bench, side === "bare" ? "bare" : "waybill", { tls }),
    rows: [
      { id: name, title: what, unit: "MiB/s", better: "more", wanted: { ratio } },
      memory("sender"),
      memory("receiver"),
    ],
    warmUp: run,
    run,
  };
}

/** A session beside a socket, without any disk. @param {string} name @param {boolean} tls @param {number} ratio @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function inMemory(name, tls, ratio, { transferMiB }) {
  const run = async (/** @type {Bench} */ bench, /** @type {Pair} */ { name: side, sender, port }) => {
    const order = { work: "send", port, file: bench.folder.makeLargeFile() };
    const { seconds = 0, acknowledged } = await sender.order(order);
    if (side !== "bare" && acknowledged !== 1) throw new Error(`${acknowledged} EERP came for one file`);
    return { [name]: transferMiB / seconds };
  };
  const title = `OFTP session ${tls ? "TLS" : "plain"}, from memory to nowhere`;
  return {
    name,
    other: "bare",
    start: (bench, side) => startPair(bench, side === "bare" ? "bare" : "waybill", { tls, memory: true }),
    rows: [{ id: name, title, unit: "MiB/s", better: "more", wanted: { ratio } }],
    warmUp: run,
    run,
  };
}

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function many({ oftpFiles: count }) {
  const run = async (/** @type {Bench} */ bench, /** @type {Pair} */ { sender, receiver, port }) => {
    await sender.order({ work: "queue", port, files: smallFiles(bench, count) });
    const { seconds = 0, acknowledged } = await sender.order({ work: "call" });
    if (acknowledged !== count) throw new Error(`${acknowledged} EERP came for ${count} files`);
    await receiver.order({ work: "clear" });
    return { "oftp-files": count / seconds };
  };
  return {
    name: "oftp-files",
    start: (bench) => startPair(bench, "waybill", {}),
    other: undefined,
    freshServer: true,
    maxRuns: MAX_SLOW_RUNS,
    rows: [
      {
        id: "oftp-files",
        title: `OFTP, ${count} files of 1 KiB with EERP, one session`,
        unit: "files/s",
        better: "more",
      },
    ],
    warmUp: async () => {},
    run,
  };
}

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function sessions({ oftpSessions: count }) {
  const all = count * FILES_EACH_WAY;
  return {
    name: "oftp-sessions",
    start: (bench) => startPair(bench, "waybill", { stations: count }),
    other: undefined,
    freshServer: true,
    maxRuns: MAX_SLOW_RUNS,
    rows: [
      {
        id: "oftp-sessions",
        title: `OFTP, ${count} sessions at once, ${FILES_EACH_WAY} files each way`,
        unit: "files/s",
        better: "more",
      },
      {
        id: "oftp-session-memory",
        title: "memory of one of these sessions, responder",
        unit: "KiB",
        better: "less",
      },
    ],
    warmUp: async () => {},
    run: async (bench, pair) => {
      const { sender, receiver, port } = /** @type {Pair} */ (/** @type {unknown} */ (pair));
      const files = smallFiles(bench, FILES_EACH_WAY);
      await receiver.order({ work: "queue", files });
      await sender.order({ work: "queue", port, files });
      const { result, growth } = await grown([receiver], () => sender.order({ work: "call" }));
      const { seconds = 0, acknowledged, received } = result;
      if (acknowledged !== all || received !== all) {
        throw new Error(`${acknowledged} EERP and ${received} files came; wanted are ${all} of each`);
      }
      return {
        "oftp-sessions": (2 * all) / seconds,
        "oftp-session-memory": ((growth[0] ?? 0) * KIB) / count,
      };
    },
  };
}

/**
 * What something returns, and by how many MiB the resident memory of processes has grown at most meanwhile.
 * @template T
 * @param {Side[]} sides @param {() => Promise<T>} body
 */
async function grown(sides, body) {
  const before = sides.map(({ pid }) => residentBytes(pid));
  const most = [...before];
  const sample = () => {
    for (const [index, { pid }] of sides.entries())
      most[index] = Math.max(most[index] ?? 0, residentBytes(pid));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const result = await body();
    sample();
    return { result, growth: most.map((peak, index) => (peak - (before[index] ?? 0)) / MIB) };
  } finally {
    clearInterval(timer);
  }
}

/** @param {Bench} bench @param {number} count */
function smallFiles({ folder }, count) {
  const place = join(folder.path, `kibibytes-${count}`);
  const paths = Array.from({ length: count }, (_, index) =>
    join(place, `FILE.${String(index).padStart(5, "0")}`),
  );
  if (mkdirSync(place, { recursive: true }) !== undefined) {
    const content = Buffer.alloc(SMALL_FILE_BYTES, "content ");
    for (const path of paths) writeFileSync(path, content);
  }
  return paths;
}
