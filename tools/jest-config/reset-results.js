import { rm } from "node:fs/promises";
import { resultsFolder } from "./results-file.js";

/** Runs before the tests: nothing of an earlier run may be taken for a result of this one. */
export default async function resetResults(/** @type {{ rootDir: string }} */ { rootDir }) {
  await rm(resultsFolder(rootDir), { recursive: true, force: true });
}
