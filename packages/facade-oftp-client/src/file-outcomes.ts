import { TransferError } from "@waybill/net-core";
import type { OftpStation, QueuedFile, StationEvents } from "@waybill/oftp-session";
import type { SentReceipt } from "./client-options.js";
import { FileRefusedByPartner } from "./file-refused.js";

interface Waiter {
  readonly file: QueuedFile;
  readonly resolve: (receipt: SentReceipt) => void;
  readonly reject: (error: unknown) => void;
}

/** What becomes of files that are being sent, for those who wait for it. */
export class FileOutcomes {
  readonly #station: OftpStation;
  readonly #waiters = new Map<string, Waiter>();

  /** `onLost`: hears of files that are not in the queue any more and were not sent. */
  constructor(station: OftpStation, onLost: (file: QueuedFile) => void) {
    this.#station = station;
    station.on("fileSent", ({ file, octets }) => this.#take(file)?.resolve({ file, octets }));
    station.on("fileRefused", ({ file, refusal }: StationEvents["fileRefused"][0]) => {
      if (!refusal.retry) onLost(file);
      this.#take(file)?.reject(new FileRefusedByPartner(file.datasetName, refusal));
    });
    station.on("fileInterrupted", ({ file, error, dropped }) => {
      if (dropped) onLost(file);
      this.#take(file)?.reject(error);
    });
  }

  of(file: QueuedFile): Promise<SentReceipt> {
    return new Promise((resolve, reject) => this.#waiters.set(file.key, { file, resolve, reject }));
  }

  /** The files of which it is not known yet. */
  get open(): readonly QueuedFile[] {
    return [...this.#waiters.values()].map(({ file }) => file);
  }

  /**
   * Finds out what other sessions of the same state have done with those that are open: a server that the partner has called
   * sends the same queue.
   */
  async askState(): Promise<void> {
    const [partner] = this.open.map((file) => file.partner);
    if (partner === undefined) return;
    // In this order: an entry is recorded as sent before it leaves the queue.
    const queued = new Set((await this.#station.queued(partner)).map(({ key }) => key));
    const sent = new Set((await this.#station.sent()).map(({ file }) => file.key));
    for (const file of this.open) {
      if (queued.has(file.key)) continue;
      const waiter = this.#take(file);
      if (sent.has(file.key)) waiter?.resolve({ file, octets: undefined });
      else waiter?.reject(goneError(file));
    }
  }

  /** The session has ended: nothing becomes of them any more. */
  end(error: unknown): void {
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }

  #take({ key }: QueuedFile): Waiter | undefined {
    const waiter = this.#waiters.get(key);
    this.#waiters.delete(key);
    return waiter;
  }
}

function goneError({ datasetName }: QueuedFile): TransferError {
  return new TransferError(
    "ERR_OFTP_FILE_GONE",
    `Another session has taken ${datasetName} from the queue and could not bring it to the partner: see its log`,
  );
}
