import { type Cipher, createCipheriv } from "node:crypto";
import { CipherThread, hasSecondProcessor, THREAD_CHUNK_BYTES } from "../cipher-thread.js";
import type { Batch } from "./batch.js";

/** From here on a thread is worth its beginning. */
const THREAD_FROM_BYTES = 4 * 1024 * 1024;
/** Chunks that the thread has at a time: it need not wait for the next one. */
const MOST_UNDER_WAY = 8;

/** The content, encrypted on the spot. Wipes the key. */
export async function* encryptHere(
  cipher: Cipher,
  key: Buffer,
  content: AsyncIterable<Batch>,
): AsyncGenerator<Buffer> {
  key.fill(0);
  for await (const batch of content) {
    for (const piece of batch) {
      const encrypted = cipher.update(piece);
      if (encrypted.length > 0) yield encrypted;
    }
  }
  yield cipher.final();
}

/**
 * The content, encrypted without authentication. Large content is encrypted in a thread of its own, while this one reads and hashes
 * what comes next. Wipes the key.
 */
export async function* encryptContent(
  name: string,
  key: Buffer,
  iv: Buffer,
  content: AsyncIterable<Batch>,
): AsyncGenerator<Buffer> {
  const held = new HeldContent(content);
  const isLarge = hasSecondProcessor() && (await held.fill(THREAD_FROM_BYTES));
  const thread = isLarge ? startThread(name, key, iv) : undefined;
  if (thread === undefined) {
    yield* encryptHere(createCipheriv(name, key, iv), key, held.batches());
    return;
  }
  key.fill(0);
  const underWay: Promise<Buffer>[] = [];
  try {
    for await (const { pieces, bytes } of held.chunks(THREAD_CHUNK_BYTES)) {
      underWay.push(thread.update(pieces, bytes));
      if (underWay.length > MOST_UNDER_WAY) yield (await underWay.shift()) as Buffer;
    }
    underWay.push(thread.final());
    for (const encrypted of underWay) yield await encrypted;
  } finally {
    await thread.close();
  }
}

/** Undefined where threads are not allowed. */
function startThread(name: string, key: Buffer, iv: Buffer): CipherThread | undefined {
  try {
    return new CipherThread(name, key, iv);
  } catch {
    return undefined;
  }
}

interface Chunk {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

/** Content whose beginning can be held back until it is known how much there is. */
class HeldContent {
  readonly #content: AsyncIterator<Batch>;
  #held: Buffer[] = [];
  #ended = false;

  constructor(content: AsyncIterable<Batch>) {
    this.#content = content[Symbol.asyncIterator]();
  }

  /** Holds back so many bytes. Resolves to whether there are as many. */
  async fill(least: number): Promise<boolean> {
    let bytes = 0;
    while (bytes < least) {
      const { done, value } = await this.#content.next();
      if (done === true) {
        this.#ended = true;
        return false;
      }
      for (const piece of value) {
        this.#held.push(piece);
        bytes += piece.length;
      }
    }
    return true;
  }

  /** What was held back, and the rest. */
  async *batches(): AsyncGenerator<Batch> {
    try {
      for (const piece of this.#held.splice(0)) yield [piece];
      while (!this.#ended) {
        const { done, value } = await this.#content.next();
        if (done === true) this.#ended = true;
        else yield value;
      }
    } finally {
      if (!this.#ended) await this.#content.return?.();
    }
  }

  /** The same in chunks of one size; only the last is smaller. */
  async *chunks(size: number): AsyncGenerator<Chunk> {
    let pieces: Buffer[] = [];
    let bytes = 0;
    for await (const batch of this.batches()) {
      for (const piece of batch) {
        for (let at = 0; at < piece.length; ) {
          const part = piece.subarray(at, at + size - bytes);
          pieces.push(part);
          bytes += part.length;
          at += part.length;
          if (bytes < size) continue;
          yield { pieces, bytes };
          pieces = [];
          bytes = 0;
        }
      }
    }
    if (bytes > 0) yield { pieces, bytes };
  }
}
