import { readFile } from "node:fs/promises";

/** How long the names are used before the file is read again. */
const MAX_AGE_MS = 60_000;

/** Names by id from a file like `/etc/passwd` or `/etc/group`, read when they are first asked for. */
export class AccountFile {
  readonly #path: string;
  #names: Promise<ReadonlyMap<number, string>> | undefined;
  #readAt = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The names by id; empty when the file cannot be read. */
  names(): Promise<ReadonlyMap<number, string>> {
    const now = performance.now();
    if (this.#names === undefined || now - this.#readAt > MAX_AGE_MS) {
      this.#readAt = now;
      this.#names = readFile(this.#path, "utf8").then(parseAccounts, () => new Map());
    }
    return this.#names;
  }
}

/** Lines `name:password:id:...`; of several names for one id the first counts, as with the system's own functions. */
export function parseAccounts(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (name === undefined || name === "" || id === undefined || !/^\d+$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

/** Shared by all file systems of the process. */
export const systemUsers = new AccountFile("/etc/passwd");
export const systemGroups = new AccountFile("/etc/group");
