import { answerReasons, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { ReceptionLedger } from "../storage/whole-file.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import type { IncomingFiles } from "./incoming-files.js";
import type { Partner } from "./partner.js";
import type { ReceivedContent } from "./received-content.js";
import type { ReceivedRecord } from "./received-files.js";
import type { StationCore } from "./station-core.js";
import type { SessionContext } from "./station-events.js";

/** What is known of a file that is being received. */
export interface ReceptionFacts {
  readonly partner: Partner;
  readonly sfid: Sfid;
  readonly session: SessionContext;
  readonly key: string;
  readonly forwarded: boolean;
  /** What is done to it once it has arrived; undefined for what is passed on. */
  readonly content: ReceivedContent | undefined;
  readonly onStored: (key: string) => void;
  /** Once it is recorded. */
  record?: ReceivedRecord;
}

/** The sink of one file: the inbox's, and what the station does when it is stored. */
export class Reception implements FileSink {
  /** Set once the inbox has made it. */
  inner!: FileSink;
  readonly ledger: ReceptionLedger;
  readonly #core: StationCore;
  readonly #files: IncomingFiles;
  readonly #facts: ReceptionFacts;
  #octets = 0;

  constructor(core: StationCore, files: IncomingFiles, facts: ReceptionFacts) {
    this.#core = core;
    this.#files = files;
    this.#facts = facts;
    this.ledger = files.ledgerFor(facts);
  }

  get restartPosition(): number {
    return this.inner.restartPosition;
  }

  async begin(restartPosition: number): Promise<FileTotals> {
    const before = await this.inner.begin(restartPosition);
    this.#octets = before.octets;
    return before;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#octets += chunk.length;
    const { maxFileSize } = this.#core.options;
    // What SFID said of the size may have been wrong.
    if (maxFileSize !== undefined && this.#octets > maxFileSize) throw tooBig(maxFileSize);
    await this.inner.write(chunk);
  }

  async finish(totals: FileTotals): Promise<void> {
    const { session, sfid } = this.#facts;
    try {
      await this.inner.finish(totals);
    } catch (error) {
      const { reason, message } = refusalOf(error);
      this.#core.emit("receiveRefused", { session, sfid, reason, text: message });
      throw error;
    }
    await this.#files.delivered(this.#facts);
  }

  discard(): Promise<void> {
    return this.inner.discard();
  }

  interrupt(): Promise<void> {
    return this.inner.interrupt();
  }
}

export function tooBig(maxFileSize: number): FileRefusedError {
  return new FileRefusedError(answerReasons.fileTooBig.code, `at most ${maxFileSize} octets are accepted`);
}
