import type { Logger } from "@waybill/net-core";
import {
  answerReasons,
  type Eerp,
  type Nerp,
  negativeResponseReasonOf,
  type ProtocolLevel,
} from "@waybill/oftp-codec";
import { levelWithNerp } from "../machine/index.js";
import type {
  FileRefusal,
  FileTotals,
  OutgoingEndResponse,
  OutgoingFile,
  SpeakerWork,
} from "../user-monitor.js";
import { BackgroundWork } from "./background-work.js";
import { needsPreparation } from "./content-sealing.js";
import { fileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import { type PreparedFile, prepareFile } from "./prepared-file.js";
import type { Claim, StationCore } from "./station-core.js";
import type { SessionContext } from "./station-events.js";

/** What the station wants of one session besides its usual work. */
export interface SessionPlan {
  /** Only these entries of the queue. Default: all, and the outbox. */
  readonly only?: ReadonlySet<string> | undefined;
  /** False: sends nothing, end responses apart. Default true. */
  readonly send?: boolean | undefined;
  /**
   * Asked when there is nothing (more) to send: `look` again, or `give` the turn to the partner. While it waits, the partner
   * waits too; its answer is of no interest once the connection is gone. Default: give.
   */
  readonly idle?: (() => Promise<"look" | "give">) | undefined;
}

/** How long a partner waits while a file is being secured; partners give up after 90 s and more. */
const SEALING_WAIT_MS = 20_000;

interface Claimed {
  readonly queued: QueuedFile;
  readonly claim: Claim;
}

/** What a station sends in one session once it is open: end responses that are owed first, then files. */
export class StationSpeaker {
  readonly #core: StationCore;
  readonly #context: SessionContext;
  readonly #plan: SessionPlan;
  readonly #partner: Partner;
  readonly #level: ProtocolLevel;
  /** The partner takes files in this session. */
  readonly #maySend: boolean;
  readonly #logger: Logger;
  #responses: OutgoingEndResponse[] = [];
  #files: QueuedFile[] = [];
  /** Not tried again in this session. */
  readonly #settled = new Set<string>();
  readonly #claims = new Map<OutgoingFile, Claimed>();
  /** The end responses that are being sent, or are next. */
  readonly #answering = new Set<string>();
  /** What is sent next, being made ready. */
  #ahead: Promise<SpeakerWork | undefined> | undefined;
  /** Records of what the partner has taken: it need not wait for them, as it would take the same again. */
  readonly #background = new BackgroundWork();
  /** The partner has waited long enough for what is being secured. */
  #sealingIsSlow = false;
  /** The connection is gone: nothing may keep the session. */
  readonly #disconnected: Promise<undefined>;

  constructor(
    core: StationCore,
    context: SessionContext,
    plan: SessionPlan,
    {
      partner,
      level,
      maySend,
      disconnected,
    }: {
      readonly partner: Partner;
      readonly level: ProtocolLevel;
      readonly maySend: boolean;
      readonly disconnected: Promise<undefined>;
    },
  ) {
    this.#core = core;
    this.#context = context;
    this.#plan = plan;
    this.#partner = partner;
    this.#level = level;
    this.#maySend = maySend;
    this.#disconnected = disconnected;
    this.#logger = core.logger;
  }

  /** The session is over: others may have what it held. */
  async ended(): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#background.settled().catch((error: unknown) => {
      this.#logger.error({ error }, "what was sent could not be recorded");
    });
    for (const { claim } of this.#claims.values()) await claim.release();
    for (const key of [...this.#answering]) this.#releaseResponse(key);
  }

  async nextWork(): Promise<SpeakerWork> {
    for (let looked = false; ; ) {
      const found = await this.#take();
      if (found !== undefined) return found;
      // Whoever is asked what comes next has heard of everything before.
      await this.#background.settled();
      if (looked && (await this.#idle()) !== "look") return { kind: "nothing" };
      await this.#look();
      looked = true;
    }
  }

  /** The next piece of work; the one after it is made ready while the partner takes this one. */
  async #take(): Promise<SpeakerWork | undefined> {
    const ahead = this.#ahead ?? this.#find();
    this.#ahead = undefined;
    const [found] = await Promise.all([ahead, this.#background.room()]);
    if (this.#responses.length + this.#files.length > 0) {
      this.#ahead = this.#find();
      // Thrown when it is taken.
      this.#ahead.catch(() => {});
    }
    if (found?.kind === "file") this.#begins(found.file);
    return found;
  }

  async #find(): Promise<SpeakerWork | undefined> {
    const endResponse = await this.#nextEndResponse();
    if (endResponse !== undefined) return { kind: "endResponse", endResponse };
    const file = await this.#nextFile();
    return file && { kind: "file", file };
  }

  #begins(file: OutgoingFile): void {
    const queued = this.#claims.get(file)?.queued;
    if (queued === undefined) return;
    this.#core.queue.tried(queued);
    this.#core.emit("sendStarted", { session: this.#context, file: queued, outgoing: file });
  }

  #idle(): Promise<"look" | "give" | undefined> | undefined {
    const { idle } = this.#plan;
    return idle && Promise.race([idle(), this.#disconnected]);
  }

  /** What there is to send now. */
  async #look(): Promise<void> {
    const partner = this.#partner;
    const { responses, queue } = this.#core;
    const owed = await responses.owed(partner.name);
    this.#responses = owed.filter(
      ({ key, response }) => !this.#settled.has(`response ${key}`) && this.#canSend(response),
    );
    if (this.#plan.send === false || !this.#maySend) return;
    if (this.#plan.only === undefined) await this.#core.collectOutbox(partner);
    const queued = await queue.list(partner.name);
    this.#files = queued.filter(
      ({ key }) => !this.#settled.has(key) && (this.#plan.only === undefined || this.#plan.only.has(key)),
    );
  }

  #canSend(response: Eerp | Nerp): boolean {
    return response.kind === "EERP" || this.#level >= levelWithNerp;
  }

  async #nextEndResponse(): Promise<OutgoingEndResponse | undefined> {
    const partner = this.#partner;
    for (let next = this.#responses.shift(); next !== undefined; next = this.#responses.shift()) {
      this.#settled.add(`response ${next.key}`);
      if (!this.#core.claimResponse(partner.name, next.key)) continue;
      this.#answering.add(next.key);
      if (await this.#core.mayAnswer(partner, next)) return next;
      this.#releaseResponse(next.key);
    }
    return undefined;
  }

  #releaseResponse(key: string): void {
    this.#answering.delete(key);
    this.#core.releaseResponse(this.#partner.name, key);
  }

  async endResponseImpossible({ key }: OutgoingEndResponse): Promise<void> {
    this.#releaseResponse(key);
  }

  async endResponseSent({ key, response }: OutgoingEndResponse): Promise<void> {
    this.#background.add(async () => {
      await this.#core.responses.settled(this.#partner.name, key);
      this.#releaseResponse(key);
      this.#core.emit("endResponseSent", { session: this.#context, response });
    });
  }

  async #nextFile(): Promise<OutgoingFile | undefined> {
    for (let queued = this.#files.shift(); queued !== undefined; queued = this.#files.shift()) {
      const file = await this.#claim(queued);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** Opens an entry of the queue for sending. Undefined when it is another session's, or cannot be sent. */
  async #claim(entry: QueuedFile): Promise<OutgoingFile | undefined> {
    if (!(await this.#isReady(entry))) return undefined;
    this.#settled.add(entry.key);
    const claim = await this.#core.claim(entry);
    if (claim === undefined) {
      // The other session may not bring it to its end.
      this.#settled.delete(entry.key);
      return undefined;
    }
    let prepared: PreparedFile | undefined;
    try {
      prepared = await prepareFile(this.#core, entry, claim, this.#level);
    } catch (error) {
      await claim.release();
      await this.#unsent(entry, error);
      return undefined;
    }
    if (prepared === undefined) {
      await claim.release();
      return undefined;
    }
    const { queued, file } = prepared;
    this.#claims.set(file, { queued, claim });
    return file;
  }

  /** Whether what is to be transmitted for an entry has been made; otherwise that goes on, and the entry waits. */
  async #isReady(entry: QueuedFile): Promise<boolean> {
    if (!needsPreparation(entry)) return true;
    const waitMs = this.#sealingIsSlow ? 0 : SEALING_WAIT_MS;
    try {
      const making = this.#core.sealer.ready(entry, this.#partner, waitMs);
      const ready = (await Promise.race([making, this.#disconnected])) ?? false;
      this.#sealingIsSlow = !ready;
      return ready;
    } catch (error) {
      this.#settled.add(entry.key);
      await this.#unsent(entry, error);
      return false;
    }
  }

  /** It could not be sent: later perhaps, or never. */
  async #unsent(queued: QueuedFile, error: unknown): Promise<void> {
    const dropped = this.#core.isHopeless(error);
    if (dropped) {
      this.#logger.error(
        { error, path: queued.path, partner: queued.partner },
        "a queued file cannot be sent",
      );
      await this.#core.abandon(queued);
      if (queued.relayed) await this.#core.answerRelayed(queued, undefined, "it could not be passed on");
    } else {
      this.#logger.warn(
        { error, path: queued.path, partner: queued.partner },
        "a file could not be sent now",
      );
    }
    this.#core.emit("fileInterrupted", { session: this.#context, file: queued, error, dropped });
  }

  async fileSent(file: OutgoingFile, totals: FileTotals): Promise<void> {
    const { queued, claim } = this.#claimed(file);
    this.#background.add(async () => {
      try {
        await this.#core.queue.sent(fileKey(queued, this.#level), queued, this.#core.now().getTime());
        await this.#core.dispose(queued);
      } finally {
        // Also when the disk is full: whoever waits for the outcome must not wait for ever.
        await claim.release();
      }
      this.#core.emit("fileSent", { session: this.#context, file: queued, octets: totals.octets });
    });
  }

  async fileRefused(file: OutgoingFile, refusal: FileRefusal): Promise<void> {
    const { queued, claim } = this.#claimed(file);
    const duplicate = refusal.reason === answerReasons.duplicateFile.code;
    if (duplicate && refusal.command === "SFNA" && file.sentBefore !== undefined) {
      this.#logger.info({ file: queued.datasetName }, "the partner has the file already");
      this.#claims.set(file, { queued, claim });
      await this.fileSent(file, file.totals);
      return;
    }
    if (!refusal.retry) {
      await this.#core.abandon(queued);
      if (queued.relayed)
        await this.#core.answerRelayed(queued, negativeResponseReasonOf(refusal.reason), refusal.text);
    }
    await claim.release();
    this.#logger.warn(
      { file: queued.datasetName, partner: queued.partner, ...refusal },
      "the partner refuses a file",
    );
    this.#core.emit("fileRefused", { session: this.#context, file: queued, refusal });
  }

  async fileInterrupted(file: OutgoingFile, error: unknown): Promise<void> {
    const { queued, claim } = this.#claimed(file);
    await claim.release();
    await this.#unsent(queued, error);
  }

  #claimed(file: OutgoingFile): Claimed {
    const claimed = this.#claims.get(file);
    if (claimed === undefined) throw new TypeError(`${file.datasetName} is no file of this session`);
    this.#claims.delete(file);
    return claimed;
  }
}
