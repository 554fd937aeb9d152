import type { Certificate } from "@waybill/cert-store";
import { isTransferError, type Logger } from "@waybill/net-core";
import type { Eerp, Nerp, ProtocolLevel, Sfid, Ssid } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type {
  FileAnswer,
  FileRefusal,
  FileTotals,
  OpenSessionFacts,
  OutgoingEndResponse,
  OutgoingFile,
  PartnerAnswer,
  SpeakerWork,
  UserMonitor,
} from "../user-monitor.js";
import { answeredFile } from "./answered-file.js";
import { answeredFileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import { admitPartner, identityFor } from "./session-admission.js";
import { requireProof } from "./signed-responses.js";
import type { StationCore } from "./station-core.js";
import type { SessionContext } from "./station-events.js";
import { type SessionPlan, StationSpeaker } from "./station-speaker.js";

/** The User Monitor of one session of a station (RFC 5024 section 3.1). */
export class StationMonitor implements UserMonitor {
  readonly #core: StationCore;
  readonly #context: { -readonly [K in keyof SessionContext]: SessionContext[K] };
  readonly #plan: SessionPlan;
  readonly #logger: Logger;
  #partner: Partner | undefined;
  #level: ProtocolLevel = 5;
  #speaker: StationSpeaker | undefined;
  /** Received since the partner last went on: it has not shown yet that it has EFPA. */
  #unconfirmed: string[] = [];
  readonly #disconnected: Promise<undefined>;
  /** The connection is gone. */
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
      disconnected = () => resolve(undefined);
    });
    this.disconnected = disconnected;
  }

  get partner(): Partner | undefined {
    return this.#partner;
  }

  /** The session is over: others may have what it held. */
  async ended(): Promise<void> {
    this.disconnected();
    this.#leave();
    await this.#speaker?.ended();
  }

  async admit(ssid: Ssid): Promise<PartnerAnswer> {
    const called = this.#partner;
    const admission = await admitPartner(this.#core, ssid, called, this.#context.remoteAddress);
    if ("refusal" in admission) return admission.refusal;
    const { partner, leave } = admission;
    this.#leave = leave;
    this.#partner = partner;
    this.#context.partner = partner;
    const asked = called === undefined ? ssid.authentication : undefined;
    const authentication = await this.#core.security.authenticates(partner, asked);
    return { accept: true, identity: identityFor(this.#core, partner, authentication) };
  }

  opened({ partner, negotiated }: OpenSessionFacts): void {
    const { level, mode } = negotiated;
    this.#level = level;
    this.#speaker = new StationSpeaker(this.#core, this.#context, this.#plan, {
      partner: this.#known(),
      level,
      maySend: mode !== "R",
      disconnected: this.#disconnected,
    });
    this.#core.emit("sessionOpened", { session: this.#context, partnerSsid: partner, negotiated });
  }

  // --- sending ---

  nextWork(): Promise<SpeakerWork> {
    this.#confirm();
    return this.#open().nextWork();
  }

  endResponseImpossible(endResponse: OutgoingEndResponse): Promise<void> {
    return this.#open().endResponseImpossible(endResponse);
  }

  endResponseSent(endResponse: OutgoingEndResponse): Promise<void> {
    return this.#open().endResponseSent(endResponse);
  }

  fileSent(file: OutgoingFile, totals: FileTotals): Promise<void> {
    return this.#open().fileSent(file, totals);
  }

  fileRefused(file: OutgoingFile, refusal: FileRefusal): Promise<void> {
    return this.#open().fileRefused(file, refusal);
  }

  fileInterrupted(file: OutgoingFile, _sent: FileTotals, error: unknown): Promise<void> {
    return this.#open().fileInterrupted(file, error);
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
    const answered = await answeredFile(this.#core, partner, key, response);
    if (answered === undefined) {
      this.#unknownResponse(partner, response);
      return;
    }
    const { file, state } = answered;
    if (state === "acknowledged" || state === "refused") {
      this.#logger.info({ key }, "an end response came again");
      return;
    }
    const proof = await this.#proofOf(partner, response, file);
    if (proof === undefined) return;
    if (file.relayed) await this.#core.passOn(response, file);
    await answered.settle(response.kind === "EERP" ? "acknowledged" : "refused", this.#level);
    this.#core.emit("endResponseReceived", { session: this.#context, response, file, ...proof });
  }

  /** Who has signed an end response, where that was asked for. Undefined when it does not hold: the file stays unacknowledged. */
  async #proofOf(
    partner: Partner,
    response: Eerp | Nerp,
    file: QueuedFile,
  ): Promise<{ readonly signer: Certificate | undefined } | undefined> {
    try {
      return { signer: await requireProof(this.#core, partner, response, file) };
    } catch (error) {
      if (!isTransferError(error)) throw error;
      this.#logger.error(
        { error, partner: partner.name, file: file.datasetName },
        `${response.kind} not accepted: ${error.message}`,
      );
      this.#core.emit("endResponseInvalid", { session: this.#context, response, file, error });
      return undefined;
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

  #open(): StationSpeaker {
    if (this.#speaker === undefined) throw new TypeError("the session is not open");
    return this.#speaker;
  }
}
