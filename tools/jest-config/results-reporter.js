import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { resultsFile, resultsFolder } from "./results-file.js";

/** So much of a failure's message is repeated in the summary. */
const MESSAGE_LINES = 12;
const MESSAGE_COLUMNS = 500;

/**
 * Writes the numbers that `npm test` adds up at its end. A suite that could not run at all (a syntax error, a crash)
 * counts as one failure: none of its tests could.
 */
export default class ResultsReporter {
  constructor(/** @type {{ rootDir: string }} */ { rootDir }) {
    this.rootDir = rootDir;
  }

  onRunComplete(
    /** @type {unknown} */ _contexts,
    /** @type {import("@jest/reporters").AggregatedResult} */ run,
  ) {
    const failures = run.testResults.flatMap((suite) => {
      const file = relative(this.rootDir, suite.testFilePath);
      if (suite.testExecError) return [failure(`${file}: the suite could not run`, suite.failureMessage)];
      return suite.testResults
        .filter((test) => test.status === "failed")
        .map((test) => failure(`${file}: ${test.fullName}`, test.failureMessages[0]));
    });
    mkdirSync(resultsFolder(this.rootDir), { recursive: true });
    writeFileSync(
      resultsFile(this.rootDir),
      `${JSON.stringify({
        passed: run.numPassedTests,
        failed: run.numFailedTests + run.numRuntimeErrorTestSuites,
        skipped: run.numPendingTests + run.numTodoTests,
        interrupted: run.wasInterrupted,
        failures,
      })}\n`,
    );
  }
}

/** A line that names the test, and the beginning of what went wrong. */
function failure(/** @type {string} */ name, /** @type {string | null | undefined} */ message) {
  const lines = stripVTControlCharacters(message ?? "").split("\n");
  const told = lines.slice(0, MESSAGE_LINES).map((line) => line.slice(0, MESSAGE_COLUMNS).trimEnd());
  return [name, ...told.filter((line) => line !== "").map((line) => `  ${line}`)].join("\n");
}
