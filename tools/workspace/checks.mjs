// `npm run check`: what must be true of the repository besides its tests.
import { changesetViolations } from "./changeset-files.mjs";
import { boundaryViolations } from "./import-boundaries.mjs";
import { layoutViolations } from "./package-layout.mjs";
import { run } from "./programs.mjs";
import { repositoryRoot } from "./workspace-packages.mjs";

/** @type {Record<string, () => boolean | Promise<boolean>>} */
const checks = {
  // From nothing each time: it takes a second, and tsc by itself only looks at the dates of the files.
  types: async () => (await run("tsc", ["--build", "--force"])) === 0,
  boundaries: () => report(boundaryViolations(repositoryRoot)),
  layout: () => report(layoutViolations(repositoryRoot)),
  changesets: () => report(changesetViolations(repositoryRoot)),
};

/** @param {string[]} names Which checks; all of them when there are none. @returns {Promise<number>} exit code */
export async function runChecks(names) {
  const unknown = names.filter((name) => !Object.hasOwn(checks, name));
  if (unknown.length > 0) {
    console.error(`There is no check ${unknown.join(", ")}. The checks: ${Object.keys(checks).join(", ")}.`);
    return 2;
  }
  const wanted = Object.entries(checks).filter(([name]) => names.length === 0 || names.includes(name));
  // Every check runs, so that one run shows everything that is wrong.
  let failed = false;
  for (const [name, check] of wanted) {
    const passed = await check();
    console.log(`check ${name}: ${passed ? "ok" : "FAILED"}`);
    failed ||= !passed;
  }
  return failed ? 1 : 0;
}

/** @param {string[]} violations */
function report(violations) {
  for (const violation of violations) console.error(violation);
  return violations.length === 0;
}
