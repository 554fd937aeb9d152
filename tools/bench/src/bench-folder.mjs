// The files that are moved, in a folder of their own that is removed at the end.
import { randomFillSync } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";

const MIB = 1024 * 1024;
const SMALL_FILE_BYTES = 4096;

/** @typedef {ReturnType<typeof makeBenchFolder>} BenchFolder */

/** @param {string} parent @param {import("./options.mjs").Sizes} sizes */
export function makeBenchFolder(parent, sizes) {
  const path = mkdtempSync(join(resolve(parent), "waybill-bench-"));
  const root = join(path, "root");
  mkdirSync(root);
  return {
    path,
    /** What both servers serve. */
    root,
    /** Where the client puts a folder that it fetches. */
    fetched: join(path, "fetched"),
    /** @param {string} name */
    secret: (name) => join(path, name),

    /** The file for throughput. Random and on disk: its writing back must not fall into a measurement. */
    makeLargeFile: () => once(join(root, "large"), (file) => writeRandom(file, sizes.transferMiB)),

    /** The file for memory growth. Sparse: nobody measures how fast it is read. */
    makeHugeFile: () =>
      once(join(root, "huge"), (file) => {
        writeFileSync(file, "");
        truncateSync(file, sizes.memoryTransferMiB * MIB);
      }),

    makeSmallFiles: () =>
      once(join(root, "small"), (folder) => {
        mkdirSync(folder);
        const block = Buffer.alloc(SMALL_FILE_BYTES);
        for (let index = 0; index < sizes.files; index += 1) {
          writeFileSync(join(folder, `file-${String(index).padStart(5, "0")}`), randomFillSync(block));
        }
      }),

    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

const made = new Set();

/** @param {string} path @param {(path: string) => void} make */
function once(path, make) {
  if (!made.has(path)) make(path);
  made.add(path);
  return path;
}

/** @param {string} file @param {number} mebibytes */
function writeRandom(file, mebibytes) {
  const block = Buffer.alloc(MIB);
  const descriptor = openSync(file, "w");
  for (let index = 0; index < mebibytes; index += 1) writeSync(descriptor, randomFillSync(block));
  fsyncSync(descriptor);
  closeSync(descriptor);
}
