// `npm run bench`: waybill sftp-server beside OpenSSH's sshd, OFTP beside a bare socket, CMS beside openssl, in one run.
import { writeFileSync } from "node:fs";
import { constants } from "node:os";
import { makeBenchFolder } from "./bench-folder.mjs";
import { compare } from "./comparison.mjs";
import { makeCredentials } from "./credentials.mjs";
import { describeMachine, machineLines } from "./machine.mjs";
import { parseOptions, USAGE, UsageError } from "./options.mjs";
import { killAll, stopAll } from "./processes.mjs";
import { requireServers } from "./servers.mjs";
import { tableLines } from "./table.mjs";
import { workloads } from "./workloads.mjs";

/** @typedef {import("./options.mjs").Options} Options */

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

/** @param {string[]} args */
async function main(args) {
  const options = parseOptions(args);
  const all = workloads(options.sizes);
  const chosen = choose(all, options);
  if (options.help || options.list) {
    process.stdout.write(options.help ? USAGE : all.map(listLine).join(""));
    return 0;
  }
  if (chosen.some(needsServers)) requireServers();
  const folder = makeBenchFolder(options.folder, options.sizes);
  removeWhateverHappens(folder);
  try {
    const bench = { folder, credentials: makeCredentials(folder), sizes: options.sizes };
    return await measure(bench, chosen, options);
  } finally {
    await stopAll();
    folder.remove();
  }
}

/**
 * @param {import("./workloads.mjs").Bench} bench @param {import("./workloads.mjs").Workload[]} chosen
 * @param {Options} options
 */
async function measure(bench, chosen, { runs, maxOtherLoad, json, check }) {
  const progress = (/** @type {string} */ line) => void process.stderr.write(`${line}\n`);
  const machine = await describeMachine(bench, chosen.some(needsServers));
  /** @type {import("./comparison.mjs").Result[]} */
  const results = [];
  /** @type {string[]} */
  const failures = [];
  for (const workload of chosen) {
    try {
      results.push(...(await compare(bench, workload, { runs, maxOtherLoad, progress })));
    } catch (error) {
      const failure = `${workload.name} FAILED: ${error instanceof Error ? error.message : error}`;
      failures.push(failure);
      progress(failure);
    }
  }
  const lines = [...machineLines(machine), "", ...tableLines(results), ...failures];
  process.stdout.write(`${lines.join("\n")}\n`);
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine, sizes: bench.sizes, results, failures }, null, 2)}\n`);
  return failures.length > 0 || (check && results.some(({ met }) => met === false)) ? 1 : 0;
}

/** @param {import("./workloads.mjs").Workload[]} all @param {Options} options */
function choose(all, { only }) {
  const names = all.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`there is no workload "${unknown}"; there are ${names.join(", ")}`);
  return all.filter(({ name }) => only?.includes(name) ?? true);
}

/** Whether it starts no programs of its own. @param {import("./workloads.mjs").Workload} workload */
function needsServers({ start }) {
  return start === undefined;
}

/** @param {import("./workloads.mjs").Workload} workload */
function listLine({ name, rows }) {
  return `${name.padEnd(20)} ${rows.map(({ title, unit }) => `${title} (${unit})`).join("; ")}\n`;
}

/** @param {import("./bench-folder.mjs").BenchFolder} folder */
function removeWhateverHappens(folder) {
  process.once("exit", () => {
    killAll();
    folder.remove();
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
