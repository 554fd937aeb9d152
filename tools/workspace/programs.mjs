// Starting the workspace's programs (turbo, tsc, biome).
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CommandFailure } from "./command-failure.mjs";
import { toolEnvironment } from "./installation.mjs";
import { repositoryRoot } from "./workspace-packages.mjs";

const FORWARDED_SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * @typedef {object} RunOptions
 * @property {NodeJS.ProcessEnv} [env] Added to the environment.
 * @property {string} [cwd] The repository's root by default.
 *
 * @typedef {object} RunResult
 * @property {number} exitCode
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a program to its end, in view, and returns its exit code.
 * @param {string} command @param {string[]} args @param {RunOptions} [options]
 */
export async function run(command, args, options = {}) {
  return (await runToEnd(command, args, options, "inherit")).exitCode;
}

/**
 * Runs a program out of view. What it printed is shown when it fails.
 * @param {string} command @param {string[]} args @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export async function runQuietly(command, args, options = {}) {
  const result = await runToEnd(command, args, options, "pipe");
  if (result.exitCode !== 0) process.stderr.write(`${result.stdout}${result.stderr}`);
  return result;
}

/**
 * Runs a program out of view and returns what it printed on stdout; a failure ends the command.
 * @param {string} command @param {string[]} args @param {RunOptions} [options]
 */
export async function capture(command, args, options = {}) {
  const { exitCode, stdout } = await runQuietly(command, args, options);
  if (exitCode !== 0) throw new CommandFailure(`${command} ${args.join(" ")} failed; see above.`);
  return stdout;
}

/** Builds what is out of date, out of view; turbo knows by the content of the files. @param {string[]} turboOptions */
export async function buildQuietly(turboOptions = []) {
  const options = ["--output-logs=errors-only", ...turboOptions];
  return (await runQuietly("turbo", ["run", "build", ...options])).exitCode;
}

/**
 * @param {string} command @param {string[]} args @param {RunOptions} options @param {"inherit" | "pipe"} output
 * @returns {Promise<RunResult>}
 */
function runToEnd(command, args, { env = {}, cwd = repositoryRoot }, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...toolEnvironment(), ...env },
      stdio: [output === "inherit" ? "inherit" : "ignore", output, output],
    });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    /** @type {NodeJS.Signals | undefined} */
    let stoppedBy;
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      stoppedBy = signal;
      child.kill(signal);
    };
    for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
    const release = () => {
      for (const signal of FORWARDED_SIGNALS) process.removeListener(signal, forward);
    };
    child.once("error", (error) => {
      release();
      reject(new CommandFailure(`${command} could not be started: ${error.message}`));
    });
    child.once("close", (code, signal) => {
      release();
      // Who stops this program wants nothing of what would come after it.
      if (stoppedBy !== undefined) process.exit(signalExitCode(stoppedBy));
      resolve({ exitCode: code ?? signalExitCode(signal ?? "SIGKILL"), stdout, stderr });
    });
  });
}

/** @param {NodeJS.Signals} signal What a shell reports for a program that a signal ended. */
function signalExitCode(signal) {
  return 128 + constants.signals[signal];
}
