import { createHash } from "node:crypto";
import { lstat, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorMessage, type Logger } from "@waybill/net-core";
import { replaceFile } from "../replace-file.js";

/** Memory for lists and responses, in bytes. */
const MAX_MEMORY_BYTES = 16 * 1024 * 1024;
const MAX_MEMORY_ENTRIES = 1_000;

/** What makes a cached answer another's. */
export interface CacheKey {
  readonly kind: "crl" | "ocsp";
  readonly url: string;
  /** What the answer depends on besides the address: the issuer, and for OCSP the request. */
  readonly subject: Uint8Array;
}

/**
 * Lists and responses that were verified once, in memory and, with a folder, on disk. Whoever reads one verifies it again: a file that
 * somebody else put there is worth no more than one from the network.
 */
export class RevocationCache {
  readonly #folder: string | undefined;
  readonly #maxBytes: number;
  readonly #logger: Logger;
  readonly #memory = new Map<string, Buffer>();
  #memoryBytes = 0;

  constructor(folder: string | undefined, maxBytes: number, logger: Logger) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#logger = logger;
  }

  /** Never rejects: a cache that cannot be read has nothing. */
  async read(key: CacheKey): Promise<Buffer | undefined> {
    const name = fileName(key);
    const remembered = this.#memory.get(name);
    if (remembered !== undefined) {
      this.#memory.delete(name);
      this.#memory.set(name, remembered);
      return remembered;
    }
    if (this.#folder === undefined) return undefined;
    const path = join(this.#folder, name);
    try {
      const status = await lstat(path);
      if (!status.isFile() || status.size > this.#maxBytes) return undefined;
      return await readFile(path);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") {
        this.#logger.warn({ path, error: errorMessage(error) }, "a cached revocation answer cannot be read");
      }
      return undefined;
    }
  }

  /** Never rejects: a cache that cannot be written is none. */
  async write(key: CacheKey, bytes: Buffer): Promise<void> {
    const name = fileName(key);
    this.#remember(name, bytes);
    if (this.#folder === undefined) return;
    const path = join(this.#folder, name);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await replaceFile(path, bytes, 0o600);
    } catch (error) {
      this.#logger.warn({ path, error: errorMessage(error) }, "a revocation answer cannot be cached");
    }
  }

  #remember(name: string, bytes: Buffer): void {
    this.#memoryBytes += bytes.length - (this.#memory.get(name)?.length ?? 0);
    this.#memory.delete(name);
    this.#memory.set(name, bytes);
    for (const [oldest, old] of this.#memory) {
      if (this.#memoryBytes <= MAX_MEMORY_BYTES && this.#memory.size <= MAX_MEMORY_ENTRIES) break;
      this.#memory.delete(oldest);
      this.#memoryBytes -= old.length;
    }
  }
}

/** A hash: nothing of an address gets into a path. */
function fileName({ kind, url, subject }: CacheKey): string {
  const hash = createHash("sha256").update(`${kind}\n${url.length}\n${url}\n`).update(subject).digest("hex");
  return `${kind}-${hash}.der`;
}
