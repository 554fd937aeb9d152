import { join } from "node:path";
import { AddressMatcher, isTransferError, type Logger, silentLogger, TransferError } from "@waybill/net-core";
import { type Eerp, type Nerp, negativeResponseReasons, type ProtocolLevel } from "@waybill/oftp-codec";
import { levelWithNerp } from "../machine/index.js";
import { scanOutbox, settleSentFile } from "../storage/outbox.js";
import { localOutgoingFile } from "../storage/outgoing-file.js";
import { acquireProcessLock } from "../storage/process-lock.js";
import { VirtualFileClock } from "../storage/virtual-file-clock.js";
import type { OutgoingEndResponse, OutgoingFile } from "../user-monitor.js";
import { EndResponseRecords } from "./end-response-records.js";
import { fileKey } from "./file-identity.js";
import { IncomingFiles } from "./incoming-files.js";
import { lockKey } from "./lock-key.js";
import { OutgoingQueue, type QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import { queuedFile } from "./queued-file.js";
import { ReceivedFiles } from "./received-files.js";
import type { StationEvents } from "./station-events.js";
import type { StationOptions } from "./station-options.js";

const DEFAULT_PARTNER_SESSIONS = 4;

/** Errors about a queued file that will be the same the next time. */
const HOPELESS = /^ERR_OFTP_(FIELD_|FILE_CHANGED|FILE_UNREADABLE|RECORD_LENGTH|DIRECTION)/;

/** What the sessions of one station share. */
export class StationCore {
  readonly options: StationOptions;
  readonly logger: Logger;
  readonly queue: OutgoingQueue;
  readonly responses: EndResponseRecords;
  readonly received: ReceivedFiles;
  readonly incoming: IncomingFiles;
  readonly clock: VirtualFileClock;
  readonly emit: <K extends keyof StationEvents>(event: K, ...args: StationEvents[K]) => void;
  readonly #sessions = new Map<string, number>();
  /** Files that are being sent, by the keys of their end responses. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #collecting = new Map<string, Promise<void>>();

  constructor(options: StationOptions, emit: StationCore["emit"]) {
    const { store } = options;
    this.options = options;
    this.logger = options.logger ?? silentLogger;
    this.emit = emit;
    this.queue = new OutgoingQueue(store);
    this.responses = new EndResponseRecords(store);
    this.received = new ReceivedFiles(store);
    this.incoming = new IncomingFiles(this);
    this.clock = new VirtualFileClock({ store, now: this.now });
  }

  readonly now = (): Date => this.options.now?.() ?? new Date();

  get ownSfid(): string {
    return this.options.sfid ?? this.options.ssid;
  }

  get lockFolder(): string {
    return join(this.options.work, "locks");
  }

  /** Undefined when the partner has as many sessions as it may have. */
  enterSession(partner: Partner): (() => void) | undefined {
    const open = this.#sessions.get(partner.name) ?? 0;
    if (open >= (partner.maxSessions ?? DEFAULT_PARTNER_SESSIONS)) return undefined;
    this.#sessions.set(partner.name, open + 1);
    return () => {
      const left = (this.#sessions.get(partner.name) ?? 1) - 1;
      if (left === 0) this.#sessions.delete(partner.name);
      else this.#sessions.set(partner.name, left);
    };
  }

  mayCallFrom(partner: Partner, remoteAddress: string | undefined): boolean {
    const { allowedAddresses } = partner;
    if (allowedAddresses === undefined) return true;
    return remoteAddress !== undefined && new AddressMatcher(allowedAddresses).matches(remoteAddress);
  }

  // --- sending ---

  /** How many files lie in a partner's outbox. */
  async waitingInOutbox(partner: string): Promise<number> {
    const { outbox } = this.options;
    return outbox === undefined ? 0 : (await scanOutbox(join(outbox, partner))).length;
  }

  /** Queues what lies in the partner's outbox. */
  collectOutbox(partner: Partner): Promise<void> {
    // One at a time: two sessions would queue the same file twice.
    const before = this.#collecting.get(partner.name) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(() => this.#collect(partner));
    this.#collecting.set(partner.name, turn);
    return turn;
  }

  async #collect(partner: Partner): Promise<void> {
    const { outbox } = this.options;
    if (outbox === undefined) return;
    const found = await scanOutbox(join(outbox, partner.name));
    if (found.length === 0) return;
    // Another process may be at it.
    const lock = await acquireProcessLock(this.lockFolder, lockKey("outbox", partner.name));
    if (lock === undefined) return;
    try {
      const queued = new Set((await this.queue.list(partner.name)).map(({ path }) => path));
      for (const { path } of found) {
        if (queued.has(path)) continue;
        await this.queue.add(await queuedFile(this, partner, { path, afterSending: "remove" }));
      }
    } finally {
      await lock.release();
    }
  }

  /** Undefined when another session is sending it. */
  async claim(queued: QueuedFile, responseKey: string): Promise<(() => Promise<void>) | undefined> {
    const lock = await acquireProcessLock(this.lockFolder, lockKey("file", queued.key));
    if (lock === undefined) return undefined;
    let settled: () => void = () => {};
    this.#underWay.set(
      responseKey,
      new Promise((resolve) => {
        settled = resolve;
      }),
    );
    return async () => {
      this.#underWay.delete(responseKey);
      settled();
      await lock.release();
    };
  }

  /** Resolves when it is known what became of a file that is being sent. */
  async outcome(responseKey: string): Promise<void> {
    await this.#underWay.get(responseKey);
  }

  /** What is sent for an entry of the queue. */
  async outgoingFile(queued: QueuedFile, partner: Partner): Promise<OutgoingFile> {
    const plain = await localOutgoingFile({
      path: queued.path,
      datasetName: queued.datasetName,
      timestamp: queued.timestamp,
      destination: queued.destination,
      originator: queued.originator,
      userData: queued.userData,
      description: queued.description,
      format: queued.format,
      maxRecordSize: queued.maxRecordSize,
      ...(queued.recordMapping === undefined ? {} : { recordMapping: queued.recordMapping }),
    });
    const { protection } = this.options;
    const relayed: OutgoingFile = {
      ...plain,
      open: (offset) => plain.open(offset),
      relayed: queued.relayed,
      security: queued.security,
      originalSize: queued.originalSize ?? plain.size,
    };
    const file =
      queued.relayed || protection === undefined ? relayed : await protection.seal(relayed, partner, queued);
    if (!this.queue.mayBeThere(queued)) return file;
    return { ...file, open: (offset) => file.open(offset), sentBefore: file.totals };
  }

  /** The partner has the file. */
  async dispose(queued: QueuedFile): Promise<void> {
    const { path, afterSending } = queued;
    try {
      if (afterSending !== "keep") {
        await settleSentFile(path, { action: afterSending === "move" ? "move" : "delete" });
      }
    } catch (error) {
      this.logger.error({ error, path }, "a file that was sent cannot be put away");
    }
    // The entry goes last: until then the file is not collected again.
    await this.queue.remove(queued);
  }

  isHopeless(error: unknown): boolean {
    return isTransferError(error) && HOPELESS.test(error.code);
  }

  // --- end responses ---

  /** Whether an end response may be sent: the file that it is for is stored. */
  async mayAnswer(partner: Partner, { key, response }: OutgoingEndResponse): Promise<boolean> {
    // Passed on from another station.
    if (!this.isOwnCode(response.originator, partner)) return true;
    return (await this.received.find(key)) !== undefined;
  }

  isOwnCode(code: string, partner: Partner): boolean {
    const own = partner.ownSfid ?? this.ownSfid;
    return own.trimEnd() === code.trimEnd() || this.ownSfid.trimEnd() === code.trimEnd();
  }

  /** Passes an end response on to the station that the file came from, untouched (hash and signature too). */
  async passOn(response: Eerp | Nerp, level: ProtocolLevel): Promise<void> {
    const partner = await this.options.partners.bySfid(response.destination);
    if (partner === undefined) {
      this.logger.error(
        { destination: response.destination },
        "nobody is known to pass an end response on to",
      );
      return;
    }
    const { datasetName, timestamp, originator, destination } = response;
    const key = fileKey({ datasetName, timestamp, originator: destination, destination: originator }, level);
    await this.responses.owe(partner.name, key, response);
  }

  /** A file that was to be passed on cannot be: its originator gets a NERP of this station. */
  async answerRelayed(queued: QueuedFile, reason: number | undefined, text: string): Promise<void> {
    const nerp: Nerp = {
      kind: "NERP",
      datasetName: queued.datasetName,
      timestamp: queued.timestamp,
      destination: queued.originator,
      originator: queued.destination,
      creator: this.ownSfid,
      reason: reason ?? negativeResponseReasons.notDelivered.code,
      text,
      hash: new Uint8Array(),
      signature: new Uint8Array(),
    };
    await this.passOn(nerp, levelWithNerp);
  }

  /** Queues a file for a partner. */
  async enqueue(partnerName: string, make: (partner: Partner) => Promise<QueuedFile>): Promise<QueuedFile> {
    const partner = await this.options.partners.byName(partnerName);
    if (partner === undefined) {
      throw new TransferError("ERR_OFTP_PARTNER_UNKNOWN", `There is no partner of the name ${partnerName}`);
    }
    const queued = await make(partner);
    await this.queue.add(queued);
    return queued;
  }
}
