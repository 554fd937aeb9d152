import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandFailure } from "./command-failure.mjs";
import { ensureInstalled } from "./installation.mjs";
import { buildQuietly, run } from "./programs.mjs";
import { repositoryRoot } from "./workspace-packages.mjs";

// What needs an installed package is imported when its command runs: until then nothing may be installed.

/** @type {Record<string, { summary: string, run: (args: string[]) => number | Promise<number | undefined> }>} */
const commands = {
  install: { summary: "only install, which every other command does first", run: () => 0 },
  start: { summary: "run the SFTP server on ./waybill-data", run: start },
  demo: { summary: "two ODETTE-FTP partners exchange files, step by step", run: demo },
  test: { summary: "run the tests [--unit: without the peers] [turbo options] [-- jest options]", run: test },
  build: {
    summary: "build every package [turbo options]",
    run: (args) => run("turbo", ["run", "build", ...args]),
  },
  lint: { summary: "lint and check the format [--write: repair it]", run: lint },
  check: { summary: "check types, import boundaries, layout, changesets [names of checks]", run: check },
  pack: { summary: "pack every publishable package and try it outside", run: pack },
  bench: { summary: "measure against OpenSSH [options of the benchmark]", run: bench },
};

/** @param {string[]} args The command's name and its arguments. */
export async function runCommand([name = "", ...args]) {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const lines = Object.entries(commands).map(([each, { summary }]) => `  ${each.padEnd(7)} ${summary}`);
    console.error(`usage: node tools/workspace/run.mjs COMMAND\n${lines.join("\n")}`);
    process.exitCode = 2;
    return;
  }
  const installed = args.indexOf("--no-install");
  try {
    if (installed === -1) ensureInstalled();
    else args.splice(installed, 1);
    const exitCode = await command.run(args);
    if (exitCode !== undefined) process.exitCode = exitCode;
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** @param {string[]} args */
async function start(args) {
  await requireBuild(["--filter=@waybill/cli"]);
  const main = join(repositoryRoot, "apps/cli/dist/main.js");
  process.argv = [process.execPath, main, "start", ...args];
  // In this process, not in a child: signals, the terminal and the exit code are the server's own.
  await import(pathToFileURL(main).href);
  return undefined;
}

async function demo() {
  await requireBuild(["--filter=@waybill/demo-partners"]);
  return run(process.execPath, [join(repositoryRoot, "apps/demo-partners/dist/main.js")]);
}

/** @param {string[]} args */
async function test(args) {
  const { runTests } = await import("./test-run.mjs");
  return runTests(args);
}

/** @param {string[]} args */
async function check(args) {
  const { runChecks } = await import("./checks.mjs");
  return runChecks(args);
}

async function pack() {
  const { packAndCheck } = await import("./pack-check.mjs");
  return packAndCheck();
}

/** @param {string[]} args */
function lint(args) {
  return run("biome", ["check", ".", "--error-on-warnings", ...args]);
}

/** @param {string[]} args */
async function bench(args) {
  await requireBuild();
  return run(process.execPath, [join(repositoryRoot, "tools/bench/src/main.mjs"), ...args]);
}

/** @param {string[]} turboOptions */
async function requireBuild(turboOptions = []) {
  if ((await buildQuietly(turboOptions)) !== 0)
    throw new CommandFailure("The build failed; what went wrong is printed above.");
}
