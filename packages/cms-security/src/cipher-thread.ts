import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Batch } from "./seal/batch.js";

/** Octets that go to the thread at a time. */
export const THREAD_CHUNK_BYTES = 512 * 1024;

/** As a text, so that it needs no file of its own, which bundlers would lose. */
const PROGRAM = `
const { createCipheriv } = require("node:crypto");
const { parentPort, workerData } = require("node:worker_threads");
const { name, key, iv } = workerData;
const cipher = createCipheriv(name, key, iv);
key.fill(0);
parentPort.on("message", (chunk) => {
  const octets = chunk === null ? cipher.final() : cipher.update(chunk);
  const own = octets.byteLength === octets.buffer.byteLength ? octets : Uint8Array.from(octets);
  parentPort.postMessage(
    { octets: own, chunk },
    chunk === null ? [own.buffer] : [own.buffer, chunk.buffer],
  );
});
`;

interface Answer {
  readonly octets: Uint8Array;
  /** The memory that it came in, to be used again. */
  readonly chunk: Uint8Array | null;
}

interface Waiter {
  readonly resolve: (octets: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether a second processor is there to encrypt while the first one reads and hashes. */
export const hasSecondProcessor = (): boolean => availableParallelism() > 1;

/** A cipher without authentication in a thread of its own. Answers come in the order of the questions. */
export class CipherThread {
  readonly #worker: Worker;
  readonly #waiters: Waiter[] = [];
  /** Memory that the thread has given back. */
  readonly #free: ArrayBuffer[] = [];
  #failure: unknown;

  /** Errors: those of `Worker`, where threads are not allowed. */
  constructor(name: string, key: Uint8Array, iv: Uint8Array) {
    this.#worker = new Worker(PROGRAM, { eval: true, workerData: { name, key, iv } });
    this.#worker.on("message", ({ octets, chunk }: Answer) => {
      if (chunk !== null) this.#free.push(chunk.buffer as ArrayBuffer);
      this.#waiters.shift()?.resolve(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
    });
    this.#worker.once("error", (error) => this.#fail(error));
    this.#worker.once("exit", () => this.#fail(new Error("the thread that encrypts has ended")));
  }

  /** What comes out for some octets, which are copied: `bytes` in all, at most {@link THREAD_CHUNK_BYTES}. */
  update(batch: Batch, bytes: number): Promise<Buffer> {
    const chunk = new Uint8Array(this.#free.pop() ?? new ArrayBuffer(THREAD_CHUNK_BYTES), 0, bytes);
    let at = 0;
    for (const piece of batch) {
      chunk.set(piece, at);
      at += piece.length;
    }
    return this.#ask(chunk);
  }

  final(): Promise<Buffer> {
    return this.#ask(null);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(chunk: Uint8Array | null): Promise<Buffer> {
    const answer = new Promise<Buffer>((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else this.#waiters.push({ resolve, reject });
    });
    // Several are under way: whoever stops at one never looks at the others.
    answer.catch(() => {});
    if (this.#failure === undefined) {
      this.#worker.postMessage(chunk, chunk === null ? [] : [chunk.buffer as ArrayBuffer]);
    }
    return answer;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#failure);
  }
}
