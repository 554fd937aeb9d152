import { StatusCode } from "../codec/packet-types.js";
import type { Reply } from "../codec/replies.js";
import type { ReadRequest, WriteRequest } from "../codec/requests.js";
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
  readonly #request: WriteRequest;
  readonly #access: Access;
  readonly #file: OpenFile;
  readonly #outcome: DataOutcome;

  constructor(request: WriteRequest, access: Access, file: OpenFile, outcome: DataOutcome) {
    this.offset = request.offset;
    this.length = request.length;
    this.data = request.data;
    this.#request = request;
    this.#access = access;
    this.#file = file;
    this.#outcome = outcome;
  }

  done(error?: unknown): void {
    if (error !== undefined) {
      this.#outcome.failed(this.#request, this.#access, error);
      return;
    }
    this.#file.bytesWritten += this.length;
    this.#outcome.reply(this.#request, this.#access, success(this.#request.id));
  }
}
