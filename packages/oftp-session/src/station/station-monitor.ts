import type { Logger } from "@waybill/net-core";
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
import { receivedFileKey } from "../storage/received-file-key.js";
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
import { answeredFileKey, fileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import { type Partner, sameCode, samePassword } from "./partner.js";
import type { StationCore } from "./station-core.js";
import type { SessionContext } from "./station-events.js";

/** What the station wants of one session besides its usual work. */
export interface SessionPlan {
  /** Only these entries of the queue. Default: all, and the outbox. */
  readonly only?: ReadonlySet<string> | undefined;
  /** False: sends nothing, end responses apart. Default true. */
  readonly send?: boolean | undefined;
  /**
   * Asked when there is nothing (more) to send: `look` again, or `give` the turn to the partner. While it waits, the partner
   * waits too. Default: give.
   */
  readonly idle?: (() => Promise<"look" | "give">) | undefined;
}

interface Claimed {
  readonly queued: QueuedFile;
  /** Lets other sessions have it, and those go on that wait for its outcome. */
  readonly release: () => Promise<void>;
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
  #leave: () => void = () => {};

  /** `called`: the partner, when this station is the initiator. */
  constructor(core: StationCore, context: SessionContext, called: Partner | undefined, plan: SessionPlan) {
    this.#core = core;
    this.#context = context;
    this.#plan = plan;
    this.#logger = core.logger;
    this.#partner = called;
  }

  get partner(): Partner | undefined {
    return this.#partner;
  }

  /** The session is over: others may have what it held. */
  async ended(): Promise<void> {
    this.#leave();
    for (const { release } of this.#claims.values()) await release();
  }

  identityFor(partner: Partner): SessionIdentity {
    const { options } = this.#core;
    const { level, minimumLevel, bufferSize, credit, compression } = partner;
    return {
      code: partner.ownSsid ?? options.ssid,
      password: partner.ownPassword ?? options.password,
      mode: partner.mode ?? "B",
      restart: partner.restart ?? true,
      authentication: false,
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
    if (accepted === false) return refuse(endSessionReasons.resourcesNotAvailable.code);
    const leave = this.#core.enterSession(partner);
    if (leave === undefined) {
      return refuse(endSessionReasons.resourcesNotAvailable.code, "too many sessions with this partner");
    }
    this.#leave = leave;
    this.#partner = partner;
    this.#context.partner = partner;
    return { accept: true, identity: this.identityFor(partner) };
  }

  opened({ partner, negotiated }: OpenSessionFacts): void {
    this.#level = negotiated.level;
    this.#core.emit("sessionOpened", { session: this.#context, partnerSsid: partner, negotiated });
  }

  // --- sending ---

  async nextWork(): Promise<SpeakerWork> {
    this.#confirm();
    for (let looked = false; ; ) {
      const endResponse = await this.#nextEndResponse();
      if (endResponse !== undefined) return { kind: "endResponse", endResponse };
      const file = await this.#nextFile();
      if (file !== undefined) return { kind: "file", file };
      if (looked && (await this.#plan.idle?.()) !== "look") return { kind: "nothing" };
      await this.#look();
      looked = true;
    }
  }

  /** What there is to send now. */
  async #look(): Promise<void> {
    const partner = this.#known();
    const { responses, queue } = this.#core;
    const owed = await responses.owed(partner.name);
    this.#responses = owed.filter(
      ({ key, response }) => !this.#settled.has(`response ${key}`) && this.#canSend(response),
    );
    if (this.#plan.send === false) return;
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
    for (let next = this.#responses.shift(); next !== undefined; next = this.#responses.shift()) {
      this.#settled.add(`response ${next.key}`);
      if (await this.#core.mayAnswer(this.#known(), next)) return next;
    }
    return undefined;
  }

  async endResponseSent(endResponse: OutgoingEndResponse): Promise<void> {
    await this.#core.responses.settled(this.#known().name, endResponse.key);
    this.#core.emit("endResponseSent", { session: this.#context, response: endResponse.response });
  }

  async #nextFile(): Promise<OutgoingFile | undefined> {
    for (let queued = this.#files.shift(); queued !== undefined; queued = this.#files.shift()) {
      const file = await this.#claim(queued);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** Opens an entry of the queue for sending. Undefined when it is another session's, or cannot be sent. */
  async #claim(queued: QueuedFile): Promise<OutgoingFile | undefined> {
    const { queue } = this.#core;
    this.#settled.add(queued.key);
    const release = await this.#core.claim(queued, fileKey(queued, this.#level));
    if (release === undefined) return undefined;
    let file: OutgoingFile;
    try {
      if (!(await queue.has(queued))) throw undefined;
      if ((await queue.findSent(fileKey(queued, this.#level))) !== undefined) {
        // The process ended between the two records.
        await this.#core.dispose(queued);
        throw undefined;
      }
      file = await this.#core.outgoingFile(queued, this.#known());
    } catch (error) {
      await release();
      if (error !== undefined) await this.#dropped(queued, error);
      return undefined;
    }
    const context = { session: this.#context, file: queued };
    queue.tried(queued);
    this.#claims.set(file, { queued, release });
    this.#core.emit("sendStarted", { ...context, outgoing: file });
    return file;
  }

  async #dropped(queued: QueuedFile, error: unknown): Promise<void> {
    this.#logger.error({ error, path: queued.path, partner: queued.partner }, "a queued file cannot be sent");
    await this.#core.queue.remove(queued);
    this.#core.emit("fileInterrupted", { session: this.#context, file: queued, error, dropped: true });
  }

  async fileSent(file: OutgoingFile, totals: FileTotals): Promise<void> {
    const { queued, release } = this.#claimed(file);
    await this.#core.queue.sent(fileKey(queued, this.#level), queued, this.#core.now().getTime());
    await this.#core.dispose(queued);
    await release();
    this.#core.emit("fileSent", { session: this.#context, file: queued, octets: totals.octets });
  }

  async fileRefused(file: OutgoingFile, refusal: FileRefusal): Promise<void> {
    const { queued, release } = this.#claimed(file);
    const duplicate = refusal.reason === answerReasons.duplicateFile.code;
    if (duplicate && refusal.command === "SFNA" && file.sentBefore !== undefined) {
      this.#logger.info({ file: queued.datasetName }, "the partner has the file already");
      this.#claims.set(file, { queued, release });
      await this.fileSent(file, file.totals);
      return;
    }
    if (!refusal.retry) {
      await this.#core.queue.remove(queued);
      if (queued.relayed)
        await this.#core.answerRelayed(queued, negativeResponseReasonOf(refusal.reason), refusal.text);
    }
    await release();
    this.#logger.warn(
      { file: queued.datasetName, partner: queued.partner, ...refusal },
      "the partner refuses a file",
    );
    this.#core.emit("fileRefused", { session: this.#context, file: queued, refusal });
  }

  async fileInterrupted(file: OutgoingFile, _sent: FileTotals, error: unknown): Promise<void> {
    const { queued, release } = this.#claimed(file);
    await release();
    if (this.#core.isHopeless(error)) await this.#dropped(queued, error);
    else this.#core.emit("fileInterrupted", { session: this.#context, file: queued, error, dropped: false });
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
      const sink = await this.#core.incoming.sink(partner, sfid, this.#context);
      this.#unconfirmed.push(receivedFileKey(sfid));
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
    const partner = this.#known();
    this.#confirm();
    const key = answeredFileKey(response, this.#level);
    const { queue } = this.#core;
    // It may come in another session before this one has recorded that the file was sent.
    await this.#core.outcome(key);
    const sent = await queue.findSent(key);
    if (sent === undefined) {
      await this.#unknownResponse(partner, response);
      return;
    }
    if (sent.state !== "waiting") {
      this.#logger.info({ key }, "an end response came again");
      return;
    }
    if (sent.file.relayed) await this.#core.passOn(response, this.#level);
    await queue.settle(key, sent, response.kind === "EERP" ? "acknowledged" : "refused");
    this.#core.emit("endResponseReceived", { session: this.#context, response, file: sent.file });
  }

  /** The partner went on: it has every EFPA before. */
  #confirm(): void {
    for (const key of this.#unconfirmed.splice(0)) this.#core.incoming.confirmed(key);
  }

  async #unknownResponse(partner: Partner, response: Eerp | Nerp): Promise<void> {
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
