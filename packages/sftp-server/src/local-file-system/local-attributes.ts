import type { Stats, StatsFs } from "node:fs";
import type { FileAttributes } from "../codec/attributes.js";
import type { FileSystemStatistics } from "../codec/extensions.js";

const MAX_UINT32 = 0xffff_ffff;
/** The statistics of Node lack it; this is the limit of every common file system. */
const MAX_NAME_BYTES = 255n;

/** The bits of a mode that can be set: permissions, set-user-id, set-group-id and sticky, as with OpenSSH. */
export const MODE_BITS = 0o7777;

export function attributesOf(stats: Stats): FileAttributes {
  return {
    size: stats.size,
    owner: { uid: stats.uid, gid: stats.gid },
    permissions: stats.mode,
    times: { accessed: wireSeconds(stats.atimeMs), modified: wireSeconds(stats.mtimeMs) },
  };
}

export function statisticsOf(statistics: StatsFs | StatsFsOfBigInts, device: number): FileSystemStatistics {
  const blockSize = BigInt(statistics.bsize);
  const freeFiles = BigInt(statistics.ffree);
  return {
    blockSize,
    fragmentSize: blockSize,
    blocks: BigInt(statistics.blocks),
    freeBlocks: BigInt(statistics.bfree),
    availableBlocks: BigInt(statistics.bavail),
    files: BigInt(statistics.files),
    freeFiles,
    availableFiles: freeFiles,
    fileSystemId: BigInt(device),
    flags: 0n,
    maxNameLength: MAX_NAME_BYTES,
  };
}

type StatsFsOfBigInts = { readonly [K in keyof StatsFs]: bigint };

/** Version 3 has no times before 1970 and none after 2106. */
function wireSeconds(milliseconds: number): number {
  return Math.min(Math.max(Math.floor(milliseconds / 1000), 0), MAX_UINT32);
}
