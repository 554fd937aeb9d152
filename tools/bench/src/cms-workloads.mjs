// What is measured of CMS security: sealing and opening of large files, beside openssl cms.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { opensslSide, startOurs } from "./cms-sides.mjs";

/**
 * @typedef {import("./bench-folder.mjs").BenchFolder} BenchFolder
 * @typedef {import("./workloads.mjs").Bench} Bench
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {import("./cms-sides.mjs").Side} Side
 * @typedef {import("./cms-sides.mjs").OurSide} OurSide
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const RATIO = 0.8;
const MAX_GROWTH_MIB = 48;
const MAX_DELAY_MS = 20;
const WARM_UP_MIB = 64;
const MAX_SLOW_RUNS = 3;
/** Of those that take most of a minute. */
const MAX_LONG_RUNS = 2;
/** What comes out is thrown away, as by the downloads: the disk has no part in it. */
const NOWHERE = "/dev/null";

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload[]} */
export function cmsWorkloads(sizes) {
  return [
    sealing(false, sizes),
    sealing(true, sizes),
    opening(false, sizes),
    opening(true, sizes),
    large(false, sizes),
    large(true, sizes),
  ];
}

/** @param {boolean} compress @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function sealing(compress, { transferMiB }) {
  const name = compress ? "cms-seal-compressed" : "cms-seal";
  const title = `CMS seal ${size(transferMiB)}${layers(compress)}`;
  return {
    name,
    other: peerOf(compress),
    start: startSide,
    rows: [
      { id: name, title, unit: "MiB/s", better: "more", wanted: { ratio: RATIO } },
      {
        id: `${name}-delay`,
        title: `${title}, longest delay of the event loop`,
        unit: "ms",
        better: "less",
        wanted: { below: MAX_DELAY_MS },
        alone: true,
        never: true,
      },
    ],
    ...(compress && { maxRuns: MAX_LONG_RUNS }),
    warmUp: (bench, side) => prove(bench, side, opensslSide(bench.folder, peerOf(compress)), compress),
    run: async ({ folder }, side) => {
      const { seconds, longestDelayMs } = await /** @type {Side} */ (side).seal({
        from: folder.makeMixedFile(),
        to: NOWHERE,
        compress,
        contentBytes: transferMiB * MIB,
      });
      return {
        [name]: transferMiB / seconds,
        ...(longestDelayMs !== undefined && { [`${name}-delay`]: longestDelayMs }),
      };
    },
  };
}

/** Both open the same message, which openssl has sealed. @param {boolean} compress @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function opening(compress, { transferMiB }) {
  const name = compress ? "cms-open-compressed" : "cms-open";
  const contentBytes = transferMiB * MIB;
  const message = (/** @type {BenchFolder} */ folder) => folder.secret(`${name}-message`);
  return {
    name,
    other: peerOf(compress),
    start: async (bench, sideName) => {
      const { folder } = bench;
      const to = message(folder);
      if (!existsSync(to)) {
        const from = folder.makeMixedFile();
        await opensslSide(folder, peerOf(compress)).seal({ from, to, compress, contentBytes });
      }
      const side = await startSide(bench, sideName);
      const stop = async () => {
        await side.stop();
        rmSync(to, { force: true });
      };
      return { ...side, stop };
    },
    rows: [
      {
        id: name,
        title: `CMS open ${size(transferMiB)}${layers(compress)}`,
        unit: "MiB/s",
        better: "more",
        wanted: { ratio: RATIO },
      },
    ],
    maxRuns: compress ? MAX_LONG_RUNS : MAX_SLOW_RUNS,
    warmUp: (bench, side) => prove(bench, opensslSide(bench.folder, peerOf(compress)), side, compress),
    run: async ({ folder }, side) => {
      const task = { from: message(folder), to: NOWHERE, compress, contentBytes };
      const { seconds } = await /** @type {Side} */ (side).open(task);
      return { [name]: transferMiB / seconds };
    },
  };
}

/** One of us seals into a pipe out of which another opens. @param {boolean} compress @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function large(compress, { transferMiB, sealedMiB }) {
  const name = compress ? "cms-large-compressed" : "cms-large";
  const title = `CMS ${size(sealedMiB)} sealed and opened${layers(compress)}`;
  const memoryRows = (/** @type {string} */ side) => {
    const row = {
      unit: "MiB",
      better: /** @type {const} */ ("less"),
      wanted: { below: MAX_GROWTH_MIB },
      alone: true,
      never: true,
    };
    const what = `${title}, memory growth of the ${side}`;
    return [
      { ...row, id: `${name}-${side}`, title: what },
      { ...row, id: `${name}-${side}-fresh`, title: `${what}, fresh process` },
    ];
  };
  return {
    name,
    other: undefined,
    freshServer: true,
    maxRuns: MAX_LONG_RUNS,
    start: startCouple,
    rows: [
      { id: name, title, unit: "MiB/s", better: "more" },
      ...memoryRows("sealer"),
      ...memoryRows("opener"),
    ],
    warmUp: async () => {},
    run: async ({ folder }, couple) => {
      const { sealer, opener } = /** @type {Couple} */ (/** @type {unknown} */ (couple));
      const first = await passThrough(folder, sealer, opener, compress, transferMiB);
      const second = await passThrough(folder, sealer, opener, compress, sealedMiB);
      const growth = (/** @type {"sealer" | "opener"} */ side) => ({
        [`${name}-${side}`]: (second[side].peak - second[side].before) / MIB,
        [`${name}-${side}-fresh`]: (Math.max(first[side].peak, second[side].peak) - first[side].before) / MIB,
      });
      return { [name]: sealedMiB / second.seconds, ...growth("sealer"), ...growth("opener") };
    },
  };
}

/** @param {BenchFolder} folder @param {OurSide} sealer @param {OurSide} opener @param {boolean} compress @param {number} mebibytes */
async function passThrough(folder, sealer, opener, compress, mebibytes) {
  const from = folder.makeMarkedFile(mebibytes);
  const wanted = sha256Of(from);
  const pipe = newPipe(folder);
  const task = { compress, contentBytes: mebibytes * MIB };
  const peaks = { sealer: sealer.watchMemory(), opener: opener.watchMemory() };
  const begin = performance.now();
  const [, { sha256 }] = await Promise.all([
    sealer.seal({ ...task, from, to: pipe }),
    opener.open({ ...task, from: pipe, to: NOWHERE, hash: true }),
  ]);
  const seconds = (performance.now() - begin) / 1000;
  if (sha256 !== wanted) throw new Error(`SHA-256 of the content: ${sha256} instead of ${wanted}`);
  return { seconds, sealer: peaks.sealer(), opener: peaks.opener() };
}

/** @param {Bench} bench @param {import("./comparison.mjs").Name} name @returns {Promise<Side>} */
async function startSide({ folder }, name) {
  return name === "openssl" || name === "openssl-zlib" ? opensslSide(folder, name) : startOurs(folder);
}

/**
 * @typedef {object} Couple
 * @property {"waybill"} name
 * @property {OurSide} sealer
 * @property {OurSide} opener
 *
 * @param {Bench} bench
 */
async function startCouple({ folder }) {
  const [sealer, opener] = [await startOurs(folder), await startOurs(folder)];
  return {
    name: "waybill",
    sealer,
    opener,
    cpuSeconds: () => sealer.cpuSeconds() + opener.cpuSeconds(),
    stop: async () => {
      await Promise.all([sealer.stop(), opener.stop()]);
    },
  };
}

/**
 * Warms both sides up, and shows that they do the same: what the one seals the other opens, and it is the content.
 * @param {Bench} bench @param {Side} sealer @param {Side} opener @param {boolean} compress
 */
async function prove({ folder }, sealer, opener, compress) {
  const content = folder.makeMixedFile(WARM_UP_MIB);
  const [message, opened] = [folder.secret("cms-warm-up"), folder.secret("cms-warm-up-opened")];
  const task = { compress, contentBytes: WARM_UP_MIB * MIB };
  try {
    await sealer.seal({ ...task, from: content, to: message });
    await opener.open({ ...task, from: message, to: opened });
    if (sha256Of(opened) !== sha256Of(content))
      throw new Error(`${opener.name} opens something else than ${sealer.name} has sealed`);
  } finally {
    for (const file of [message, opened]) rmSync(file, { force: true });
  }
}

/** @param {string} file */
function sha256Of(file) {
  return execFileSync("openssl", ["dgst", "-sha256", "-r", file], { encoding: "utf8" }).slice(0, 64);
}

/** @param {BenchFolder} folder */
function newPipe(folder) {
  const path = folder.secret("cms-pipe");
  rmSync(path, { force: true });
  execFileSync("mkfifo", ["-m", "600", path]);
  return path;
}

/** Debian's openssl cannot compress: Python's zlib does it between the two commands. @param {boolean} compress */
const peerOf = (compress) => (compress ? "openssl-zlib" : "openssl");

/** @param {boolean} compress */
const layers = (compress) => (compress ? ", compressed" : "");

/** @param {number} mebibytes */
const size = (mebibytes) => (mebibytes % KIB === 0 ? `${mebibytes / KIB} GiB` : `${mebibytes} MiB`);
