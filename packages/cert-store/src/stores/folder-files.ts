import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isTransferError } from "@waybill/net-core";
import type { ErrorSource } from "../error-source.js";
import { fileError } from "./read-store-file.js";
import { MAX_FOLDER_FILES } from "./store-limits.js";

/** The files of a folder whose names are `wanted`, by name; links to files count, hidden files and folders do not. */
export async function storeFiles(
  folder: string,
  source: ErrorSource,
  wanted: (name: string) => boolean = () => true,
): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (entry.name.startsWith(".") || !wanted(entry.name)) continue;
      const path = join(folder, entry.name);
      // Devices and pipes would be read without end.
      if (!entry.isFile() && !(entry.isSymbolicLink() && (await isLinkToFile(path)))) continue;
      if (paths.length === MAX_FOLDER_FILES) {
        throw source.unsupported(`a folder of more than ${MAX_FOLDER_FILES} files is not supported`);
      }
      paths.push(path);
    }
  } catch (error) {
    if (isTransferError(error)) throw error;
    throw fileError(error, source);
  }
  return paths.sort();
}

async function isLinkToFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    // A link to nothing.
    return false;
  }
}
