// The files that are moved, in a folder of their own that is removed at the end.
import { randomFillSync } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
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
const MARK_BYTES = 4096;
const TEXT_MIB = 8;

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

    /** A file of which zlib makes something: mebibytes of EDIFACT and of random bytes, that is of packed data, in turn. */
    makeMixedFile: (mebibytes = sizes.transferMiB) =>
      once(join(path, `mixed-${mebibytes}`), (file) => {
        const text = edifact(TEXT_MIB * MIB);
        const random = Buffer.alloc(MIB);
        writeBlocks(file, mebibytes, (index) => {
          if (index % 2 === 1) return randomFillSync(random);
          // Again only after more than zlib looks back for.
          const at = ((index / 2) % TEXT_MIB) * MIB;
          return text.subarray(at, at + MIB);
        });
      }),

    /** The file for memory growth. Sparse: nobody measures how fast it is read. */
    makeHugeFile: () =>
      once(join(root, "huge"), (file) => {
        writeFileSync(file, "");
        truncateSync(file, sizes.memoryTransferMiB * MIB);
      }),

    /**
     * The same, but each mebibyte begins otherwise: none may be missing, or where another belongs.
     * @param {number} mebibytes
     */
    makeMarkedFile: (mebibytes) =>
      once(join(path, `marked-${mebibytes}`), (file) => {
        const descriptor = openSync(file, "w");
        ftruncateSync(descriptor, mebibytes * MIB);
        const mark = Buffer.alloc(MARK_BYTES);
        for (let index = 0; index < mebibytes; index += 1) {
          writeSync(descriptor, randomFillSync(mark), 0, MARK_BYTES, index * MIB);
        }
        closeSync(descriptor);
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
  writeBlocks(file, mebibytes, () => randomFillSync(block));
}

/** @param {string} file @param {number} mebibytes @param {(index: number) => Buffer} block Each is a mebibyte. */
function writeBlocks(file, mebibytes, block) {
  const descriptor = openSync(file, "w");
  for (let index = 0; index < mebibytes; index += 1) writeSync(descriptor, block(index));
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Delivery schedules that are the same in every run, in so many bytes. @param {number} bytes */
function edifact(bytes) {
  // The generator of Numerical Recipes: what matters is only that nothing repeats soon.
  let state = 1;
  const upTo = (/** @type {number} */ limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const parts = [];
  for (let length = 0, line = 1; length < bytes; line += 1) {
    const day = String(1 + upTo(28)).padStart(2, "0");
    const part = `LIN+${line}++${upTo(100_000)}:IN'LOC+11+GATE${upTo(40)}'RFF+ON:45000${upTo(5000)}'`;
    const schedule = `QTY+21:${upTo(500)}:PCE'DTM+137:202611${day}:102'`;
    parts.push(part, schedule);
    length += part.length + schedule.length;
  }
  return Buffer.from(parts.join("")).subarray(0, bytes);
}
