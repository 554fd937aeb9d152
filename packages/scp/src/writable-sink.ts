import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { localError } from "./scp-errors.js";

/** A caller's stream as a destination: waits while it is full, fails when it fails. */
export class WritableSink {
  readonly #stream: Writable;
  #failure: unknown;
  #reject: ((error: unknown) => void) | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("error", this.#fail);
    stream.on("close", this.#onClose);
    if (stream.destroyed || stream.writableEnded) this.#fail(new Error("the stream was closed"));
  }

  async write(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.#stream.write(chunk)) await this.#drained();
    }
  }

  /** Ends the stream; resolves when it has passed everything on. */
  async end(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stream.end();
    await finished(this.#stream, { readable: false });
  }

  /** The error goes to those who listen; when nobody does it is no reason to end the process. */
  destroy(error: Error): void {
    this.#stream.destroy(error);
  }

  /** Leaves the stream to its owner. */
  release(): void {
    this.#stream.off("error", this.#fail);
    this.#stream.off("close", this.#onClose);
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#stream.once("drain", resolve);
      if (this.#failure !== undefined) reject(this.#failure);
    });
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= localError("write to", "the stream", error);
    this.#reject?.(this.#failure);
  };

  readonly #onClose = (): void => this.#fail(new Error("the stream was closed"));
}
