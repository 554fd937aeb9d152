import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/**
 * As a text, so that it needs no file of its own, which bundlers would lose. Each chunk is encrypted in its place, a little at a
 * time: small buffers come from memory that is warm, large ones from the system. V8 takes them back when the young part of its
 * heap is full, where they hardly count themselves: it is kept small, and filled on purpose.
 */
const PROGRAM = `
const { createCipheriv } = require("node:crypto");
const { parentPort, workerData } = require("node:worker_threads");
const PIECE_BYTES = 16 * 1024;
const FILLING_LENGTH = 256;
const { name, key, iv } = workerData;
const cipher = createCipheriv(name, key, iv);
key.fill(0);
let filling;
parentPort.on("message", (chunk) => {
  if (chunk === null) {
    parentPort.postMessage(Uint8Array.from(cipher.final()));
    return;
  }
  let written = 0;
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
    const encrypted = cipher.update(chunk.subarray(at, at + PIECE_BYTES));
    chunk.set(encrypted, written);
    written += encrypted.length;
    filling = new Array(FILLING_LENGTH);
  }
  parentPort.postMessage(chunk.subarray(0, written), [chunk.buffer]);
});
`;

/** Of the heap of the thread. */
const YOUNG_MIB = 2;

interface Waiter {
  readonly resolve: (octets: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether a second processor is there to encrypt while the first one reads and hashes. */
export const hasSecondProcessor = (): boolean => availableParallelism() > 1;

/** A cipher without authentication in a thread of its own. Answers come in the order of the questions. */
export class CipherThread {
  readonly #worker: Worker;
  readonly #waiters: Waiter[] = [];
  #failure: unknown;

  /** Errors: those of `Worker`, where threads are not allowed. */
  constructor(name: string, key: Uint8Array, iv: Uint8Array) {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB };
    this.#worker = new Worker(PROGRAM, { eval: true, workerData: { name, key, iv }, resourceLimits });
    this.#worker.on("message", (octets) => this.#waiters.shift()?.resolve(octets));
    this.#worker.once("error", (error) => this.#fail(error));
    this.#worker.once("exit", () => this.#fail(new Error("the thread that encrypts has ended")));
  }

  /**
   * What comes out for a chunk, in the chunk's own memory, which the thread takes meanwhile. Chunks are whole blocks; only the
   * last may end in the middle of one.
   */
  update(chunk: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    return this.#ask(chunk);
  }

  final(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#ask(null);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(chunk: Uint8Array<ArrayBuffer> | null): Promise<Uint8Array<ArrayBuffer>> {
    const answer = new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else this.#waiters.push({ resolve, reject });
    });
    // Several are under way: whoever stops at one never looks at the others.
    answer.catch(() => {});
    if (this.#failure === undefined) this.#worker.postMessage(chunk, chunk === null ? [] : [chunk.buffer]);
    return answer;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#failure);
  }
}
