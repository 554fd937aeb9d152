// What is measured: how one run of each workload goes, with one server.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { openIdleSession, quoted, sftp } from "./client.mjs";
import { cmsWorkloads } from "./cms-workloads.mjs";
import { oftpWorkloads } from "./oftp-workloads.mjs";
import { stop } from "./processes.mjs";

/**
 * @typedef {import("./servers.mjs").Server} Server
 * @typedef {import("./bench-folder.mjs").BenchFolder} BenchFolder
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {"more" | "less"} better
 * @property {{ ratio: number } | { below: number }} [wanted] Times as good as the other, or a limit in the row's unit.
 * @property {boolean} [alone] Only ours has it.
 * @property {boolean} [never] The limit holds for each run, not for their median.
 *
 * @typedef {object} Bench What a run needs.
 * @property {BenchFolder} folder
 * @property {import("./credentials.mjs").Credentials} credentials
 * @property {import("./options.mjs").Sizes} sizes
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {Row[]} rows
 * @property {boolean} [freshServer] Each run has a server of its own: memory that one run took must not be there for the next.
 * @property {number} [maxRuns]
 * @property {import("./comparison.mjs").Name | undefined} [other] What ours is compared with. Default OpenSSH; undefined: nothing.
 * @property {(bench: Bench, name: import("./comparison.mjs").Name) => Promise<object>} [start] Default: the SFTP servers.
 * @property {(bench: Bench, server: any) => Promise<unknown>} warmUp Before the measured runs; with a fresh server before each.
 * @property {(bench: Bench, server: any) => Promise<Record<string, number>>} run Values by row id; `server` is what `start` gave.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const SAMPLE_MS = 10;
const WARM_UP_SESSIONS = 20;
const OPENED_AT_ONCE = 8;
const QUIET_MS = 1000;
const QUIET_POLL_MS = 100;
const MAX_SLOW_RUNS = 3;

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload[]} */
export function workloads(sizes) {
  return [
    throughput("down", size(sizes.transferMiB), 1.1, download),
    throughput("up", size(sizes.transferMiB), 1.3, upload),
    smallFiles("files-down", sizes, getTree),
    smallFiles("files-up", sizes, putTree),
    connections(sizes),
    idleMemory(sizes),
    transferMemory("memory-down", "down", sizes, download),
    transferMemory("memory-up", "up", sizes, upload),
    ...oftpWorkloads(sizes),
    ...cmsWorkloads(sizes),
  ];
}

/**
 * @param {string} name @param {string} title @param {number} ratio
 * @param {(bench: Bench, server: Server, file: string) => Promise<number>} transfer
 * @returns {Workload}
 */
function throughput(name, title, ratio, transfer) {
  const run = async (/** @type {Bench} */ bench, /** @type {Server} */ server) => {
    const file = bench.folder.makeLargeFile();
    const before = server.cpuSeconds();
    const seconds = await transfer(bench, server, file);
    await server.sessionsEnded();
    const cpu = server.cpuSeconds() - before;
    const { transferMiB } = bench.sizes;
    return { [name]: transferMiB / seconds, [`cpu-${name}`]: (cpu * KIB) / transferMiB };
  };
  return {
    name,
    rows: [
      { id: name, title: `${title} ${name}`, unit: "MiB/s", better: "more", wanted: { ratio } },
      { id: `cpu-${name}`, title: `server CPU, ${name}`, unit: "s/GiB", better: "less" },
    ],
    warmUp: run,
    run,
  };
}

/**
 * @param {string} name @param {import("./options.mjs").Sizes} sizes
 * @param {(bench: Bench, server: Server) => Promise<number>} transfer
 * @returns {Workload}
 */
function smallFiles(name, { files }, transfer) {
  const title = `${files} files of 4 KiB ${name === "files-down" ? "down" : "up"}`;
  const run = async (/** @type {Bench} */ bench, /** @type {Server} */ server) => {
    const seconds = await transfer(bench, server);
    return { [name]: files / seconds };
  };
  return {
    name,
    rows: [{ id: name, title, unit: "files/s", better: "more", wanted: { ratio: 0.9 } }],
    warmUp: run,
    run,
  };
}

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function connections({ connections: count }) {
  const open = async (
    /** @type {Bench} */ bench,
    /** @type {Server} */ server,
    /** @type {number} */ times,
  ) => {
    for (let done = 0; done < times; done += 1) await sftp(server, bench.credentials, []);
  };
  return {
    name: "connections",
    rows: [{ id: "connections", title: `${count} connections, each`, unit: "ms", better: "less" }],
    maxRuns: MAX_SLOW_RUNS,
    warmUp: (bench, server) => open(bench, server, Math.min(count, WARM_UP_SESSIONS)),
    run: async (bench, server) => {
      const begin = performance.now();
      await open(bench, server, count);
      return { connections: (performance.now() - begin) / count };
    },
  };
}

/** @param {import("./options.mjs").Sizes} sizes @returns {Workload} */
function idleMemory({ idleSessions: count }) {
  return {
    name: "idle",
    rows: [
      {
        id: "idle",
        title: `memory of an idle session (${count})`,
        unit: "KiB",
        better: "less",
        wanted: { below: 100 },
      },
    ],
    freshServer: true,
    maxRuns: MAX_SLOW_RUNS,
    warmUp: (bench, server) => withIdleSessions(bench, server, WARM_UP_SESSIONS, () => {}),
    run: async (bench, server) => {
      await quiet(server);
      const before = server.memoryBytes();
      const bytes = await withIdleSessions(bench, server, count, async () => {
        await quiet(server);
        return server.memoryBytes() - before;
      });
      return { idle: bytes / count / KIB };
    },
  };
}

/**
 * @param {string} name @param {string} direction @param {import("./options.mjs").Sizes} sizes
 * @param {(bench: Bench, server: Server, file: string) => Promise<number>} transfer
 * @returns {Workload}
 */
function transferMemory(name, direction, { memoryTransferMiB }, transfer) {
  const title = `memory growth, ${size(memoryTransferMiB)} ${direction}`;
  const fresh = `${name}-fresh`;
  return {
    name,
    rows: [
      { id: name, title, unit: "MiB", better: "less", wanted: { below: 64 } },
      { id: fresh, title: `${title}, fresh server`, unit: "MiB", better: "less", wanted: { below: 64 } },
    ],
    freshServer: true,
    maxRuns: MAX_SLOW_RUNS,
    warmUp: (bench, server) => sftp(server, bench.credentials, []),
    run: async (bench, server) => {
      const growth = async (/** @type {string} */ file) => {
        await server.sessionsEnded();
        await quiet(server);
        const before = server.memoryBytes();
        const peak = await peakMemory(server, () => transfer(bench, server, file));
        return { before, peak };
      };
      const first = await growth(bench.folder.makeLargeFile());
      const second = await growth(bench.folder.makeHugeFile());
      return {
        [name]: (second.peak - second.before) / MIB,
        [fresh]: (Math.max(first.peak, second.peak) - first.before) / MIB,
      };
    },
  };
}

/** @param {Bench} bench @param {Server} server @param {string} file @returns {Promise<number>} Seconds. */
function download({ credentials }, server, file) {
  return sftp(server, credentials, [`get ${quoted(server.remotePath(file))} /dev/null`]);
}

/** @param {Bench} bench @param {Server} server @param {string} file @returns {Promise<number>} Seconds. */
async function upload({ folder, credentials }, server, file) {
  const target = join(folder.root, "uploaded");
  const put = `put ${quoted(file)} ${quoted(server.remotePath(target))}`;
  const seconds = await sftp(server, credentials, [put]);
  rmSync(target);
  return seconds;
}

/** @param {Bench} bench @param {Server} server */
async function getTree({ folder, credentials }, server) {
  const tree = quoted(server.remotePath(folder.makeSmallFiles()));
  const seconds = await sftp(server, credentials, [`get -r ${tree} ${quoted(folder.fetched)}`]);
  rmSync(folder.fetched, { recursive: true });
  return seconds;
}

/** @param {Bench} bench @param {Server} server */
async function putTree({ folder, credentials }, server) {
  const tree = quoted(folder.makeSmallFiles());
  const target = join(folder.root, "uploaded-tree");
  mkdirSync(target);
  const seconds = await sftp(server, credentials, [`put -r ${tree} ${quoted(server.remotePath(target))}`]);
  rmSync(target, { recursive: true });
  return seconds;
}

/**
 * @template T
 * @param {Bench} bench @param {Server} server @param {number} count @param {() => T | Promise<T>} body
 */
async function withIdleSessions({ credentials }, server, count, body) {
  /** @type {import("node:child_process").ChildProcess[]} */
  const sessions = [];
  try {
    while (sessions.length < count) {
      const group = Math.min(OPENED_AT_ONCE, count - sessions.length);
      sessions.push(
        ...(await Promise.all(Array.from({ length: group }, () => openIdleSession(server, credentials)))),
      );
    }
    return await body();
  } finally {
    await Promise.all(sessions.map((session) => stop(session)));
    await server.sessionsEnded();
  }
}

/** The most memory that a server has while something runs. @param {Server} server @param {() => Promise<unknown>} body */
async function peakMemory(server, body) {
  let peak = 0;
  const sample = () => {
    peak = Math.max(peak, server.memoryBytes());
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    await body();
    sample();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

/** Resolves when a server has used no CPU for a second. @param {Server} server */
async function quiet(server) {
  let cpu = server.cpuSeconds();
  for (let since = performance.now(); performance.now() - since < QUIET_MS; ) {
    await wait(QUIET_POLL_MS);
    const now = server.cpuSeconds();
    if (now !== cpu) since = performance.now();
    cpu = now;
  }
}

/** @param {number} mebibytes */
function size(mebibytes) {
  return mebibytes % KIB === 0 ? `${mebibytes / KIB} GiB` : `${mebibytes} MiB`;
}
