// `npm test`: every package's tests through turbo, then the tests with other people's programs, then the sum.
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { CommandFailure } from "./command-failure.mjs";
import { buildQuietly, capture, run } from "./programs.mjs";
import { printSummary } from "./test-summary.mjs";
import { workspacePackages } from "./workspace-packages.mjs";

/** Its suites start servers and measure nothing else; they run after the others and have the machine to themselves. */
const INTEROPERABILITY = "@waybill/interop";

/**
 * @typedef {object} TestArguments
 * @property {string[]} selection Which packages: turbo's --filter, -F, --affected.
 * @property {string[]} turbo Other options for turbo.
 * @property {string[]} jest What follows `--`, for every package's Jest.
 */

/** @param {string[]} args @returns {Promise<number>} exit code */
export async function runTests(args) {
  const { selection, turbo, jest } = splitTestArguments(args);
  const passedOn = jest.length > 0 ? ["--", ...jest] : [];

  // A package that does not build leaves no results, and that is counted as a failure below.
  const built = await buildQuietly(["--continue=dependencies-successful"]);
  const names = await selectedPackages(selection);
  if (names.length === 0) throw new CommandFailure("No package with tests matches.");
  const packages = workspacePackages().filter(({ name }) => names.includes(name));
  for (const { folder } of packages) rmSync(join(folder, "test-results"), { recursive: true, force: true });

  const others = names.filter((name) => name !== INTEROPERABILITY);
  const cores = availableParallelism();
  const workers = cores >= 8 ? 2 : 1;
  const rounds = [
    { names: others, concurrency: Math.max(2, Math.floor(cores / workers)), workers, order: "grouped" },
    {
      names: names.filter((name) => name === INTEROPERABILITY),
      concurrency: 1,
      workers: cores,
      order: "stream",
    },
  ];
  const machine = await machineEnvironment();
  let exitCode = built;
  for (const round of rounds.filter((each) => each.names.length > 0)) {
    const options = [
      ...round.names.map((name) => `--filter=${name}`),
      "--continue=dependencies-successful",
      "--output-logs=new-only",
      `--concurrency=${round.concurrency}`,
      `--log-order=${round.order}`,
      ...turbo,
    ];
    const env = { ...machine, JEST_WORKERS: process.env.JEST_WORKERS ?? String(round.workers) };
    exitCode = (await run("turbo", ["run", "test", ...options, ...passedOn], { env })) || exitCode;
  }
  return printSummary(packages, exitCode);
}

/** @param {string[]} args @returns {TestArguments} */
export function splitTestArguments(args) {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  /** @type {TestArguments} */
  const result = { selection: [], turbo: [], jest: args.slice(end + 1) };
  for (let i = 0; i < end; i += 1) {
    const argument = /** @type {string} */ (args[i]);
    if (argument === "--unit") result.selection.push(`--filter=!${INTEROPERABILITY}`);
    else if (argument === "--filter" || argument === "-F") {
      i += 1;
      result.selection.push(`--filter=${args[i] ?? ""}`);
    } else if (/^(--filter=|--affected$|-F)/.test(argument)) result.selection.push(argument);
    else result.turbo.push(argument);
  }
  return result;
}

/** The packages whose tests turbo would run. @param {string[]} selection @returns {Promise<string[]>} */
async function selectedPackages(selection) {
  const plan = JSON.parse(await capture("turbo", ["run", "test", "--dry=json", ...selection]));
  return plan.tasks
    .filter((/** @type {{ task: string, command: string }} */ { task, command }) => {
      return task === "test" && command !== "<NONEXISTENT>";
    })
    .map((/** @type {{ package: string }} */ task) => task.package)
    .sort();
}

/** What test results depend on besides the files: turbo has these variables in the key of its cache. */
async function machineEnvironment() {
  let peerFingerprint;
  try {
    ({ peerFingerprint } = await import("@waybill/testing/peer-fingerprint"));
  } catch (error) {
    throw new CommandFailure(`tools/testing is not built: ${error instanceof Error ? error.message : error}`);
  }
  return {
    WAYBILL_NODE: `${process.version} ${process.platform} ${process.arch}`,
    WAYBILL_PEERS: peerFingerprint(),
  };
}
