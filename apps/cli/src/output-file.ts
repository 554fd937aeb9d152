import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { writeNewFile } from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import { UsageError } from "./usage-error.js";

/** The name that stands for the standard output. */
export const STANDARD_OUTPUT = "-";

/** Before any work is done: none of the files may be there, unless `force` is given, nor be named twice. */
export async function requireWritable(paths: readonly string[], force: boolean): Promise<void> {
  const files = paths.filter((path) => path !== STANDARD_OUTPUT);
  if (new Set(files.map((path) => resolve(path))).size < files.length) {
    throw new UsageError("two outputs have the same name");
  }
  for (const path of force ? [] : files) {
    if (await isThere(path)) throw exists(path);
  }
}

/** Writes a file, whole or not at all; one that holds a secret so that only its owner can read it. */
export async function writeOutput(
  path: string,
  data: Uint8Array,
  options: { readonly force: boolean; readonly isSecret: boolean },
): Promise<void> {
  if (path === STANDARD_OUTPUT) {
    await new Promise<void>((done) => process.stdout.write(data, () => done()));
    return;
  }
  await requireWritable([path], options.force);
  await writeNewFile(path, data, options.isSecret ? 0o600 : 0o644, { replace: options.force });
}

/** Lines about what was written to `path`; on the standard error when that is the standard output. */
export function reportOutput(path: string, lines: readonly string[]): void {
  const output = path === STANDARD_OUTPUT ? process.stderr : process.stdout;
  output.write(`${lines.join("\n")}\n`);
}

function exists(path: string): TransferError {
  return new TransferError(
    "ERR_FILE_EXISTS",
    `${path} is there already and is not overwritten: add --force to replace it`,
  );
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
