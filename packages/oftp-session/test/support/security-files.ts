import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FileFormat, sizeInBlocks } from "@waybill/oftp-codec";
import type { OftpStation, QueuedFile } from "@waybill/oftp-session";
import { randomFrom } from "./random-buffers.js";
import { contentFor, RECORD_SIZE, sha256 } from "./test-files.js";

/** Formats and sizes of files. */
export type FileKinds = readonly (readonly [FileFormat, number])[];

export const FILES: FileKinds = [
  ["U", 0],
  ["T", 700],
  ["F", 4000],
  ["V", 5000],
  ["U", 70_000],
];

export const EMPTY_FILES: FileKinds = [
  ["U", 0],
  ["T", 0],
  ["F", 0],
  ["V", 0],
];

/** A file that waits to be sent, and what should be seen of it. */
export interface FileOnItsWay {
  readonly queued: QueuedFile;
  /** SHA-256 of the file. */
  readonly hash: string;
  /** What is sent in place of it, or its octets as EFID counts them. */
  readonly transmitted: Buffer;
  /** SFIDOSIZ. */
  readonly originalBlocks: number;
}

/** Queues files, secured as the partner's entry says. */
export async function queueFiles(
  station: OftpStation,
  partner: string,
  folder: string,
  kinds: FileKinds,
  seed: number,
): Promise<readonly FileOnItsWay[]> {
  const random = randomFrom(seed);
  const files: FileOnItsWay[] = [];
  await mkdir(folder, { recursive: true });
  for (const [index, [format, size]] of kinds.entries()) {
    const content = contentFor(format, size, random);
    const datasetName = `FILE.${index}.${format}`;
    const path = join(folder, datasetName);
    await writeFile(path, content);
    const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
    const queued = await station.send(partner, { path, datasetName, format, ...records });
    const { enveloped } = queued.security;
    const user = format === "V" ? withoutLineEnds(content) : content;
    files.push({
      queued,
      hash: sha256(content),
      transmitted: enveloped ? await readFile(queued.transmitted!.path!) : user,
      // In an envelope each record of format V has its length before it, where the file has the end of the line after it.
      originalBlocks: sizeInBlocks(
        enveloped && format === "V" ? content.length + linesIn(content) : user.length,
      ),
    });
  }
  return files;
}

export function hashesOf(files: readonly FileOnItsWay[]): Record<string, string> {
  return Object.fromEntries(files.map(({ queued, hash }) => [queued.datasetName, hash]));
}

function withoutLineEnds(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replaceAll("\n", ""), "latin1");
}

function linesIn(content: Buffer): number {
  return content.toString("latin1").split("\n").length - 1;
}
