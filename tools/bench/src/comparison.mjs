// Runs one workload with both servers in turn and compares what came out.
import { othersToBeQuiet, watchOtherLoad } from "./other-load.mjs";
import { startOpenSsh, startWaybill } from "./servers.mjs";
import { summary, timesAsGood } from "./statistics.mjs";

/**
 * @typedef {import("./servers.mjs").Server} Server
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {import("./workloads.mjs").Bench} Bench
 * @typedef {import("./workloads.mjs").Row} Row
 * @typedef {Server["name"]} Name
 *
 * @typedef {object} Sample One run.
 * @property {Record<string, number>} values By row id.
 * @property {number} otherLoad The part of the machine that other programs took meanwhile, 0 to 1.
 *
 * @typedef {object} Settings
 * @property {number} runs
 * @property {number} maxOtherLoad A run with more of it is repeated.
 * @property {(line: string) => void} progress
 *
 * @typedef {object} Result
 * @property {Row} row
 * @property {Record<Name, number[]>} samples
 * @property {Record<Name, import("./statistics.mjs").Summary>} summaries
 * @property {number} ratio
 * @property {boolean | undefined} met Whether what is wanted was reached.
 * @property {number} otherLoad The median of the runs.
 */

/** @type {Record<Name, (bench: Bench) => Promise<Server>>} */
const START = { waybill: startWaybill, openssh: startOpenSsh };
const ORDER = /** @type {const} */ (["waybill", "openssh"]);
const MAX_ATTEMPTS = 10;

/** @param {Bench} bench @param {Workload} workload @param {Settings} settings @returns {Promise<Result[]>} */
export async function compare(bench, workload, settings) {
  /** @type {Record<Name, Sample[]>} */
  const samples = { waybill: [], openssh: [] };
  /** @type {Map<Name, Server>} */
  const servers = new Map();
  const serve = async (/** @type {Name} */ name) => {
    const running = servers.get(name);
    if (running !== undefined && !workload.freshServer) return running;
    await running?.stop();
    const server = await START[name](bench);
    servers.set(name, server);
    await workload.warmUp(bench, server);
    return server;
  };
  try {
    if (!workload.freshServer) for (const name of ORDER) await serve(name);
    const runs = Math.min(settings.runs, workload.maxRuns ?? settings.runs);
    for (let index = 0; index < runs; index += 1) {
      for (const name of index % 2 === 0 ? ORDER : ORDER.toReversed()) {
        const server = await serve(name);
        const sample = await undisturbedRun(bench, workload, server, [...servers.values()], settings);
        samples[name].push(sample);
        settings.progress(`${workload.name} ${index + 1}/${runs} ${name}: ${sampleText(workload, sample)}`);
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  return workload.rows.map((row) => result(row, samples));
}

/**
 * @param {Bench} bench @param {Workload} workload @param {Server} server @param {Server[]} running
 * @param {Settings} settings @returns {Promise<Sample>}
 */
async function undisturbedRun(bench, workload, server, running, { maxOtherLoad, progress }) {
  for (let attempt = 1; ; attempt += 1) {
    if (maxOtherLoad < 1) await othersToBeQuiet(maxOtherLoad);
    const load = watchOtherLoad(running);
    const sample = { values: await workload.run(bench, server), otherLoad: load() };
    // A second run with the same server would not show the memory that the first one took.
    if (sample.otherLoad <= maxOtherLoad || attempt === MAX_ATTEMPTS || workload.freshServer) return sample;
    progress(`${workload.name} ${server.name} disturbed, once more: ${sampleText(workload, sample)}`);
  }
}

/** @param {Workload} workload @param {Sample} sample */
function sampleText({ rows }, { values, otherLoad }) {
  const texts = rows.map(({ id, unit }) => `${values[id]?.toPrecision(4)} ${unit}`);
  return `${texts.join(", ")}, other load ${(otherLoad * 100).toFixed(0)} %`;
}

/** @param {Row} row @param {Record<Name, Sample[]>} all @returns {Result} */
function result(row, all) {
  const of = (/** @type {Name} */ name) => all[name].map(({ values }) => values[row.id] ?? Number.NaN);
  const samples = { waybill: of("waybill"), openssh: of("openssh") };
  const summaries = { waybill: summary(samples.waybill), openssh: summary(samples.openssh) };
  const ratio = timesAsGood(summaries.waybill.median, summaries.openssh.median, row.better);
  const met = isMet(row, summaries.waybill.median, ratio);
  const otherLoad = summary([...all.waybill, ...all.openssh].map((sample) => sample.otherLoad)).median;
  return { row, samples, summaries, ratio, met, otherLoad };
}

/** @param {Row} row @param {number} ours @param {number} ratio */
function isMet({ wanted }, ours, ratio) {
  if (wanted === undefined) return undefined;
  return "ratio" in wanted ? ratio >= wanted.ratio : ours < wanted.below;
}
