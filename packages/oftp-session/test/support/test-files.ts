import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FileFormat } from "@waybill/oftp-codec";
import type { Random } from "./random-buffers.js";

export const RECORD_SIZE = 80;

/** Octets that fit a format, some of which compress well. */
export function contentFor(format: FileFormat, size: number, random: Random): Buffer {
  if (format === "V") {
    const lines: string[] = [];
    for (let left = size; left > 0; ) {
      const length = Math.min(left, random(RECORD_SIZE + 1));
      lines.push(`${String.fromCharCode(33 + random(90)).repeat(length)}\n`);
      left -= length + 1;
    }
    return Buffer.from(lines.join(""));
  }
  const content = Buffer.alloc(format === "F" ? Math.ceil(size / RECORD_SIZE) * RECORD_SIZE : size);
  for (let at = 0; at < content.length; ) {
    const run = Math.min(content.length - at, 1 + random(200));
    if (random(2) === 0) content.fill(random(256), at, at + run);
    else for (let next = at; next < at + run; next += 1) content[next] = random(256);
    at += run;
  }
  return content;
}

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** SHA-256 of each file of a folder, by name. */
export async function hashesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder).catch(() => [])).sort();
  const hashes = await Promise.all(names.map(async (name) => sha256(await readFile(join(folder, name)))));
  return Object.fromEntries(names.map((name, index) => [name, hashes[index]!]));
}
