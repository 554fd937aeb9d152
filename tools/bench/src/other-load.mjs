// How busy programs that have nothing to do with the benchmark keep the machine.
import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { cpuSeconds, machineCpuSeconds } from "./proc.mjs";

const WINDOW_MS = 1000;
const MAX_WINDOWS = 60;

/**
 * Starts to watch. Its result, from 0 to 1, is the part of the machine that others have taken since: all that was used
 * but by this process, by programs that it waited for and by the given servers.
 * @param {Iterable<import("./servers.mjs").Server>} servers Those that run, with no session open.
 */
export function watchOtherLoad(servers) {
  const ours = () => {
    let seconds = cpuSeconds(process.pid);
    for (const server of servers) seconds += server.cpuSeconds();
    return seconds;
  };
  const begin = performance.now();
  const before = machineCpuSeconds() - ours();
  return () => {
    const seconds = machineCpuSeconds() - ours() - before;
    return Math.max(0, (seconds * 1000) / (performance.now() - begin) / availableParallelism());
  };
}

/** Waits, but not for ever, until others leave the machine alone for a second. @param {number} limit From 0 to 1. */
export async function othersToBeQuiet(limit) {
  for (let windows = 0; windows < MAX_WINDOWS; windows += 1) {
    const load = watchOtherLoad([]);
    await wait(WINDOW_MS);
    if (load() <= limit) return;
  }
}
