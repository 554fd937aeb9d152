import { readdir, readFile, readlink } from "node:fs/promises";

/** Memory of a process that is in use now, in bytes (VmRSS of proc(5)). */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no VmRSS`);
  return Number(kibibytes) * 1024;
}

/** Bytes that a process has handed to the system in calls like write(2), since it started (wchar of proc(5)). */
export async function writtenBytes(pid: number): Promise<number> {
  const [, bytes] = /^wchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, "utf8")) ?? [];
  if (bytes === undefined) throw new Error(`process ${pid} has no wchar`);
  return Number(bytes);
}

/** What the open file descriptors of a process lead to. */
export async function openFiles(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const files: string[] = [];
  for (const name of await readdir(folder)) {
    // One that was closed meanwhile is not open.
    const target = await readlink(`${folder}/${name}`).catch(() => undefined);
    if (target !== undefined) files.push(target);
  }
  return files.sort();
}
