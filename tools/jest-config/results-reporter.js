import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { resultsFile, resultsFolder } from "./results-file.js";

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
      if (suite.testExecError) return [`${file}: the suite could not run`];
      return suite.testResults
        .filter((test) => test.status === "failed")
        .map((test) => `${file}: ${test.fullName}`);
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
