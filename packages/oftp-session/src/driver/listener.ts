import { errorMessage } from "@waybill/net-core";
import { answerReasons, cutText, endReasonOf, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { Action } from "../machine/index.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import { ChunkPool } from "./chunk-pool.js";
import type { DrivenSession } from "./driven-session.js";
import { IncomingTransfer, transmittedFormat } from "./incoming-transfer.js";
import { MAX_PREFIXED_RECORD } from "./record-lengths.js";

type Indication = Extract<
  Action,
  { type: "F_START_FILE_IND" | "F_DATA_IND" | "F_CLOSE_FILE_IND" | "F_EERP_IND" | "F_NERP_IND" }
>;

/** What this station does while the partner has the turn (RFC 5024 sections 4.3 to 4.5, listener). */
export class Listener {
  readonly #session: DrivenSession;
  #transfer: IncomingTransfer | undefined;
  readonly #chunks = new ChunkPool();
  #held = false;

  constructor(session: DrivenSession) {
    this.#session = session;
  }

  /** Whether the partner waits for this station to store what it has sent. */
  get busy(): boolean {
    return this.#held;
  }

  indicate(indication: Indication): void {
    switch (indication.type) {
      case "F_START_FILE_IND":
        this.#session.local(() => this.#startFile(indication.sfid));
        break;
      case "F_DATA_IND":
        this.#data(indication.payload);
        break;
      case "F_CLOSE_FILE_IND": {
        const { recordCount, unitCount } = indication;
        this.#session.local(() => this.#closeFile({ records: recordCount, octets: unitCount }));
        break;
      }
      case "F_EERP_IND":
      case "F_NERP_IND": {
        const response = indication.type === "F_EERP_IND" ? indication.eerp : indication.nerp;
        this.#session.local(async () => {
          await this.#session.monitor.endResponseReceived(response);
          if (!this.#session.isOver) this.#session.apply({ type: "F_RTR_RS" });
        });
      }
    }
  }

  /** The session has ended: a file that was under way is kept for a restart. */
  end(): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    if (transfer !== undefined) this.#session.local(() => transfer.interrupt());
    this.#goOn();
  }

  async #startFile(sfid: Sfid): Promise<void> {
    const session = this.#session;
    let sink: FileSink | undefined;
    let position: number;
    let begun = false;
    try {
      checkRecordSize(sfid);
      const answer = await session.monitor.receive(sfid, session.agreement);
      if (!answer.accept) {
        const { reason, retry, text } = answer;
        throw new FileRefusedError(reason, text ?? "", { retry });
      }
      sink = answer.sink;
      position = session.agreement.restart ? Math.min(sfid.restartPosition, sink.restartPosition) : 0;
      const before = session.isOver ? undefined : await sink.begin(position);
      if (before !== undefined && !session.isOver) {
        this.#transfer = new IncomingTransfer(sfid, sink, before, this.#chunks, () => this.#goOn());
        begun = true;
        session.observers.progress("received", sfid, before.octets);
      }
    } catch (error) {
      await sink?.discard();
      if (!session.isOver) this.#refuseStart(error);
      return;
    }
    // From here on the end of the session finds the transfer.
    if (!session.isOver)
      session.apply({ type: "F_START_FILE_RS", positive: true, restartPosition: position });
    else if (!begun) await sink.interrupt();
  }

  #refuseStart(error: unknown): void {
    const { reason, retry, message, cause } = refusalOf(error);
    if (cause !== undefined) this.#session.logger.error({ error }, "an incoming file cannot be stored");
    this.#session.apply({ type: "F_START_FILE_RS", positive: false, reason, retry, text: cutText(message) });
  }

  #data(payload: Uint8Array): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    const session = this.#session;
    try {
      transfer.data(payload);
    } catch (error) {
      session.apply({
        type: "Invalid Buffer",
        reason: endReasonOf(error),
        text: cutText(errorMessage(error)),
      });
      return;
    }
    const { sfid, octets } = transfer;
    session.observers.progress("received", sfid, octets);
    if (transfer.full && !this.#held) {
      // Nothing more is read, so the credit that was just given cannot make more come.
      this.#held = true;
      session.wire.pause();
      session.waitingChanged();
    }
  }

  #goOn(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#session.waitingChanged();
    this.#session.wire.resume();
  }

  async #closeFile(totals: FileTotals): Promise<void> {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    const session = this.#session;
    try {
      if (transfer === undefined)
        throw new FileRefusedError(answerReasons.unspecified.code, "no file is open");
      await transfer.finish(totals);
    } catch (error) {
      if (this.#session.isOver) return;
      const { reason, message, cause } = refusalOf(error);
      // What is wrong with the file itself is the partner's affair.
      const isOurs = reason === answerReasons.accessMethodFailure.code;
      if (cause !== undefined && isOurs)
        session.logger.error({ error }, "an incoming file could not be stored");
      else session.logger.warn({ error, reason }, `file refused: ${message}`);
      session.apply({ type: "F_CLOSE_FILE_RS", positive: false, reason, text: cutText(message) });
      return;
    }
    if (this.#session.isOver) return;
    session.apply({
      type: "F_CLOSE_FILE_RS",
      positive: true,
      speaker: session.monitor.wantsTurn?.() === true,
    });
  }
}

/** Formats with records need a record length, and one that the length before each record can tell. */
function checkRecordSize(sfid: Sfid): void {
  const format = transmittedFormat(sfid);
  const { code } = answerReasons.recordLengthNotSupported;
  if ((format === "F" || format === "V") && sfid.maxRecordSize < 1) {
    throw new FileRefusedError(code, `format ${format} needs a maximum record size`);
  }
  if (format === "V" && sfid.maxRecordSize > MAX_PREFIXED_RECORD) {
    throw new FileRefusedError(code, `records of format V may have up to ${MAX_PREFIXED_RECORD} octets here`);
  }
}
