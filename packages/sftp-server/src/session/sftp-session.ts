import type { Duplex } from "node:stream";
import { errorCode, isTransferError, TransferError } from "@waybill/net-core";
import { DATA_HEADER_BYTES, PacketType } from "../codec/packet-types.js";
import type { Reply } from "../codec/replies.js";
import { decodeRequest, type Packet } from "../codec/request-decoder.js";
import type { ReadRequest, Request, WriteRequest } from "../codec/requests.js";
import { FileSystemError, statusOf } from "../file-system-error.js";
import { closeForgotten } from "./close-forgotten.js";
import { type DataOutcome, ReadTask, WriteTask } from "./data-requests.js";
import { extensionHandlers } from "./extension-handlers.js";
import { handleHandlers } from "./handle-handlers.js";
import { HandleTable } from "./handle-table.js";
import { answerInit } from "./init-request.js";
import { OpenFiles } from "./open-file.js";
import { pathHandlers } from "./path-handlers.js";
import { ReadAheadBudget } from "./read-ahead-budget.js";
import { ReplyWriter } from "./reply-writer.js";
import { accessOf, changesSomething } from "./request-access.js";
import { RequestIntake, type TakenPacket } from "./request-intake.js";
import { type Access, RequestOrder } from "./request-order.js";
import { RequestsUnderWay } from "./requests-under-way.js";
import type { HandledKind, Handlers, SessionContext } from "./session-context.js";
import { status, success } from "./session-context.js";
import { maxDataBytes, PACKET_OVERHEAD_BYTES, type SessionSettings } from "./session-options.js";

/** Bytes of requests, and of the data that they ask for, that may be under way. */
const MAX_BYTES_IN_FLIGHT = 4 * 1024 * 1024;
/** How often read-ahead that nobody came for is looked for. */
const OUTDATED_CHECK_MS = 2000;

const HANDLERS: Handlers<HandledKind> = { ...pathHandlers, ...handleHandlers, ...extensionHandlers };

interface Settle {
  readonly resolve: () => void;
  readonly reject: (error: TransferError) => void;
}

/** One SFTP session: requests in from the channel, decoded once, carried out in order, answered once. */
export class SftpSession implements DataOutcome {
  readonly #channel: Duplex;
  readonly #settings: SessionSettings;
  readonly #intake: RequestIntake;
  readonly #replies: ReplyWriter;
  readonly #handles: HandleTable;
  readonly #budget = new ReadAheadBudget();
  readonly #order: RequestOrder<Request>;
  readonly #context: SessionContext;
  readonly #underWay = new RequestsUnderWay();
  #initialised = false;
  #pumping = false;
  /** The client will send nothing more. */
  #inputEnded = false;
  /** Nothing more is taken in: the channel is gone or the client broke the protocol. */
  #over = false;
  #failure: TransferError | undefined;
  #ending = false;
  #outdatedTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  #settle: Settle | undefined;

  constructor(channel: Duplex, settings: SessionSettings) {
    this.#channel = channel;
    this.#settings = settings;
    this.#intake = new RequestIntake(settings.maxPacketBytes + PACKET_OVERHEAD_BYTES);
    this.#replies = new ReplyWriter(channel, () => this.#pump());
    this.#handles = new HandleTable(settings.maxHandles);
    this.#order = new RequestOrder(
      (request) => accessOf(request, this.#handles),
      (request, access) => this.#start(request, access),
    );
    this.#context = {
      settings,
      fileSystem: settings.fileSystem,
      handles: this.#handles,
      openFiles: new OpenFiles(this.#budget, () => this.#mayReadAhead()),
      isOver: () => this.#over,
    };
  }

  /**
   * Serves the channel until the client ends it, it is gone, or the client breaks the protocol; only the last rejects.
   * Everything under way is finished and every handle closed by then. The channel's writing side is left open.
   */
  run(): Promise<void> {
    const channel = this.#channel;
    channel.on("data", (chunk: Buffer) => {
      if (this.#over) return;
      this.#intake.push(chunk);
      this.#pump();
    });
    // An SSH channel tells of it while requests before it still wait.
    channel.once("eof", () => this.#linger());
    channel.once("end", () => {
      this.#inputEnded = true;
      this.#linger();
      this.#pump();
    });
    channel.on("error", (error: unknown) => {
      this.#settings.logger.debug({ error }, "sftp channel failed");
      this.#stop(undefined);
    });
    channel.once("close", () => {
      clearInterval(this.#lingerTimer);
      this.#stop(undefined);
    });
    this.#settings.closing?.addEventListener("abort", this.#onClosing, { once: true });
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (channel.destroyed) this.#stop(undefined);
      else if (channel.readableEnded) this.#inputEnded = true;
      this.#endWhenDone();
    });
  }

  // --- taking requests in ---

  /** Takes in what has arrived, as far as there is room for it. */
  #pump(): void {
    if (this.#pumping || this.#over) return;
    this.#pumping = true;
    try {
      while (!this.#over && this.#hasRoom()) {
        const taken = this.#intake.next();
        if (taken === undefined) break;
        this.#take(taken);
      }
    } catch (error) {
      this.#stop(isTransferError(error) ? error : internalError(error));
    } finally {
      this.#pumping = false;
    }
    if (this.#over) return;
    if (this.#hasRoom()) {
      if (this.#channel.isPaused()) this.#channel.resume();
    } else {
      this.#channel.pause();
    }
    this.#endWhenDone();
  }

  #hasRoom(): boolean {
    return (
      this.#underWay.count < this.#settings.maxRequestsInFlight &&
      this.#underWay.bytes < MAX_BYTES_IN_FLIGHT &&
      this.#replies.hasRoom
    );
  }

  #take(taken: TakenPacket): void {
    const { packet } = taken;
    const type = packet[0]![0]!;
    if (!this.#initialised) {
      this.#replies.send(answerInit(packet, this.#settings.fileSystem));
      this.#initialised = true;
      this.#intake.finish(taken);
      return;
    }
    if (type === PacketType.INIT) {
      throw new TransferError("ERR_SFTP_SECOND_INIT", "The client sent SSH_FXP_INIT twice.");
    }
    let request: Request;
    try {
      request = decodeRequest(packet);
    } catch (error) {
      this.#replyError(idOf(packet), error, "malformed");
      this.#intake.finish(taken);
      return;
    }
    const answerBytes = request.kind === "read" ? this.#readLength(request) : 0;
    this.#underWay.add(request, taken, answerBytes);
    this.#order.submit(request);
  }

  // --- carrying them out ---

  #start(request: Request, access: Access): void {
    if (this.#settings.readOnly && changesSomething(request)) {
      this.#fail(request, access, new FileSystemError("ERR_READ_ONLY"));
    } else if (this.#isClosing() && (request.kind === "open" || request.kind === "opendir")) {
      this.#fail(request, access, new FileSystemError("ERR_SHUTTING_DOWN"));
    } else if (request.kind === "read") {
      this.#startRead(request, access);
    } else if (request.kind === "write") {
      this.#startWrite(request, access);
    } else {
      void this.#handle(request, access);
    }
  }

  #startRead(request: ReadRequest, access: Access): void {
    const entry = this.#handles.find(request.handle);
    if (entry?.kind !== "file") {
      this.#fail(request, access, new FileSystemError("ERR_INVALID_HANDLE"));
    } else if (!entry.flags.read) {
      this.#fail(request, access, new FileSystemError("ERR_PERMISSION_DENIED", "Not open for reading"));
    } else if (this.#over) {
      this.#finish(request, access);
    } else if (request.length === 0) {
      this.reply(request, access, { kind: "data", id: request.id, data: Buffer.alloc(0) });
    } else {
      entry.reader.read(new ReadTask(request, this.#readLength(request), access, entry, this));
      if (this.#budget.bytes > 0) this.#watchOutdated();
    }
  }

  #startWrite(request: WriteRequest, access: Access): void {
    const entry = this.#handles.find(request.handle);
    if (entry?.kind !== "file") {
      this.#fail(request, access, new FileSystemError("ERR_INVALID_HANDLE"));
    } else if (!entry.flags.write) {
      this.#fail(request, access, new FileSystemError("ERR_PERMISSION_DENIED", "Not open for writing"));
    } else if (request.length === 0) {
      this.reply(request, access, success(request.id));
    } else {
      entry.writer.write(new WriteTask(request, access, entry, this));
    }
  }

  async #handle(request: Request, access: Access): Promise<void> {
    try {
      // The table has a handler for each kind that gets here, and only for requests of that kind.
      const handler = HANDLERS[request.kind as HandledKind] as (
        context: SessionContext,
        request: Request,
      ) => Promise<Reply>;
      this.#replies.send(await handler(this.#context, request));
    } catch (error) {
      this.#fail(request, access, error);
      return;
    }
    this.#finish(request, access);
  }

  /** The longest data that one READ gets: as with OpenSSH, longer ones are answered in part. */
  #readLength(request: ReadRequest): number {
    return Math.min(request.length, maxDataBytes(this.#settings));
  }

  #mayReadAhead(): boolean {
    return !this.#over && this.#replies.hasRoom;
  }

  // --- answering them ---

  reply(request: Request, access: Access, reply: Reply): void {
    this.#replies.send(reply);
    this.#finish(request, access);
  }

  data(request: ReadRequest, access: Access, packet: Buffer, packetBytes: number): void {
    this.#replies.sendData(packet, packetBytes);
    this.#finish(request, access);
  }

  failed(request: Request, access: Access, error: unknown): void {
    this.#fail(request, access, error);
  }

  #fail(request: Request, access: Access, error: unknown): void {
    if (request.kind !== "init") this.#replyError(request.id, error, request.kind);
    this.#finish(request, access);
  }

  #replyError(id: number, error: unknown, kind: string): void {
    const { code, message, unexpected } = statusOf(error);
    if (unexpected) this.#settings.logger.error({ error, kind }, "sftp request failed unexpectedly");
    else this.#settings.logger.debug({ code: errorCode(error), kind }, "sftp request failed");
    this.#replies.send(status(id, code, message));
  }

  #finish(request: Request, access: Access): void {
    const taken = this.#underWay.remove(request);
    if (taken !== undefined) this.#intake.finish(taken);
    this.#order.finish(access);
    this.#pump();
    this.#endWhenDone();
  }

  // --- ending ---

  #stop(failure: TransferError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#intake.clear();
    if (failure === undefined) this.#replies.close();
    else this.#channel.pause();
    this.#endWhenDone();
  }

  /**
   * The client has ended its side. OpenSSH's client, when the program behind it is gone, throws away what it holds and never
   * opens the window of the channel again: nothing can be sent any more, though the connection lives.
   */
  #linger(): void {
    if (this.#lingerTimer !== undefined || this.#channel.destroyed) return;
    let taken = this.#replies.takenBytes;
    // It goes on when the session is over: the channel has not ended before the last reply has left.
    this.#lingerTimer = setInterval(() => {
      const { unsentBytes, takenBytes } = this.#replies;
      if (unsentBytes > 0 && takenBytes === taken) {
        this.#settings.logger.info(
          { unsentBytes },
          "the client has ended its side and takes no replies any more",
        );
        this.#channel.destroy();
      } else if (unsentBytes === 0 && this.#ending) {
        clearInterval(this.#lingerTimer);
      }
      taken = takenBytes;
    }, this.#settings.lingerMs).unref();
  }

  #endWhenDone(): void {
    if (this.#ending || this.#settle === undefined || this.#underWay.count > 0) return;
    const drained = this.#inputEnded && !this.#pumping && this.#hasRoom();
    const idle = this.#isClosing() && !this.#pumping && this.#handles.size === 0;
    if (!this.#over && !drained && !idle) return;
    this.#ending = true;
    this.#over = true;
    void this.#end(this.#settle);
  }

  readonly #onClosing = () => this.#endWhenDone();

  #isClosing(): boolean {
    return this.#settings.closing?.aborted === true;
  }

  async #end(settle: Settle): Promise<void> {
    clearInterval(this.#outdatedTimer);
    this.#settings.closing?.removeEventListener("abort", this.#onClosing);
    if (this.#intake.available > 0) {
      this.#settings.logger.warn("the client ended in the middle of a packet");
    }
    await closeForgotten(this.#handles, this.#settings);
    this.#replies.flush();
    this.#replies.close();
    if (this.#failure === undefined) settle.resolve();
    else settle.reject(this.#failure);
  }

  #watchOutdated(): void {
    this.#outdatedTimer ??= setInterval(() => {
      for (const file of this.#handles.files()) file.reader.dropOutdated();
      if (this.#budget.bytes > 0) return;
      clearInterval(this.#outdatedTimer);
      this.#outdatedTimer = undefined;
    }, OUTDATED_CHECK_MS).unref();
  }
}

/** A mistake of ours costs one session, not the process. */
function internalError(cause: unknown): TransferError {
  return new TransferError("ERR_SFTP_INTERNAL", "The session failed for a reason that nobody expected.", {
    cause,
  });
}

/** The id of a request that may be malformed; the splitter has made sure that there is one. */
function idOf(packet: Packet): number {
  const first = packet[0]!;
  const head = first.length >= DATA_HEADER_BYTES ? first : Buffer.concat(packet);
  return head.readUInt32BE(1);
}
