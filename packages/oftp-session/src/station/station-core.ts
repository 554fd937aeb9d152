import { dirname, join, resolve } from "node:path";
import {
  AddressMatcher,
  errorCode,
  isTransferError,
  type Logger,
  silentLogger,
  TransferError,
} from "@waybill/net-core";
import { type Eerp, type Nerp, negativeResponseReasons } from "@waybill/oftp-codec";
import { levelWithNerp } from "../machine/index.js";
import { scanOutbox, settleSentFile } from "../storage/outbox.js";
import { acquireProcessLock } from "../storage/process-lock.js";
import { nodeFileSystem, unlinkIfThere } from "../storage/storage-file-system.js";
import { VirtualFileClock } from "../storage/virtual-file-clock.js";
import type { OutgoingEndResponse } from "../user-monitor.js";
import { needsPreparation } from "./content-sealing.js";
import { EndResponseRecords } from "./end-response-records.js";
import { answeredFileKey } from "./file-identity.js";
import { FileSealer } from "./file-sealer.js";
import { IncomingFiles } from "./incoming-files.js";
import { lockKey } from "./lock-key.js";
import { OutgoingQueue, type QueuedFile } from "./outgoing-queue.js";
import { type Partner, partnerFolder } from "./partner.js";
import { queuedFile } from "./queued-file.js";
import { ReceivedFiles } from "./received-files.js";
import type { StationEvents } from "./station-events.js";
import type { StationOptions } from "./station-options.js";
import { StationSecurity } from "./station-security.js";

const DEFAULT_PARTNER_SESSIONS = 4;

/** Errors about a queued file that will be the same the next time. */
const HOPELESS = /^ERR_(OFTP_(FIELD_|FILE_CHANGED|FILE_UNREADABLE|RECORD_LENGTH)|OPTION_INVALID)/;

/** A file that one session has to itself. */
export interface Claim {
  /** Says by what end responses will name it; false when that is the name of another file that is being sent. */
  announce(responseKey: string): boolean;
  /** Lets other sessions have it, and those go on that wait for its outcome. */
  release(): Promise<void>;
}

/** What the sessions of one station share. */
export class StationCore {
  readonly options: StationOptions;
  readonly logger: Logger;
  readonly queue: OutgoingQueue;
  readonly responses: EndResponseRecords;
  readonly received: ReceivedFiles;
  readonly incoming: IncomingFiles;
  readonly clock: VirtualFileClock;
  readonly security: StationSecurity;
  readonly sealer: FileSealer;
  readonly emit: <K extends keyof StationEvents>(event: K, ...args: StationEvents[K]) => void;
  readonly #sessions = new Map<string, number>();
  /** Files that are being sent, by the keys of their end responses. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #collecting = new Map<string, Promise<void>>();
  readonly #answering = new Set<string>();
  readonly #turns = new Map<string, Promise<void>>();

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
    this.security = new StationSecurity(options, this.now);
    this.sealer = new FileSealer(this);
  }

  readonly now = (): Date => this.options.now?.() ?? new Date();

  get ownSfid(): string {
    return this.options.sfid ?? this.options.ssid;
  }

  /** Certificates on their way to partners. */
  get certificateFolder(): string {
    return resolve(this.options.work, "certificates");
  }

  get lockFolder(): string {
    return join(this.options.work, "locks");
  }

  /** What is sent in place of files: signed, compressed, encrypted. */
  get sealedFolder(): string {
    return resolve(this.options.work, "sealed");
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

  /** Whether a file lies in a partner's outbox. */
  async #isInOutbox({ path, partner: name }: QueuedFile): Promise<boolean> {
    const { outbox, partners } = this.options;
    const partner = outbox === undefined ? undefined : await partners.byName(name);
    if (outbox === undefined || partner === undefined) return false;
    return dirname(path) === resolve(partnerFolder(outbox, partner));
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
    const found = await scanOutbox(partnerFolder(outbox, partner));
    if (found.length === 0) return;
    // Another process may be at it.
    const lock = await acquireProcessLock(this.lockFolder, lockKey("outbox", partner.name));
    if (lock === undefined) return;
    try {
      const queued = new Set((await this.queue.list(partner.name)).map(({ path }) => path));
      for (const { path } of found) {
        if (!queued.has(resolve(path))) await this.#queueFromOutbox(partner, path);
      }
    } finally {
      await lock.release();
    }
  }

  async #queueFromOutbox(partner: Partner, path: string): Promise<void> {
    let queued: QueuedFile;
    try {
      queued = await queuedFile(this, partner, { path, afterSending: "remove" });
    } catch (error) {
      const isForbidden = errorCode(error) === "ERR_OFTP_SECURITY_POLICY";
      if (!isForbidden && !this.isHopeless(error)) throw error;
      this.logger.warn({ error, path }, "a file in the outbox cannot be sent");
      return;
    }
    await this.queue.add(queued);
  }

  /** Undefined when another session is sending it. */
  async claim(queued: QueuedFile): Promise<Claim | undefined> {
    const lock = await acquireProcessLock(this.lockFolder, lockKey("file", queued.key));
    if (lock === undefined) return undefined;
    let announced: string | undefined;
    let settled: () => void = () => {};
    return {
      announce: (responseKey) => {
        if (this.#underWay.has(responseKey)) return false;
        announced = responseKey;
        const outcome = new Promise<void>((resolve) => {
          settled = resolve;
        });
        this.#underWay.set(responseKey, outcome);
        return true;
      },
      release: async () => {
        if (announced !== undefined) this.#underWay.delete(announced);
        settled();
        await lock.release();
      },
    };
  }

  /** Resolves when it is known what became of a file that is being sent. */
  async outcome(responseKey: string): Promise<void> {
    await this.#underWay.get(responseKey);
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
    await this.forget(queued);
  }

  /** Removes an entry of the queue, and what was made for it. */
  async forget(queued: QueuedFile): Promise<void> {
    const sealed = queued.transmitted?.path;
    if (sealed !== undefined) await unlinkIfThere(nodeFileSystem, sealed);
    // The entry goes last: until then the file is not collected again.
    await this.queue.remove(queued);
  }

  /** It is not tried again: what lies in the outbox is put into its folder `refused`, or it would come again and again. */
  async abandon(queued: QueuedFile): Promise<void> {
    const { path, relayed } = queued;
    try {
      if (relayed || dirname(path) === this.certificateFolder)
        await settleSentFile(path, { action: "delete" });
      else if (await this.#isInOutbox(queued)) {
        await settleSentFile(path, { action: "move", sentFolder: join(dirname(path), "refused") });
      }
    } catch (error) {
      this.logger.error({ error, path }, "a file that cannot be sent cannot be put away");
    }
    await this.forget(queued);
  }

  isHopeless(error: unknown): boolean {
    return isTransferError(error) && HOPELESS.test(error.code);
  }

  // --- end responses ---

  /** False when another session is sending this response. */
  claimResponse(partner: string, key: string): boolean {
    const name = `${partner}|${key}`;
    if (this.#answering.has(name)) return false;
    this.#answering.add(name);
    return true;
  }

  releaseResponse(partner: string, key: string): void {
    this.#answering.delete(`${partner}|${key}`);
  }

  /** Runs what concerns one file one after the other, whatever sessions it comes from. */
  async inTurn(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#turns.set(key, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }

  /** Whether an end response may be sent: the file that it is for is stored. */
  async mayAnswer(partner: Partner, { key, response }: OutgoingEndResponse): Promise<boolean> {
    // Passed on from another station.
    const own = this.isOwnCode(response.originator, partner);
    // Another session may have sent it meanwhile.
    const [stored, owed] = await Promise.all([
      own ? this.received.find(key) : undefined,
      this.responses.isOwed(partner.name, key),
    ]);
    return owed && (!own || stored !== undefined);
  }

  isOwnCode(code: string, partner: Partner): boolean {
    const own = partner.ownSfid ?? this.ownSfid;
    return own.trimEnd() === code.trimEnd() || this.ownSfid.trimEnd() === code.trimEnd();
  }

  /**
   * Passes an end response on to the station that the file came from, untouched (hash and signature too); `file`: as it came,
   * as a session below level 4 loses a part of its time stamp.
   */
  async passOn(received: Eerp | Nerp, file: QueuedFile): Promise<void> {
    const response = { ...received, timestamp: file.timestamp };
    const partner = await this.options.partners.bySfid(response.destination);
    if (partner === undefined) {
      this.logger.error(
        { destination: response.destination },
        "nobody is known to pass an end response on to",
      );
      return;
    }
    await this.responses.owe(partner.name, answeredFileKey(response, levelWithNerp), response);
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
    await this.passOn(nerp, queued);
  }

  /** The entry of a partner. Errors: `ERR_OFTP_PARTNER_UNKNOWN`. */
  async partner(name: string): Promise<Partner> {
    const partner = await this.options.partners.byName(name);
    if (partner !== undefined) return partner;
    throw new TransferError("ERR_OFTP_PARTNER_UNKNOWN", `There is no partner of the name ${name}`);
  }

  /** Queues a file for a partner: what is transmitted for it is made before. */
  async enqueue(partnerName: string, make: (partner: Partner) => Promise<QueuedFile>): Promise<QueuedFile> {
    const partner = await this.partner(partnerName);
    const queued = await this.sealer.complete(await make(partner), partner);
    try {
      await this.queue.add(queued);
    } catch (error) {
      // As nobody knows of it, nobody would remove it.
      await this.forget(queued).catch(() => {});
      throw error;
    }
    return queued;
  }

  /** Makes ready what waits for a partner, its outbox included. What cannot be is told when a session comes to it. */
  async prepare(partner: Partner, only: ReadonlySet<string> | undefined): Promise<void> {
    if (only === undefined) await this.collectOutbox(partner);
    for (const queued of await this.queue.list(partner.name)) {
      if (!needsPreparation(queued) || only?.has(queued.key) === false) continue;
      await this.sealer.ready(queued, partner, undefined).catch(() => false);
    }
  }
}
