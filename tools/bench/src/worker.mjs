// A program of this folder that runs beside and does what it is told over its IPC channel; orders.mjs is its side.
import { fileURLToPath } from "node:url";
import { start, stop } from "./processes.mjs";

/**
 * @template {object} Result
 * @typedef {{ pid: number, order: (order: object) => Promise<Result>, stop: () => Promise<void> }} Worker
 */

/**
 * Starts a program of this folder. One order at a time.
 * @template {object} Result
 * @param {string} program @param {string[]} args @returns {Promise<Worker<Result>>}
 */
export async function startWorker(program, args) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = await start(process.execPath, [path, ...args], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return {
    pid: child.pid,
    order: (order) =>
      new Promise((resolve, reject) => {
        const gone = () => reject(new Error(`${program} has ended`));
        child.once("close", gone);
        child.once("message", (/** @type {{ result?: Result, error?: string }} */ answer) => {
          child.off("close", gone);
          if (answer.result === undefined) reject(new Error(answer.error));
          else resolve(answer.result);
        });
        child.send(order);
      }),
    stop: () => stop(child),
  };
}
