import { isTransferError, type Logger } from "@waybill/net-core";
import {
  answerReasons,
  type Eerp,
  endSessionReasons,
  type Nerp,
  negativeResponseReasonOf,
  type ProtocolLevel,
  type Sfid,
  type Ssid,
} from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import { levelWithNerp } from "../machine/index.js";
import type {
  FileAnswer,
  FileRefusal,
  FileTotals,
  OpenSessionFacts,
  OutgoingEndResponse,
  OutgoingFile,
  PartnerAnswer,
  SessionIdentity,
  SpeakerWork,
  UserMonitor,
} from "../user-monitor.js";
import { answeredFile } from "./answered-file.js";
import { BackgroundWork } from "./background-work.js";
import { answeredFileKey, fileKey } from "./file-identity.js";
import type { QueuedFile, SentFile } from "./outgoing-queue.js";
import { type Partner, sameCode, samePassword } from "./partner.js";
import { type PreparedFile, prepareFile } from "./prepared-file.js";
import { requireProof } from "./signed-responses.js";
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

/** The User Monitor of one session of a station (RFC 5024 section 3.1). */
export class StationMonitor implements UserMonitor {
  readonly #core: StationCore;
  readonly #context: { -readonly [K in keyof SessionContext]: SessionContext[K] };
  readonly #plan: SessionPlan;
  readonly #logger: Logger;
  #partner: Partner | undefined;
  #level: ProtocolLevel = 5;
  #responses: OutgoingEndResponse[] = [];
  #files: QueuedFile[] = [];
  /** Received since the partner last went on: it has not shown yet that it has EFPA. */
  #unconfirmed: string[] = [];
  /** Not tried again in this session. */
  readonly #settled = new Set<string>();
  readonly #claims = new Map<OutgoingFile, Claimed>();
  /** The end responses that are being sent, or are next. */
  readonly #answering = new Set<string>();
  /** What is sent next, being made ready. */
  #ahead: Promise<SpeakerWork | undefined> | undefined;
  /** Records of what the partner has taken: it need not wait for them, as it would take the same again. */
  readonly #background = new BackgroundWork();
  /** The partner takes files in this session. */
  #maySend = true;
  /** The connection is gone: `idle` must not keep the session. */
  readonly #disconnected: Promise<"give">;
  readonly disconnected: () => void;
  #leave: () => void = () => {};

  /** `called`: the partner, when this station is the initiator. */
  constructor(core: StationCore, context: SessionContext, called: Partner | undefined, plan: SessionPlan) {
    this.#core = core;
    this.#context = context;
    this.#plan = plan;
    this.#logger = core.logger;
    this.#partner = called;
    let disconnected: () => void = () => {};
    this.#disconnected = new Promise((resolve) => {
      disconnected = () => resolve("give");
    });
    this.disconnected = disconnected;
  }

  get partner(): Partner | undefined {
    return this.#partner;
  }

  /** The session is over: others may have what it held. */
  async ended(): Promise<void> {
    this.#leave();
    await this.#ahead?.catch(() => {});
    await this.#background.settled().catch((error: unknown) => {
      this.#logger.error({ error }, "what was sent could not be recorded");
    });
    for (const { claim } of this.#claims.values()) await claim.release();
    for (const key of [...this.#answering]) this.#releaseResponse(key);
  }

  /** `authentication`: whether the session begins with it; see `StationSecurity.authenticates`. */
  identityFor(partner: Partner, authentication: boolean): SessionIdentity {
    const { options } = this.#core;
    const { level, minimumLevel, bufferSize, credit, compression } = partner;
    return {
      code: partner.ownSsid ?? options.ssid,
      password: partner.ownPassword ?? options.password,
      mode: partner.mode ?? "B",
      restart: partner.restart ?? true,
      authentication,
      limits: {
        compression: compression === true,
        ...(level === undefined ? {} : { level }),
        ...(minimumLevel === undefined ? {} : { minimumLevel }),
        ...(bufferSize === undefined ? {} : { maxBufSize: bufferSize }),
        ...(credit === undefined ? {} : { maxWindow: credit }),
      },
    };
  }

  // --- who it is ---

  async admit(ssid: Ssid): Promise<PartnerAnswer> {
    const called = this.#partner;
    const partner = called ?? (await this.#core.options.partners.bySsid(ssid.code));
    if (partner === undefined || !sameCode(partner.ssid, ssid.code)) {
      // The same work as for a code that is known, so that the time says nothing.
      samePassword("", ssid.password);
      this.#logger.warn({ code: ssid.code, remoteAddress: this.#context.remoteAddress }, "unknown SSID");
      return refuse(endSessionReasons.userCodeNotKnown.code);
    }
    if (!samePassword(partner.password, ssid.password)) {
      this.#logger.warn(
        { partner: partner.name, remoteAddress: this.#context.remoteAddress },
        "wrong password",
      );
      return refuse(endSessionReasons.invalidPassword.code);
    }
    const { remoteAddress } = this.#context;
    if (called === undefined && !this.#core.mayCallFrom(partner, remoteAddress)) {
      this.#logger.warn({ partner: partner.name, remoteAddress }, "the partner may not call from there");
      return refuse(endSessionReasons.userCodeNotKnown.code);
    }
    const accepted = await this.#core.options.hooks?.acceptSession?.({ partner, ssid, remoteAddress });
    if (accepted === false || typeof accepted === "string") {
      return refuse(endSessionReasons.resourcesNotAvailable.code, accepted === false ? undefined : accepted);
    }
    const leave = this.#core.enterSession(partner);
    if (leave === undefined) {
      return refuse(endSessionReasons.resourcesNotAvailable.code, "too many sessions with this partner");
    }
    this.#leave = leave;
    this.#partner = partner;
    this.#context.partner = partner;
    const asked = called === undefined ? ssid.authentication : undefined;
    const authentication = await this.#core.security.authenticates(partner, asked);
    return { accept: true, identity: this.identityFor(partner, authentication) };
  }

  opened({ partner, negotiated }: OpenSessionFacts): void {
    this.#level = negotiated.level;
    this.#maySend = negotiated.mode !== "R";
    this.#core.emit("sessionOpened", { session: this.#context, partnerSsid: partner, negotiated });
  }

  // --- sending ---

  async nextWork(): Promise<SpeakerWork> {
    this.#confirm();
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

  #idle(): Promise<"look" | "give"> | undefined {
    const { idle } = this.#plan;
    return idle && Promise.race([idle(), this.#disconnected]);
  }

  /** What there is to send now. */
  async #look(): Promise<void> {
    const partner = this.#known();
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
    const partner = this.#known();
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
    this.#core.releaseResponse(this.#known().name, key);
  }

  async endResponseImpossible({ key }: OutgoingEndResponse): Promise<void> {
    this.#releaseResponse(key);
  }

  async endResponseSent({ key, response }: OutgoingEndResponse): Promise<void> {
    this.#background.add(async () => {
      await this.#core.responses.settled(this.#known().name, key);
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
    try {
      return await this.#core.sealer.ready(entry, this.#known(), SEALING_WAIT_MS);
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
      await this.#core.queue.sent(fileKey(queued, this.#level), queued, this.#core.now().getTime());
      await this.#core.dispose(queued);
      await claim.release();
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

  async fileInterrupted(file: OutgoingFile, _sent: FileTotals, error: unknown): Promise<void> {
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

  // --- receiving ---

  async receive(sfid: Sfid): Promise<FileAnswer> {
    const partner = this.#known();
    this.#core.emit("receiveStarted", { session: this.#context, sfid });
    try {
      this.#confirm();
      const sink = await this.#core.incoming.sink(partner, sfid, this.#context, (key) => {
        this.#unconfirmed.push(key);
      });
      return { accept: true, sink };
    } catch (error) {
      const { reason, retry, message } = refusalOf(error);
      if (!(error instanceof FileRefusedError))
        this.#logger.error({ error }, "an incoming file cannot be taken");
      this.#logger.warn(
        { file: sfid.datasetName, partner: partner.name, reason },
        `file refused: ${message}`,
      );
      this.#core.emit("receiveRefused", { session: this.#context, sfid, reason, text: message });
      return { accept: false, reason, retry, text: message };
    }
  }

  async endResponseReceived(response: Eerp | Nerp): Promise<void> {
    this.#confirm();
    const key = answeredFileKey(response, this.#level);
    // It may come in another session before that one has recorded that the file was sent.
    await this.#core.outcome(key);
    await this.#core.inTurn(key, () => this.#endResponse(key, response));
  }

  async #endResponse(key: string, response: Eerp | Nerp): Promise<void> {
    const partner = this.#known();
    const found = await answeredFile(this.#core, partner, key, response, this.#level);
    if (found === undefined) {
      this.#unknownResponse(partner, response);
      return;
    }
    const [sentKey, sent] = found;
    if (sent.state !== "waiting") {
      this.#logger.info({ key }, "an end response came again");
      return;
    }
    if (!(await this.#isProven(partner, response, sent))) return;
    if (sent.file.relayed) await this.#core.passOn(response, sent.file);
    await this.#core.queue.settle(sentKey, sent, response.kind === "EERP" ? "acknowledged" : "refused");
    this.#core.emit("endResponseReceived", { session: this.#context, response, file: sent.file });
  }

  /** Whether an end response is what was asked for; otherwise the file stays unacknowledged. */
  async #isProven(partner: Partner, response: Eerp | Nerp, { file }: SentFile): Promise<boolean> {
    try {
      await requireProof(this.#core, partner, response, file);
      return true;
    } catch (error) {
      if (!isTransferError(error)) throw error;
      this.#logger.error(
        { error, partner: partner.name, file: file.datasetName },
        `${response.kind} not accepted: ${error.message}`,
      );
      this.#core.emit("endResponseInvalid", { session: this.#context, response, file, error });
      return false;
    }
  }

  /** The partner went on: it has every EFPA before. */
  #confirm(): void {
    for (const key of this.#unconfirmed.splice(0)) this.#core.incoming.confirmed(key);
  }

  #unknownResponse(partner: Partner, response: Eerp | Nerp): void {
    this.#logger.warn(
      { partner: partner.name, file: response.datasetName, kind: response.kind },
      "an end response for a file that was not sent from here",
    );
    this.#core.emit("endResponseReceived", { session: this.#context, response, file: undefined });
  }

  #known(): Partner {
    if (this.#partner === undefined) throw new TypeError("no partner was admitted");
    return this.#partner;
  }
}

function refuse(reason: number, text?: string): PartnerAnswer {
  return { accept: false, reason, ...(text === undefined ? {} : { text }) };
}
