import { spawnSync } from "node:child_process";
import type { Peer } from "@waybill/testing";
import type { CommandLine } from "./ordinary-rights.js";

/** What {@link withFileSizeLimit} runs. */
export const prlimit: Peer = { program: "prlimit", debianPackage: "util-linux" };

/** The command, which cannot make a file longer than this (EFBIG). */
export function withFileSizeLimit({ program, args }: CommandLine, bytes: number): CommandLine {
  return { program: prlimit.program, args: [`--fsize=${bytes}`, program, ...args] };
}

// Users who are not root become it in a namespace of their own, where the machine allows that.
const UNSHARE = process.getuid?.() === 0 ? ["--mount"] : ["--map-root-user", "--mount"];
const MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$0" && shift && exec "$@"';

/** Whether {@link withSmallDisk} works here: containers often forbid mounting. */
export function smallDiskPossible(): boolean {
  return spawnSync("unshare", [...UNSHARE, "sh", "-c", MOUNT, "/mnt", "4096", "true"]).status === 0;
}

/**
 * The command with an empty disk of so many bytes in the place of a folder. Only the command sees it, others under
 * `/proc/PID/root`; it is gone with the process.
 */
export function withSmallDisk({ program, args }: CommandLine, folder: string, bytes: number): CommandLine {
  return {
    program: "unshare",
    args: [...UNSHARE, "sh", "-c", MOUNT, folder, String(bytes), program, ...args],
  };
}
