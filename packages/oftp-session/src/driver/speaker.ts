import { isTransferError, TransferError } from "@waybill/net-core";
import { DataBufferPool, encodeCommand, endSessionReasons } from "@waybill/oftp-codec";
import type { Action } from "../machine/index.js";
import type { FileTotals, OutgoingEndResponse, OutgoingFile } from "../user-monitor.js";
import { type BufferOutlet, OutgoingTransfer, octetsBefore, sfidOf } from "./outgoing-transfer.js";
import type { DrivenSession } from "./session.js";

type Confirmation = Extract<
  Action,
  { type: "F_START_FILE_CF" | "F_CLOSE_FILE_CF" | "F_RTR_CF" | "F_DATA_CF" }
>;

interface Waiter {
  readonly type: Confirmation["type"];
  readonly resolve: (confirmation: Confirmation) => void;
  readonly reject: (error: unknown) => void;
}

const NOTHING: FileTotals = { records: 0, octets: 0 };

/** What this station does when it has the turn (RFC 5024 sections 4.3 to 4.6, speaker). */
export class Speaker implements BufferOutlet {
  readonly #session: DrivenSession;
  #waiter: Waiter | undefined;
  #speaking = false;
  #stopping = false;
  #waitsForSocket = false;
  #pool: DataBufferPool | undefined;

  constructor(session: DrivenSession) {
    this.#session = session;
  }

  /** In state OPO: whether it is the partner who does not read. */
  get waitsForSocket(): boolean {
    return this.#waitsForSocket;
  }

  /** Sends no more than what is under way. */
  stop(): void {
    this.#stopping = true;
  }

  /** The turn has come. `mustGive`: the session cannot be ended from here, only given away. */
  begin(mustGive: boolean): void {
    if (this.#speaking) return;
    this.#speaking = true;
    this.#session.local(async () => {
      try {
        await this.#speak(mustGive);
      } finally {
        this.#speaking = false;
      }
    });
  }

  confirm(confirmation: Confirmation): void {
    const waiter = this.#waiter;
    if (waiter === undefined || waiter.type !== confirmation.type) return;
    this.#waiter = undefined;
    waiter.resolve(confirmation);
  }

  /** The session has ended. */
  end(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(this.#session.endError);
  }

  async #speak(mustGive: boolean): Promise<void> {
    const session = this.#session;
    const { monitor } = session;
    let canEnd = !mustGive;
    while (!this.#isOver() && !this.#stopping) {
      const work = await monitor.nextWork();
      if (this.#isOver()) {
        if (work.kind === "file") await monitor.fileInterrupted(work.file, NOTHING, session.endError);
        return;
      }
      if (work.kind === "nothing") break;
      canEnd = false;
      if (work.kind === "endResponse") await this.#sendEndResponse(work.endResponse);
      else if (!(await this.#sendFile(work.file))) return;
    }
    if (this.#isOver()) return;
    if (canEnd) session.release(endSessionReasons.normal.code);
    else session.apply({ type: "F_CD_RQ" });
  }

  #isOver(): boolean {
    return this.#session.endError !== undefined;
  }

  async #sendEndResponse(endResponse: OutgoingEndResponse): Promise<void> {
    const { response } = endResponse;
    const session = this.#session;
    try {
      await this.#request("F_RTR_CF", () =>
        session.apply(
          response.kind === "EERP"
            ? { type: "F_EERP_RQ", eerp: response }
            : { type: "F_NERP_RQ", nerp: response },
        ),
      );
    } catch (error) {
      if (this.#isOver()) return;
      throw error;
    }
    await session.monitor.endResponseSent(endResponse);
  }

  /** Resolves to whether this station still has the turn. */
  async #sendFile(file: OutgoingFile): Promise<boolean> {
    const session = this.#session;
    const { monitor } = session;
    const negotiated = session.session;
    const sfid = sfidOf(file, negotiated);
    try {
      if (negotiated.mode === "R") {
        throw new TransferError("ERR_OFTP_DIRECTION", "This session was set up only to receive files");
      }
      // Before the machine sees it: what cannot be encoded concerns this file only.
      encodeCommand(sfid, session.level, { relayed: file.relayed === true });
    } catch (error) {
      await monitor.fileInterrupted(file, NOTHING, error);
      return true;
    }
    let transfer: OutgoingTransfer | undefined;
    let closed: Extract<Confirmation, { type: "F_CLOSE_FILE_CF" }>;
    let totals: FileTotals;
    try {
      const opened = await this.#request("F_START_FILE_CF", () =>
        session.apply({ type: "F_START_FILE_RQ", sfid }),
      );
      if (!opened.positive) {
        const { reason, retry, text } = opened;
        await monitor.fileRefused(file, { command: "SFNA", reason, retry, text });
        return true;
      }
      const { onProgress } = session.options;
      onProgress?.({ direction: "sent", sfid, octets: octetsBefore(sfid, opened.restartPosition) });
      this.#pool ??= new DataBufferPool(negotiated.bufferSize);
      transfer = new OutgoingTransfer(file, opened.restartPosition, negotiated, this.#pool);
      totals = await transfer.send(this, (octets) => onProgress?.({ direction: "sent", sfid, octets }));
      await this.#creditBeforeEnd();
      closed = await this.#request("F_CLOSE_FILE_CF", () =>
        session.apply({
          type: "F_CLOSE_FILE_RQ",
          recordCount: totals.records,
          unitCount: totals.octets,
        }),
      );
    } catch (error) {
      await this.#interrupted(file, transfer?.totals ?? NOTHING, error);
      return false;
    }
    if (closed.positive) {
      await monitor.fileSent(file, totals);
      return closed.speaker;
    }
    const { reason, text } = closed;
    await monitor.fileRefused(file, { command: "EFNA", reason, retry: false, text });
    return true;
  }

  /** A file that cannot be sent to its end ends the session: there is no other way to take it back. */
  async #interrupted(file: OutgoingFile, sent: FileTotals, error: unknown): Promise<void> {
    const session = this.#session;
    if (!this.#isOver()) {
      const text = isTransferError(error) ? error.message : "the file could not be read";
      session.release(endSessionReasons.unspecified.code, text, error);
    }
    await session.monitor.fileInterrupted(file, sent, error);
  }

  // --- data under credit ---

  trySend(framed: Buffer): boolean {
    const session = this.#session;
    if (session.state !== "OPO" || session.wire.full) return false;
    const pool = this.#pool;
    session.apply({ type: "F_DATA_RQ", payload: framed.subarray(DATA_AT) });
    session.sendData(framed, () => pool?.release(framed));
    return true;
  }

  async ready(): Promise<void> {
    const session = this.#session;
    const { endError } = session;
    if (endError !== undefined) throw endError;
    if (session.state === "OPOWFC") {
      await this.#request("F_DATA_CF", () => {});
      return;
    }
    this.#setWaitsForSocket(true);
    await session.wire.drained();
    this.#setWaitsForSocket(false);
  }

  /** EFID must not be sent while credit is awaited (section 9.11, note 1). */
  async #creditBeforeEnd(): Promise<void> {
    while (this.#session.state !== "OPO") await this.ready();
  }

  #setWaitsForSocket(waits: boolean): void {
    this.#waitsForSocket = waits;
    this.#session.waitingChanged();
  }

  /** Makes a request of the machine and waits for its confirmation. Rejects when the session ends. */
  #request<T extends Confirmation["type"]>(
    type: T,
    make: () => void,
  ): Promise<Extract<Confirmation, { type: T }>> {
    return new Promise((resolve, reject) => {
      const { endError } = this.#session;
      if (endError !== undefined) {
        reject(endError);
        return;
      }
      this.#waiter = { type, resolve: resolve as (confirmation: Confirmation) => void, reject };
      make();
    });
  }
}

/** Octets before the payload of a framed data exchange buffer: stream transmission header and command octet. */
const DATA_AT = 5;
