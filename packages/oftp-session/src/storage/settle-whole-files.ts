import { dirname, join } from "node:path";
import type { OverwriteRule } from "./final-name.js";
import type { StorageEnvironment } from "./storage-environment.js";
import { unlinkIfThere } from "./storage-file-system.js";
import {
  besideName,
  deliver,
  parseWholeName,
  type ReceptionLedger,
  type WholeFile,
  wholePath,
} from "./whole-file.js";

/** What became of the whole files of one key. */
export interface SettledFiles {
  /** Whether the ledger knows of one: it was received. */
  readonly received: boolean;
  /** The final names of those that had none before. */
  readonly delivered: readonly string[];
  /** Those that the ledger does not know: `whole` and `sealed`. */
  readonly unknown: readonly WholeFile[];
}

/**
 * Goes on with what a crash left after every octet of a file was on disk; the caller has the lock of its key. What the
 * ledger knows gets its final name, and what it was made of goes. What was opened and not recorded goes too: it is made
 * again of the sealed file.
 */
export async function settleWholeFiles(
  key: string,
  entries: readonly string[],
  partialFolder: string,
  overwrite: OverwriteRule,
  ledger: Pick<ReceptionLedger, "lookUp" | "moved">,
  environment: StorageEnvironment,
): Promise<SettledFiles> {
  const { fileSystem } = environment;
  const files = entries.flatMap((name) =>
    name.startsWith(key) ? (parseWholeName(partialFolder, name) ?? []) : [],
  );
  const delivered: string[] = [];
  const unknown: WholeFile[] = [];
  let received = false;
  // The sealed ones last: nothing of a file may go before what it became has its name.
  for (const file of files.sort((a, b) => Number(a.kind === "sealed") - Number(b.kind === "sealed"))) {
    const finalPath = await ledger.lookUp(key, file.receptionId);
    if (finalPath === undefined) {
      if (file.kind === "opened") await unlinkIfThere(fileSystem, wholePath(file));
      else unknown.push(file);
      continue;
    }
    received = true;
    if (file.kind === "sealed") {
      await unlinkIfThere(fileSystem, wholePath(file));
      continue;
    }
    if (overwrite !== "replace") {
      await unlinkIfThere(fileSystem, join(dirname(finalPath), besideName(file)));
    }
    delivered.push(await deliver(file, finalPath, overwrite, ledger, environment));
  }
  return { received, delivered, unknown };
}
