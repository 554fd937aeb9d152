import { readdirSync, readlinkSync } from "node:fs";

/** What this process has open below a folder, and its pins. Linux only. */
export function openFilesBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target === folder || target.startsWith(`${folder}/`) ? [target] : [];
    } catch {
      return [];
    }
  });
}
