// What Linux tells about processes: time on the CPU, memory, children.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const TICKS_PER_SECOND = systemValue("CLK_TCK");
const PAGE_BYTES = systemValue("PAGESIZE");

// Fields of /proc/PID/stat (proc(5)), counted from the one behind the program's name.
const STAT = { userTime: 11, systemTime: 12, childrenUserTime: 13, childrenSystemTime: 14 };

/** To /proc/PID/clear_refs (proc(5)). */
const RESET_PEAK = "5";

/**
 * CPU seconds of a process (all its threads), and of those of its descendants that have ended and were waited for.
 * @param {number} pid
 */
export function cpuSeconds(pid) {
  const stat = statOf(pid);
  const own = Number(stat[STAT.userTime]) + Number(stat[STAT.systemTime]);
  const children = Number(stat[STAT.childrenUserTime]) + Number(stat[STAT.childrenSystemTime]);
  return (own + children) / TICKS_PER_SECOND;
}

/** CPU seconds of everything on the machine, the time that a hypervisor took away included. */
export function machineCpuSeconds() {
  const ticks = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = ticks.split(" ").map(Number);
  return (user + nice + system + irq + softIrq + steal) / TICKS_PER_SECOND;
}

/** Resident memory of a process, in bytes. @param {number} pid */
export function residentBytes(pid) {
  return Number(statmOf(pid)[1]) * PAGE_BYTES;
}

/**
 * Starts to watch the resident memory of a process. Its result: how much it was then, and the most since, in bytes. Linux
 * keeps the most, so nothing is missed.
 * @param {number} pid
 */
export function watchMemory(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
  const before = residentBytes(pid);
  return () => ({ before, peak: peakResidentBytes(pid) });
}

/** @param {number} pid */
function peakResidentBytes(pid) {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1024;
}

/** Resident memory that is not of a file: what a process has for itself, without programs and libraries. @param {number} pid */
export function anonymousBytes(pid) {
  const [, resident, shared] = statmOf(pid);
  return (Number(resident) - Number(shared)) * PAGE_BYTES;
}

/** The processes that a process has started, and theirs. @param {number} pid @returns {number[]} */
export function descendants(pid) {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendants)];
}

/** @param {number} pid */
function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    // It has ended.
    return [];
  }
}

/** Native modules that a process has loaded. @param {number} pid */
export function nativeModules(pid) {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  return new Set([...maps.matchAll(/\/([^/\n]+\.node)$/gm)].map(([, name]) => name));
}

/** @param {number} pid */
function statOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name is in parentheses and may hold any character.
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** @param {number} pid */
function statmOf(pid) {
  return readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
}

/** @param {string} name */
function systemValue(name) {
  return Number(execFileSync("getconf", [name], { encoding: "utf8" }));
}
