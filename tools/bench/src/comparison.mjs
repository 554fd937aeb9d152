// Runs one workload with both servers in turn, or with ours alone, and compares what came out.
import { othersToBeQuiet, watchOtherLoad } from "./other-load.mjs";
import { startOpenSsh, startWaybill } from "./servers.mjs";
import { summary, timesAsGood } from "./statistics.mjs";

/**
 * @typedef {import("./servers.mjs").Server} Server
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {import("./workloads.mjs").Bench} Bench
 * @typedef {import("./workloads.mjs").Row} Row
 * @typedef {"waybill" | "openssh" | "bare" | "openssl" | "openssl-zlib"} Name `bare`: a socket of Node and nothing more.
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
 * @property {Name | undefined} other What ours was compared with.
 * @property {Partial<Record<Name, number[]>>} samples
 * @property {import("./statistics.mjs").Summary} ours
 * @property {import("./statistics.mjs").Summary | undefined} theirs
 * @property {number | undefined} ratio
 * @property {boolean | undefined} met Whether what is wanted was reached.
 * @property {number} otherLoad The median of the runs.
 */

/** @param {Bench} bench @param {Name} name */
const startSftp = (bench, name) => (name === "openssh" ? startOpenSsh(bench) : startWaybill(bench));
const MAX_ATTEMPTS = 10;

/** @param {Bench} bench @param {Workload} workload @param {Settings} settings @returns {Promise<Result[]>} */
export async function compare(bench, workload, settings) {
  const { start = startSftp } = workload;
  const other = "other" in workload ? workload.other : "openssh";
  /** @type {Name[]} */
  const order = other === undefined ? ["waybill"] : ["waybill", other];
  /** @type {Map<Name, Sample[]>} */
  const samples = new Map(order.map((name) => [name, []]));
  /** @type {Map<Name, Server>} */
  const servers = new Map();
  const serve = async (/** @type {Name} */ name) => {
    const running = servers.get(name);
    if (running !== undefined && !workload.freshServer) return running;
    await running?.stop();
    const server = /** @type {Server} */ (await start(bench, name));
    servers.set(name, server);
    await workload.warmUp(bench, server);
    return server;
  };
  try {
    if (!workload.freshServer) for (const name of order) await serve(name);
    const runs = Math.min(settings.runs, workload.maxRuns ?? settings.runs);
    for (let index = 0; index < runs; index += 1) {
      for (const name of index % 2 === 0 ? order : order.toReversed()) {
        const server = await serve(name);
        const sample = await undisturbedRun(bench, workload, server, [...servers.values()], settings);
        samples.get(name)?.push(sample);
        settings.progress(`${workload.name} ${index + 1}/${runs} ${name}: ${sampleText(workload, sample)}`);
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  return workload.rows.map((row) => result(row, samples, row.alone ? undefined : other));
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
  const texts = rows.flatMap(({ id, unit }) => (id in values ? `${values[id]?.toPrecision(4)} ${unit}` : []));
  return `${texts.join(", ")}, other load ${(otherLoad * 100).toFixed(0)} %`;
}

/** @param {Row} row @param {Map<Name, Sample[]>} all @param {Name | undefined} other @returns {Result} */
function result(row, all, other) {
  const of = (/** @type {Name} */ name) =>
    (all.get(name) ?? []).map(({ values }) => values[row.id] ?? Number.NaN);
  const samples = { waybill: of("waybill"), ...(other && { [other]: of(other) }) };
  const ours = summary(samples.waybill);
  const theirs = other && summary(of(other));
  const ratio = theirs && timesAsGood(ours.median, theirs.median, row.better);
  const met = isMet(row, ours, ratio);
  const otherLoad = summary([...all.values()].flat().map((sample) => sample.otherLoad)).median;
  return { row, other, samples, ours, theirs, ratio, met, otherLoad };
}

/** @param {Row} row @param {import("./statistics.mjs").Summary} ours @param {number | undefined} ratio */
function isMet({ wanted, never }, ours, ratio) {
  if (wanted === undefined) return undefined;
  if ("ratio" in wanted) return ratio !== undefined && ratio >= wanted.ratio;
  return (never ? ours.max : ours.median) < wanted.below;
}
