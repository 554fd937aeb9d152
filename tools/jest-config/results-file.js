import { join } from "node:path";

/** The folder in which a package's test run leaves its results (git ignores it, turbo caches it). */
export const resultsFolder = (/** @type {string} */ packageFolder) => join(packageFolder, "test-results");

/** The numbers of a package's last test run, as JSON; see results-reporter.js. */
export const resultsFile = (/** @type {string} */ packageFolder) =>
  join(resultsFolder(packageFolder), "results.json");
