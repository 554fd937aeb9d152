// Packs every publishable package as it would be published, looks into the archives, installs them together into an
// empty folder with npm, compiles against their types, and imports each in plain Node.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { CommandFailure } from "./command-failure.mjs";
import { packedContentViolations } from "./packed-content.mjs";
import { buildQuietly, capture, runQuietly } from "./programs.mjs";
import { readManifest, repositoryRoot, workspacePackages } from "./workspace-packages.mjs";

/** @returns {Promise<number>} exit code */
export async function packAndCheck() {
  // From nothing: a file in dist/ whose source is gone must not be published.
  if ((await buildQuietly(["--force"])) !== 0)
    throw new CommandFailure("The build failed; what went wrong is printed above.");
  const packages = workspacePackages().filter(({ manifest }) => manifest.private !== true);
  const folder = mkdtempSync(join(tmpdir(), "waybill-pack-"));
  try {
    const archives = await Promise.all(packages.map((each) => pack(each, folder)));
    const violations = archives.flatMap(({ name, content }) => packedContentViolations(name, content));
    for (const violation of violations) console.error(violation);

    const consumer = join(folder, "consumer");
    install(
      consumer,
      archives.map(({ archive }) => archive),
    );
    const libraries = packages
      .filter(({ manifest }) => manifest.exports !== undefined)
      .map(({ name }) => name);
    const unusable = [
      ...(await typeFailures(libraries, consumer)),
      ...libraries.flatMap((name) => importFailures(name, consumer)),
      ...packages.flatMap((each) => programFailures(each, consumer)),
    ];
    for (const line of unusable) console.error(line);
    const failed = violations.length + unusable.length;
    console.log(
      failed === 0
        ? `packed, installed and imported ${packages.length} packages`
        : `${failed} faults in ${packages.length} packed packages`,
    );
    return failed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {import("./workspace-packages.mjs").WorkspacePackage} each @param {string} folder */
async function pack({ name, folder: source }, folder) {
  const printed = await capture("pnpm", ["pack", "--json", "--pack-destination", folder], { cwd: source });
  /** @type {{ filename: string }} */
  const { filename } = JSON.parse(printed);
  const content = join(folder, "content", name);
  mkdirSync(content, { recursive: true });
  await capture("tar", ["-xzf", filename, "-C", content, "--strip-components=1"]);
  return { name, archive: filename, content };
}

/** @param {string} folder @param {string[]} archives */
function install(folder, archives) {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }\n');
  const nodeTypes = `@types/node@${readManifest(join(repositoryRoot, "package.json")).devDependencies?.["@types/node"]}`;
  const { status } = runOutside(folder, "npm", [
    "install",
    "--no-audit",
    "--no-fund",
    nodeTypes,
    ...archives,
  ]);
  if (status !== 0) throw new CommandFailure("npm could not install the packed packages; see above.");
}

/**
 * Compiles a program that imports every package, with nothing but what their users have.
 * @param {string[]} names @param {string} folder
 */
async function typeFailures(names, folder) {
  const program = names.map((name, i) => `export * as package${i} from ${JSON.stringify(name)};\n`).join("");
  writeFileSync(join(folder, "consumer.ts"), program);
  const options = "--noEmit --strict --module nodenext --target es2022 --types node".split(" ");
  const { exitCode } = await runQuietly("tsc", [...options, "consumer.ts"], { cwd: folder });
  return exitCode === 0 ? [] : ["the types of the packed packages do not compile; see above"];
}

/** @param {string} name @param {string} folder @returns {string[]} */
function importFailures(name, folder) {
  const script = `console.log(Object.keys(await import(${JSON.stringify(name)})).length)`;
  const { status, stdout } = runOutside(folder, process.execPath, ["--input-type=module", "-e", script]);
  if (status !== 0) return [`${name} cannot be imported; see above`];
  return Number(stdout) > 0 ? [] : [`${name} exports nothing`];
}

/** @param {import("./workspace-packages.mjs").WorkspacePackage} each @param {string} folder @returns {string[]} */
function programFailures({ manifest }, folder) {
  return Object.keys(manifest.bin ?? {}).flatMap((program) => {
    const { status, stdout } = runOutside(folder, join(folder, "node_modules/.bin", program), ["--version"]);
    if (status !== 0) return [`${program} --version ended with exit code ${status}; see above`];
    return stdout.includes(manifest.version)
      ? []
      : [`${program} --version does not print ${manifest.version}`];
  });
}

/**
 * Runs a program as a stranger would: nothing of this repository is on its PATH.
 * @param {string} folder @param {string} command @param {string[]} args
 */
function runOutside(folder, command, args) {
  const path = (process.env.PATH ?? "").split(delimiter).filter((each) => !each.startsWith(repositoryRoot));
  return spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, PATH: path.join(delimiter) },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}
