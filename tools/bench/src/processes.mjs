// The programs that the benchmark has started: none outlives it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { descendants } from "./proc.mjs";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

const STOP_MS = 5000;

/** @type {Set<ChildProcess>} */
const running = new Set();

/**
 * @param {string} command @param {string[]} args @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<ChildProcess & { pid: number }>}
 */
export async function start(command, args, options = {}) {
  const child = spawn(command, args, options);
  running.add(child);
  child.once("close", () => running.delete(child));
  try {
    await once(child, "spawn");
  } catch (error) {
    running.delete(child);
    throw new Error(`${command} cannot be started: ${error instanceof Error ? error.message : error}`);
  }
  return /** @type {ChildProcess & { pid: number }} */ (child);
}

/** Resolves when the program has ended and its output was read. @param {ChildProcess} child */
export async function ended(child) {
  if (running.has(child)) await once(child, "close");
}

/**
 * Ends a program and what it has started.
 * @param {ChildProcess} child @param {NodeJS.Signals} [signal]
 */
export async function stop(child, signal = "SIGTERM") {
  if (!running.has(child)) return;
  const offspring = child.pid === undefined ? [] : descendants(child.pid);
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended(child);
  clearTimeout(timer);
  for (const pid of offspring) killNow(pid);
}

export async function stopAll() {
  await Promise.all([...running].map((child) => stop(child)));
}

/** For the very end, when nothing can be waited for. */
export function killAll() {
  for (const { pid } of running) {
    if (pid !== undefined) for (const each of [...descendants(pid), pid]) killNow(each);
  }
}

/** @param {number} pid */
function killNow(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
