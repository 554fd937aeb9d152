import { StatusCode } from "../codec/packet-types.js";
import type { Reply } from "../codec/replies.js";
import type { ReadRequest, WriteRequest } from "../codec/requests.js";
import { returnBuffer, takeBuffer } from "./buffer-pool.js";
import type { OpenFile } from "./open-file.js";
import type { Access } from "./request-order.js";
import type { PendingRead } from "./sequential-reader.js";
import { status, success } from "./session-context.js";
import type { PendingWrite } from "./write-joiner.js";

/** Where READ and WRITE requests deliver their outcome. One of the methods is called, once, for each. */
export interface DataOutcome {
  reply(request: ReadRequest | WriteRequest, access: Access, reply: Reply): void;
  data(request: ReadRequest, access: Access, packet: Buffer, packetBytes: number): void;
  failed(request: ReadRequest | WriteRequest, access: Access, error: unknown): void;
}

/** A READ request under way. A class, not closures: there is one for every packet of a download. */
export class ReadTask implements PendingRead {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
  readonly #request: ReadRequest;
  readonly #access: Access;
  readonly #file: OpenFile;
  readonly #outcome: DataOutcome;

  constructor(request: ReadRequest, length: number, access: Access, file: OpenFile, outcome: DataOutcome) {
    this.id = request.id;
    this.offset = request.offset;
    this.length = length;
    this.#request = request;
    this.#access = access;
    this.#file = file;
    this.#outcome = outcome;
  }

  data(packet: Buffer, packetBytes: number, dataBytes: number): void {
    this.#file.bytesRead += dataBytes;
    this.#outcome.data(this.#request, this.#access, packet, packetBytes);
  }

  endOfFile(): void {
    this.#outcome.reply(this.#request, this.#access, status(this.id, StatusCode.EOF, "End of file"));
  }

  failed(error: unknown): void {
    this.#outcome.failed(this.#request, this.#access, error);
  }
}

/** A WRITE request under way. */
export class WriteTask implements PendingWrite {
  readonly offset: number;
  readonly length: number;
  readonly data: readonly Buffer[];
  readonly #copy: Buffer | undefined;
  readonly #request: WriteRequest;
  readonly #access: Access;
  readonly #file: OpenFile;
  readonly #outcome: DataOutcome;

  constructor(request: WriteRequest, access: Access, file: OpenFile, outcome: DataOutcome) {
    this.offset = request.offset;
    this.length = request.length;
    this.#copy = copyOf(request);
    this.data = this.#copy === undefined ? request.data : [this.#copy.subarray(0, request.length)];
    this.#request = request;
    this.#access = access;
    this.#file = file;
    this.#outcome = outcome;
  }

  done(error?: unknown): void {
    if (this.#copy !== undefined) returnBuffer(this.#copy);
    if (error !== undefined) {
      this.#outcome.failed(this.#request, this.#access, error);
      return;
    }
    this.#file.bytesWritten += this.length;
    this.#outcome.reply(this.#request, this.#access, success(this.#request.id));
  }
}

const MIN_COPIED_BYTES = 16 * 1024;
const MAX_COPIED_BYTES = 256 * 1024;

/**
 * The data of a large WRITE in a buffer of the pool. It costs no measurable time and halves the memory of an upload: the
 * chunks of the channel die young, where otherwise V8 would move them to its old generation while they wait for the
 * disk, and collect them only after some 60 MiB.
 */
function copyOf(request: WriteRequest): Buffer | undefined {
  if (request.length < MIN_COPIED_BYTES || request.length > MAX_COPIED_BYTES) return undefined;
  // Few sizes, so that buffers fit again: 16, 32, 64, 128 and 256 KiB.
  const buffer = takeBuffer(2 ** Math.ceil(Math.log2(request.length)));
  let at = 0;
  for (const piece of request.data) {
    buffer.set(piece, at);
    at += piece.length;
  }
  return buffer;
}
