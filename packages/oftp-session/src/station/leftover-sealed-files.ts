import { readdir, stat, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { errorCode } from "@waybill/net-core";
import type { StationCore } from "./station-core.js";

/** Another process may be about to queue what it has just made. */
const MINIMUM_AGE_MS = 24 * 3600 * 1000;

/** Removes what processes before this one have made for files that are not queued any more. */
export async function removeLeftoverSealedFiles({ sealedFolder, queue, now }: StationCore): Promise<void> {
  for (const partner of await namesIn(sealedFolder)) {
    // By name: the folder may have another path now.
    const needed = new Set(
      (await queue.list(partner)).map(({ transmitted }) => basename(transmitted?.path ?? "")),
    );
    for (const name of await namesIn(join(sealedFolder, partner))) {
      const path = join(sealedFolder, partner, name);
      if (needed.has(name)) continue;
      const modifiedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
      if (now().getTime() - modifiedMs > MINIMUM_AGE_MS) await unlink(path).catch(() => {});
    }
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
