// Runs one workload with both servers in turn and compares what came out.
import { cpuSeconds, machineCpuSeconds } from "./proc.mjs";
import { startOpenSsh, startWaybill } from "./servers.mjs";
import { summary, timesAsGood } from "./statistics.mjs";

/**
 * @typedef {import("./servers.mjs").Server} Server
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {import("./workloads.mjs").Bench} Bench
 * @typedef {import("./workloads.mjs").Row} Row
 * @typedef {Server["name"]} Name
 *
 * @typedef {object} Result
 * @property {Row} row
 * @property {Record<Name, number[]>} samples
 * @property {Record<Name, import("./statistics.mjs").Summary>} summaries
 * @property {number} ratio
 * @property {boolean | undefined} met Whether what is wanted was reached.
 * @property {number} otherLoad The part of the machine that other programs took meanwhile, 0 to 1.
 */

/** @type {Record<Name, (bench: Bench) => Promise<Server>>} */
const START = { waybill: startWaybill, openssh: startOpenSsh };
const ORDER = /** @type {const} */ (["waybill", "openssh"]);

/**
 * @param {Bench} bench @param {Workload} workload @param {number} runs @param {number} cores
 * @param {(line: string) => void} progress
 * @returns {Promise<Result[]>}
 */
export async function compare(bench, workload, runs, cores, progress) {
  /** @type {Record<Name, Record<string, number>[]>} */
  const values = { waybill: [], openssh: [] };
  /** @type {Map<Name, Server>} */
  const kept = new Map();
  const measureOnce = async (/** @type {Name} */ name, /** @type {string} */ label) => {
    const server = await START[name](bench);
    try {
      await workload.warmUp(bench, server);
      values[name].push(await runAndTell(bench, workload, server, label, progress));
    } finally {
      await server.stop();
    }
  };
  const measureKept = async (/** @type {Name} */ name, /** @type {string} */ label) => {
    values[name].push(
      await runAndTell(bench, workload, /** @type {Server} */ (kept.get(name)), label, progress),
    );
  };
  const load = loadMeter(cores);
  try {
    if (!workload.freshServer) {
      for (const name of ORDER) {
        kept.set(name, await START[name](bench));
        await workload.warmUp(bench, /** @type {Server} */ (kept.get(name)));
      }
    }
    const count = Math.min(runs, workload.maxRuns ?? runs);
    for (let index = 0; index < count; index += 1) {
      const order = index % 2 === 0 ? ORDER : ORDER.toReversed();
      for (const name of order) {
        await (workload.freshServer ? measureOnce : measureKept)(name, `${index + 1}/${count}`);
      }
    }
  } finally {
    for (const server of kept.values()) await server.stop();
  }
  const otherLoad = load();
  return workload.rows.map((row) => result(row, values, otherLoad));
}

/**
 * @param {Bench} bench @param {Workload} workload @param {Server} server @param {string} label
 * @param {(line: string) => void} progress
 */
async function runAndTell(bench, workload, server, label, progress) {
  const measured = await workload.run(bench, server);
  const texts = workload.rows.map(({ id, unit }) => `${(measured[id] ?? 0).toPrecision(4)} ${unit}`);
  progress(`${workload.name} ${label} ${server.name}: ${texts.join(", ")}`);
  return measured;
}

/** @param {Row} row @param {Record<Name, Record<string, number>[]>} values @param {number} otherLoad @returns {Result} */
function result(row, values, otherLoad) {
  const of = (/** @type {Name} */ name) => values[name].map((each) => each[row.id] ?? Number.NaN);
  const samples = { waybill: of("waybill"), openssh: of("openssh") };
  const summaries = { waybill: summary(samples.waybill), openssh: summary(samples.openssh) };
  const ratio = timesAsGood(summaries.waybill.median, summaries.openssh.median, row.better);
  return { row, samples, summaries, ratio, met: isMet(row, summaries.waybill.median, ratio), otherLoad };
}

/** @param {Row} row @param {number} ours @param {number} ratio */
function isMet({ wanted }, ours, ratio) {
  if (wanted === undefined) return undefined;
  return "ratio" in wanted ? ratio >= wanted.ratio : ours < wanted.below;
}

/**
 * Starts to watch what others do. All servers and clients must have ended, then and at the end: what this process and
 * the programs that it waited for have used is ours.
 * @param {number} cores
 */
function loadMeter(cores) {
  const begin = performance.now();
  const others = machineCpuSeconds() - cpuSeconds(process.pid);
  return () => {
    const seconds = machineCpuSeconds() - cpuSeconds(process.pid) - others;
    return Math.max(0, (seconds * 1000) / (performance.now() - begin) / cores);
  };
}
