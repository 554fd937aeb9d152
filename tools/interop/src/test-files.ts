import { createHash, randomBytes, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

export const MIB = 1024 * 1024;
const BLOCK_BYTES = 4 * MIB;

/**
 * Makes a file that no two parts of which are alike, quickly: random blocks with a counter in front, and, where
 * `holeEvery` says so, nothing at all. Resolves to its SHA-256.
 */
export async function makeFile(
  path: string,
  bytes: number,
  { holeEvery = 0 }: { readonly holeEvery?: number } = {},
): Promise<string> {
  const file = await open(path, "w");
  try {
    const block = randomBytes(Math.min(bytes, BLOCK_BYTES));
    for (let at = 0, index = 0; at < bytes; at += block.length, index += 1) {
      if (holeEvery > 0 && index % holeEvery !== 0) continue;
      block.writeDoubleBE(at, 0);
      randomFillSync(block, 8, Math.min(4096, block.length - 8));
      await file.write(block, 0, Math.min(block.length, bytes - at), at);
    }
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
  return sha256(path);
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: MIB }), hash);
  return hash.digest("hex");
}

/** The size of a file, 0 when it is not there. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Whether there is anything under this path, a dangling link included. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
