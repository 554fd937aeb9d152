import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} TestResults What tools/jest-config writes at the end of a package's run.
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {boolean} interrupted
 * @property {string[]} failures The test on the first line of each, what went wrong on those after it.
 */

/**
 * Adds up the results that the packages' test runs left, and prints what was skipped and what failed, and last the
 * numbers on one line.
 * @param {readonly { name: string, folder: string }[]} packages Those whose tests were to run.
 * @param {number} exitCode Of the run.
 * @param {(line: string) => void} print
 * @returns {number} The exit code: 0 when everything ran and nothing failed.
 */
export function printSummary(packages, exitCode, print = console.log) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  /** @type {string[]} */
  const failures = [];
  for (const { name, folder } of packages) {
    const results = readResults(folder);
    if (results === undefined || results.interrupted) {
      failures.push(`${name}: the tests did not run to their end`);
      total.failed += 1;
    }
    total.passed += results?.passed ?? 0;
    total.failed += results?.failed ?? 0;
    total.skipped += results?.skipped ?? 0;
    failures.push(...(results?.failures ?? []).map((failure) => `${name} ${failure}`));
  }
  if (exitCode !== 0 && total.failed === 0) {
    failures.push("A test process ended with an error although its tests passed; see above.");
    total.failed += 1;
  }
  const missing = missingPeers(packages);
  print("");
  if (missing.length > 0) print(["Skipped, because a program is missing:", ...missing].join("\n  "));
  if (failures.length > 0) print(["Failed:", ...failures.flatMap((text) => text.split("\n"))].join("\n  "));
  print(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}

/** @param {string} folder @returns {TestResults | undefined} */
function readResults(folder) {
  const file = join(folder, "test-results/results.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/**
 * The suites that describeWithPeers (tools/testing) skipped, and what to install.
 * @param {readonly { folder: string }[]} packages
 * @returns {string[]}
 */
function missingPeers(packages) {
  const notes = packages
    .map(({ folder }) => join(folder, "test-results/missing-peers"))
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, "utf8").trim().split("\n"));
  return [...new Set(notes)].map((note) => {
    const [debianPackages, suite] = note.split("\t");
    return `${suite} (apt-get install ${debianPackages})`;
  });
}
