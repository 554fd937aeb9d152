// Keeps node_modules in step with the lock file, with npm alone: npm fetches the pnpm that package.json names.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandFailure } from "./command-failure.mjs";
import { readManifest, repositoryRoot, workspacePackages } from "./workspace-packages.mjs";

/**
 * @typedef {object} Installation What node_modules was made from.
 * @property {string} inputs A hash of everything that decides what is installed.
 * @property {string} nodeAbi Native addons were compiled for this version of Node's binary interface.
 * @property {string} pnpmFolder Where npm keeps the pnpm that it fetched.
 */

/** Installs when nothing is installed or when it is out of date. */
export function ensureInstalled(root = repositoryRoot) {
  const inputs = installationInputs(root);
  const current = readInstallation(root);
  const upToDate = current?.inputs === inputs && current.nodeAbi === process.versions.modules;
  if (upToDate && isComplete(root, current)) return;

  rmSync(installationFile(root), { force: true });
  // Addons that were compiled for another version of Node do not load.
  const rebuild = current !== undefined && current.nodeAbi !== process.versions.modules;
  console.error("Installing the dependencies (the first time this can take a minute)…");
  const script = fileURLToPath(new URL("install-with-pnpm.mjs", import.meta.url));
  const { status, output } = runNpm(root, [
    ...["exec", "--yes", `--package=${pnpmVersion(root)}`, "--"],
    ...["node", script, root, inputs, ...(rebuild ? ["--rebuild"] : [])],
  ]);
  if (status === 0) return;
  process.stderr.write(output);
  throw new CommandFailure("The installation failed; what went wrong is printed above.");
}

/**
 * The environment in which the workspace's own programs (turbo, tsc, biome) and pnpm are found.
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnvironment(root = repositoryRoot) {
  const pnpmFolder = readInstallation(root)?.pnpmFolder;
  const folders = [join(root, "node_modules/.bin"), pnpmFolder, process.env.PATH];
  return {
    ...process.env,
    PATH: folders.filter((folder) => folder !== undefined).join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1",
  };
}

/** @param {string} root @param {Installation} installation */
export function recordInstallation(root, installation) {
  mkdirSync(dirname(installationFile(root)), { recursive: true });
  writeFileSync(installationFile(root), `${JSON.stringify(installation)}\n`);
}

/** A hash of everything that decides what is installed. @param {string} root */
export function installationInputs(root) {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(join(root, file)));
  const manifests = [
    readManifest(join(root, "package.json")),
    ...workspacePackages(root).map((each) => each.manifest),
  ];
  for (const manifest of manifests) {
    const { name, bin, dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest;
    hash.update(
      JSON.stringify([name, bin, dependencies, devDependencies, optionalDependencies, peerDependencies]),
    );
  }
  hash.update(`${pnpmVersion(root)} ${process.platform} ${process.arch}`);
  return hash.digest("hex");
}

/** @param {string} root */
function installationFile(root) {
  return join(root, "node_modules/.waybill/installation.json");
}

/** @param {string} root @returns {Installation | undefined} */
function readInstallation(root) {
  try {
    return JSON.parse(readFileSync(installationFile(root), "utf8"));
  } catch {
    return undefined;
  }
}

/** Whether nobody removed a part of it since. @param {string} root @param {Installation} installation */
function isComplete(root, installation) {
  const dependents = workspacePackages(root).filter(
    ({ manifest }) => Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0,
  );
  return (
    existsSync(join(installation.pnpmFolder, "pnpm")) &&
    existsSync(join(root, "node_modules/.bin/turbo")) &&
    dependents.every(({ folder }) => existsSync(join(folder, "node_modules")))
  );
}

/** `pnpm@1.2.3`, from package.json. @param {string} root @returns {string} */
function pnpmVersion(root) {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager;
}

/**
 * Runs the npm that runs us, or else the one on the PATH. What it prints is only of interest when it fails: on a machine
 * without a compiler the optional addons complain at length, and that does no harm.
 * @param {string} root @param {string[]} args
 */
function runNpm(root, args) {
  const npmScript = process.env.npm_execpath;
  const [command, first] = npmScript?.endsWith("npm-cli.js")
    ? [process.execPath, [npmScript]]
    : ["npm", /** @type {string[]} */ ([])];
  const { status, stdout, stderr, error } = spawnSync(command, [...first, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, output: error ? `${error.message}\n` : `${stdout}${stderr}` };
}
