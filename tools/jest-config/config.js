import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** `@waybill/x` and the file that it is read from, for every package of the repository that has sources. */
function packageEntries() {
  return ["packages", "apps", "tools"]
    .flatMap((group) => readdirSync(join(repository, group)).map((name) => join(repository, group, name)))
    .filter((folder) => existsSync(join(folder, "package.json")) && existsSync(join(folder, "src/index.ts")))
    .map((folder) => {
      const { name } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return [`^${name}$`, join(folder, "src/index.ts")];
    });
}

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

// Packages are tested from their sources: `@waybill/x` is read from `packages/x/src`, so that a test never
// runs against an old build. Programs that tests start (the CLI) are the built ones.
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/src/**/*.test.ts", "<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  injectGlobals: false,
  transform: {
    "^.+\\.ts$": [
      createRequire(import.meta.url).resolve("@swc/jest"),
      {
        jsc: { target: "es2022", parser: { syntax: "typescript" } },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  moduleNameMapper: {
    ...Object.fromEntries(packageEntries()),
    "^(\\.{1,2}/.*)\\.js$": "$1",
  },
  testTimeout: 30_000,
  // A test that failed may have left something open: nobody is there to end the run then.
  forceExit: process.env.CI === "true",
  maxWorkers: process.env.JEST_WORKERS ?? "50%",
  cacheDirectory: "<rootDir>/node_modules/.cache/jest",
  globalSetup: here("reset-results.js"),
  reporters: ["default", here("results-reporter.js")],
};
