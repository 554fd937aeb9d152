// Runs inside `npm exec --package=pnpm@…`, where that pnpm is the first on the PATH: installs, and notes where it is.
// Arguments: the repository's root, the hash of what the installation is made from, optionally --rebuild.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { recordInstallation } from "./installation.mjs";

const [root, inputs, rebuild] = process.argv.slice(2);
if (root === undefined || inputs === undefined) throw new Error("usage: install-with-pnpm.mjs ROOT HASH");

const pnpmFolder = (process.env.PATH ?? "")
  .split(delimiter)
  .find((folder) => existsSync(join(folder, "pnpm")));
if (pnpmFolder === undefined) throw new Error("npm exec did not put pnpm on the PATH");

const steps = [["install", "--frozen-lockfile", "--config.confirmModulesPurge=false"]];
if (rebuild === "--rebuild") steps.push(["rebuild", "--recursive"]);

const failed = steps.some(
  (args) => spawnSync(join(pnpmFolder, "pnpm"), args, { cwd: root, stdio: "inherit" }).status !== 0,
);
if (failed) process.exitCode = 1;
else recordInstallation(root, { inputs, nodeAbi: process.versions.modules, pnpmFolder });
