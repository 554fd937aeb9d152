import { isTransferError, TransferError } from "@waybill/net-core";
import { DataBufferPool, encodeCommand, endSessionReasons, type Sfid } from "@waybill/oftp-codec";
import type { Action, SessionEvent } from "../machine/index.js";
import type { FileTotals, OutgoingEndResponse, OutgoingFile } from "../user-monitor.js";
import type { DrivenSession } from "./driven-session.js";
import { type BufferOutlet, OutgoingTransfer, octetsBefore, sfidOf } from "./outgoing-transfer.js";

type Confirmation = Extract<
  Action,
  { type: "F_START_FILE_CF" | "F_CLOSE_FILE_CF" | "F_RTR_CF" | "F_DATA_CF" }
>;
type ClosedFile = Extract<Confirmation, { type: "F_CLOSE_FILE_CF" }>;

interface Waiter {
  /** `room`: in the socket. */
  readonly type: Confirmation["type"] | "room";
  readonly resolve: (confirmation: Confirmation | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const NOTHING: FileTotals = { records: 0, octets: 0 };

/** Octets before the payload of a framed data exchange buffer: stream transmission header and command octet. */
const DATA_AT = 5;

/** What this station does when it has the turn (RFC 5024 sections 4.3 to 4.6, speaker). */
export class Speaker implements BufferOutlet {
  readonly #session: DrivenSession;
  /** What could not be sent, and must not be tried for ever. */
  readonly #unsendable = new Set<unknown>();
  #waiter: Waiter | undefined;
  #speaking = false;
  /** The turn has come back before everything of the last one was settled. */
  #turnWaits = false;
  #stopping = false;
  #waitsForRoom = false;
  #pool: DataBufferPool | undefined;
  #transfer: OutgoingTransfer | undefined;

  constructor(session: DrivenSession) {
    this.#session = session;
  }

  /** Whether it is the partner who does not read. */
  get waitsForRoom(): boolean {
    return this.#waitsForRoom;
  }

  /** Sends no more than what is under way. */
  stop(): void {
    this.#stopping = true;
  }

  /** The turn has come. */
  begin(): void {
    if (this.#speaking) {
      this.#turnWaits = true;
      return;
    }
    this.#speaking = true;
    this.#session.local(async () => {
      try {
        do {
          this.#turnWaits = false;
          await this.#speak();
        } while (this.#turnWaits);
      } finally {
        this.#speaking = false;
      }
    });
  }

  confirm(confirmation: Confirmation): void {
    const transfer = this.#transfer;
    if (confirmation.type === "F_DATA_CF" && transfer !== undefined && !transfer.pumping) {
      // Not now: the machine is still busy with this event.
      queueMicrotask(() => this.#session.guard(() => transfer.pump()));
    }
    this.#settle(confirmation.type, confirmation);
  }

  /** The socket takes data again. */
  room(): void {
    this.#transfer?.pump();
    this.#settle("room", undefined);
  }

  /** The session has ended. */
  end(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(this.#session.endError);
  }

  async #speak(): Promise<void> {
    const session = this.#session;
    const { monitor } = session;
    while (!session.isOver && !this.#stopping) {
      const work = await monitor.nextWork();
      if (session.isOver) {
        if (work.kind === "file") await monitor.fileInterrupted(work.file, NOTHING, session.endError);
        return;
      }
      if (work.kind === "nothing") break;
      if (work.kind === "endResponse") {
        if (this.#unsendable.has(work.endResponse.key)) break;
        await this.#sendEndResponse(work.endResponse);
      } else {
        if (this.#unsendable.has(work.file)) break;
        if (!(await this.#sendFile(work.file))) return;
      }
    }
    if (session.isOver) return;
    // Only who got the turn with CD, and has sent nothing since, may end the session.
    if (session.state === "IDLESPCD") session.release(endSessionReasons.normal.code);
    else session.apply({ type: "F_CD_RQ" });
  }

  async #sendEndResponse(endResponse: OutgoingEndResponse): Promise<void> {
    const { key, response } = endResponse;
    const session = this.#session;
    try {
      // Before the machine sees it: what cannot be encoded, such as NERP below level 4, concerns this one only.
      encodeCommand(response, session.commands.level, { relayed: true });
    } catch (error) {
      this.#unsendable.add(key);
      session.logger.warn({ error, key }, "an end response cannot be sent in this session");
      await session.monitor.endResponseImpossible?.(endResponse, error);
      return;
    }
    const request: SessionEvent =
      response.kind === "EERP"
        ? { type: "F_EERP_RQ", eerp: response }
        : { type: "F_NERP_RQ", nerp: response };
    try {
      await this.#request("F_RTR_CF", request);
    } catch (error) {
      // It stays owed.
      if (session.isOver) return;
      throw error;
    }
    await session.monitor.endResponseSent(endResponse);
  }

  /** Resolves to whether this station still has the turn. */
  async #sendFile(file: OutgoingFile): Promise<boolean> {
    const session = this.#session;
    const { monitor } = session;
    const sfid = sfidOf(file, session.agreement);
    try {
      if (session.agreement.mode === "R") {
        throw new TransferError("ERR_OFTP_DIRECTION", "This session was set up only to receive files");
      }
      // As above: the next file may be all right.
      encodeCommand(sfid, session.commands.level, { relayed: file.relayed === true });
    } catch (error) {
      this.#unsendable.add(file);
      await monitor.fileInterrupted(file, NOTHING, error);
      return true;
    }
    const progress: Progress = { sent: () => NOTHING };
    let closed: ClosedFile | undefined;
    try {
      const opened = await this.#request("F_START_FILE_CF", { type: "F_START_FILE_RQ", sfid });
      if (!opened.positive) {
        const { reason, retry, text } = opened;
        progress.refusal = { command: "SFNA", reason, retry, text };
      } else {
        closed = await this.#sendContent(file, sfid, opened.restartPosition, progress);
      }
    } catch (error) {
      await this.#interrupted(file, progress.sent(), error);
      return false;
    }
    if (closed?.positive) {
      await monitor.fileSent(file, progress.sent());
      return closed.speaker;
    }
    if (closed !== undefined) {
      const { reason, text } = closed;
      progress.refusal = { command: "EFNA", reason, retry: false, text };
    }
    if (progress.refusal !== undefined) await monitor.fileRefused(file, progress.refusal);
    return true;
  }

  async #sendContent(
    file: OutgoingFile,
    sfid: Sfid,
    position: number,
    progress: Progress,
  ): Promise<ClosedFile> {
    const session = this.#session;
    const { observers, agreement } = session;
    observers.progress("sent", sfid, octetsBefore(sfid, position));
    this.#pool ??= new DataBufferPool(agreement.bufferSize);
    const transfer = new OutgoingTransfer(file, position, agreement, this.#pool, this);
    this.#transfer = transfer;
    progress.sent = () => transfer.totals;
    const totals = await transfer.send((octets) => observers.progress("sent", sfid, octets));
    // EFID must not be sent while credit is awaited (section 9.11, note 1).
    while (session.state !== "OPO") await this.ready();
    return this.#request("F_CLOSE_FILE_CF", {
      type: "F_CLOSE_FILE_RQ",
      recordCount: totals.records,
      unitCount: totals.octets,
    });
  }

  /** A file that cannot be sent to its end ends the session: there is no other way to take it back. */
  async #interrupted(file: OutgoingFile, sent: FileTotals, error: unknown): Promise<void> {
    const session = this.#session;
    if (!session.isOver) {
      session.logger.error({ error, file: file.datasetName }, "a file cannot be sent to its end");
      const told = isTransferError(error) && error.code.startsWith("ERR_OFTP_");
      const text = told ? error.message : "the file could not be read";
      session.release(endSessionReasons.unspecified.code, text, error);
    }
    await session.monitor.fileInterrupted(file, sent, error);
  }

  // --- data under credit ---

  cork(): void {
    this.#session.wire.cork();
  }

  uncork(): void {
    this.#session.wire.uncork();
  }

  trySend(framed: Buffer): boolean {
    const session = this.#session;
    if (session.state !== "OPO" || session.wire.full) return false;
    const payload = framed.subarray(DATA_AT);
    session.apply({ type: "F_DATA_RQ", payload });
    session.commands.sendData(framed, payload, this.#pool);
    return true;
  }

  async ready(): Promise<void> {
    const session = this.#session;
    if (session.endError !== undefined) throw session.endError;
    if (session.state === "OPOWFC") {
      await this.#wait("F_DATA_CF");
    } else if (session.wire.full) {
      this.#setWaitsForRoom(true);
      try {
        await this.#wait("room");
      } finally {
        this.#setWaitsForRoom(false);
      }
    }
  }

  #setWaitsForRoom(waits: boolean): void {
    this.#waitsForRoom = waits;
    this.#session.waitingChanged();
  }

  #settle(type: Waiter["type"], confirmation: Confirmation | undefined): void {
    const waiter = this.#waiter;
    if (waiter?.type !== type) return;
    this.#waiter = undefined;
    waiter.resolve(confirmation);
  }

  /** Waits for a confirmation. Rejects when the session ends. */
  #wait<T extends Waiter["type"]>(type: T): Promise<Extract<Confirmation, { type: T }>> {
    return new Promise((resolve, reject) => {
      this.#waiter = { type, resolve: resolve as Waiter["resolve"], reject };
    });
  }

  /** Makes a request of the machine and waits for its confirmation. Rejects when the session ends. */
  async #request<T extends Confirmation["type"]>(
    type: T,
    event: SessionEvent,
  ): Promise<Extract<Confirmation, { type: T }>> {
    const session = this.#session;
    if (session.endError !== undefined) throw session.endError;
    session.apply(event);
    if (session.endError !== undefined) throw session.endError;
    return this.#wait(type);
  }
}

/** How far a file is, for whoever has to say so when it ends otherwise. */
interface Progress {
  sent: () => FileTotals;
  refusal?: { command: "SFNA" | "EFNA"; reason: number; retry: boolean; text: string };
}
