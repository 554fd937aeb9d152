import { EventEmitter } from "node:events";
import { rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Certificate } from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import type { Eerp, Nerp } from "@waybill/oftp-codec";
import type {
  CertificateExchange,
  NegotiatedSession,
  OftpStation,
  QueuedFile,
  ReceivedFile,
  SentState,
  SessionEndError,
  StationEvents,
  StationSession,
} from "@waybill/oftp-session";
import type { SendOptions, SentReceipt } from "./client-options.js";
import { FileOutcomes } from "./file-outcomes.js";
import { type ClientFile, Spool } from "./spool.js";
import { Turn } from "./turn.js";

/** All but `trail`, which costs time: the station makes it only when somebody listens. */
const FORWARDED: readonly Exclude<keyof StationEvents, "trail">[] = [
  "sessionOpened",
  "sessionEnded",
  "sendStarted",
  "fileSent",
  "fileRefused",
  "fileInterrupted",
  "receiveStarted",
  "fileReceived",
  "receiveRefused",
  "progress",
  "endResponseReceived",
  "endResponseInvalid",
  "endResponseSent",
  "sealing",
  "certificateReceived",
];

/** Between two looks at files that another session is sending. */
const OTHER_SESSION_MS = 100;

/** ESIDREAS 99: unspecified. */
const INTERRUPTED = 99;

/**
 * A session with one partner, step by step. While this side has the turn, {@link send} sends; {@link receive} gives the turn to
 * the partner. Emits the events of a station. Made by `connectOftp`.
 */
export class OftpClient extends EventEmitter<StationEvents> {
  readonly #station: OftpStation;
  readonly #partner: string;
  readonly #work: string;
  readonly #temporary: boolean;
  readonly #turn = new Turn();
  readonly #spool: Spool;
  readonly #outcomes: FileOutcomes;
  /** What {@link send} and {@link resend} were asked for in this session. */
  readonly #own = new Set<string>();
  /** What {@link queue} has given out: once more the same file is another one. */
  readonly #given = new Set<string>();
  /** What is not queued yet. */
  readonly #queueing = new Set<Promise<QueuedFile>>();
  /** {@link sendWaiting}: not only those. */
  #everything = false;
  /** {@link prepareWaiting} */
  #preparesWaiting = false;
  readonly #responses = new Map<string, Eerp | Nerp>();
  /** Undefined until the partner is called. */
  #session: StationSession | undefined;
  #ended: Promise<SessionEndError | undefined> = Promise.resolve(undefined);

  /** @internal */
  constructor(station: OftpStation, partner: string, work: string, temporary: boolean) {
    super();
    this.#station = station;
    this.#partner = partner;
    this.#work = work;
    this.#temporary = temporary;
    this.#spool = new Spool(work);
    this.#outcomes = new FileOutcomes(station, (file) => void this.#spool.drop(file));
    for (const name of FORWARDED) {
      station.on(name, (event: StationEvents[typeof name][0]) => {
        this.emit(name, ...([event] as never));
      });
    }
  }

  /** Whether the session is under way. */
  get connected(): boolean {
    return this.#session !== undefined && this.#turn.state !== "ended";
  }

  /** Whether this side has the turn and nothing to send: what is sent now goes out at once. */
  get readyToSend(): boolean {
    return this.#turn.state === "waiting";
  }

  /** What was agreed on with the partner. */
  get negotiated(): NegotiatedSession | undefined {
    return this.#session?.negotiated;
  }

  /** Resolves when the session has ended; to the error unless it ended normally. */
  get ended(): Promise<SessionEndError | undefined> {
    return this.#ended;
  }

  /** @internal */
  async call(signal: AbortSignal | undefined): Promise<void> {
    if (this.listenerCount("trail") > 0) this.#station.on("trail", (event) => this.emit("trail", event));
    this.#station.on("endResponseReceived", ({ response, file }) => {
      if (file !== undefined) this.#responses.set(file.key, response);
    });
    // First what is made ready before the partner is called, then what is sent.
    let wanted = () => (this.#preparesWaiting ? undefined : this.#given);
    const session = await this.#station.call(this.#partner, {
      get only() {
        return wanted();
      },
      idle: () => this.#idle(),
      signal,
    });
    wanted = () => (this.#everything ? undefined : this.#own);
    this.#session = session;
    this.#ended = session.ended.then(({ error }) => {
      this.#turn.end();
      this.#outcomes.end(error ?? notConnected());
      return error;
    });
  }

  /** @internal Resolves when this side has the turn. */
  async begin(): Promise<void> {
    await this.#turn.own();
    if (!this.connected) throw (await this.#ended) ?? notConnected();
  }

  /**
   * Sends a file. Resolves when the partner has it (EFPA); its receipt may come much later, see {@link receipt}. Several calls
   * may be made at once: the files go one after the other. While the partner has the turn, it waits for it.
   *
   * Errors: `FileRefusedByPartner` (SFNA, EFNA), `ERR_OFTP_NOT_CONNECTED`, `ERR_OFTP_DIRECTION`, the error that ended the session meanwhile (the
   * file stays queued in `state` then, see {@link resend}), `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_OPTIONS`, `ERR_OFTP_SECURITY_POLICY`, codec
   * errors (`ERR_OFTP_FIELD_…`) for values that cannot be sent; those of the stream, and of signing and encryption.
   */
  async send(file: ClientFile, options: SendOptions = {}): Promise<SentReceipt> {
    this.#requireSending();
    const queueing = this.#queue(file, options.resume === true);
    this.#queueing.add(queueing);
    try {
      return await this.#transmit(await queueing);
    } finally {
      this.#queueing.delete(queueing);
    }
  }

  /**
   * Queues a file without sending it: signs, compresses and encrypts it, where that is wanted, which takes time for a large one.
   * Works before the session begins (`onClient` of `connectOftp`), so that no partner waits for it; {@link resend} sends it
   * then. Resolves when it is queued in `state`. Errors: those of {@link send} that are no matter of the session,
   * `ERR_OFTP_SECURITY_POLICY`.
   */
  async queue(file: ClientFile, options: SendOptions = {}): Promise<QueuedFile> {
    const queued = await this.#queue(file, options.resume === true);
    this.#given.add(queued.key);
    return queued;
  }

  /** For `onClient` of `connectOftp`: what {@link sendWaiting} is going to send is signed and encrypted before the partner is called. */
  prepareWaiting(): void {
    this.#preparesWaiting = true;
  }

  /**
   * Queues a certificate of this station for the partner, as {@link queue} does a file: its EERP says that the partner has accepted
   * it, a NERP that it has not. `certificate`: default the newest one for encryption. Errors: those of `OftpStation.sendCertificate`.
   */
  async queueCertificate(exchange: CertificateExchange, certificate?: Certificate): Promise<QueuedFile> {
    const queued = await this.#station.sendCertificate(this.#partner, exchange, certificate);
    this.#given.add(queued.key);
    return queued;
  }

  /** What is queued in `state` for the partner: by earlier sessions that have not brought it there, and by {@link queue}. */
  async unsent(): Promise<readonly QueuedFile[]> {
    const queued = await this.#station.queued(this.#partner);
    return queued.filter(({ key }) => !this.#own.has(key));
  }

  /**
   * Takes one of {@link unsent} out of the queue: it is not sent any more. Resolves to whether it was there and no other
   * process was sending it.
   */
  withdraw(file: QueuedFile): Promise<boolean> {
    return this.#station.withdraw(file);
  }

  /**
   * Sends some of {@link unsent}, or all of them: where the partner has a part of one, only what is missing.
   * Errors: those of {@link send}; when one cannot be sent, the others still are.
   */
  async resend(files?: readonly QueuedFile[]): Promise<readonly SentReceipt[]> {
    this.#requireSending();
    const outcomes = await Promise.allSettled(
      (files ?? (await this.unsent())).map((file) => this.#transmit(file)),
    );
    return outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
  }

  /**
   * Sends all that waits for the partner: what is in its outbox, and {@link unsent}. Resolves when there is nothing more, or
   * the session has ended; what became of each file is told by events. Errors: `ERR_OFTP_NOT_CONNECTED`.
   */
  async sendWaiting(): Promise<void> {
    this.#requireSending();
    this.#everything = true;
    this.#turn.look();
    await this.#turn.own();
    this.#everything = false;
  }

  /**
   * Gives the turn to the partner (CD) once everything is sent; it sends all that it has: files, EERPs, NERPs. Resolves when
   * this side has the turn again or the partner has ended the session, as it does when it has nothing (more) to send; see
   * {@link connected}. Errors: the error that ended the session unless it was a normal end.
   */
  async receive(): Promise<readonly ReceivedFile[]> {
    this.#requireConnected();
    const received: ReceivedFile[] = [];
    const collect = ({ file }: StationEvents["fileReceived"][0]) => {
      received.push(file);
    };
    this.#station.on("fileReceived", collect);
    try {
      await this.#give();
    } finally {
      this.#station.off("fileReceived", collect);
    }
    if (!this.connected) {
      const error = await this.#ended;
      if (error !== undefined) throw error;
    }
    return received;
  }

  /** As {@link receive}, without waiting for what comes. */
  changeDirection(): void {
    this.#requireConnected();
    void this.#give();
  }

  /** The EERP or NERP for a file that was sent, once it has come in this session, and holds where it was to be signed. */
  receipt({ key }: Pick<QueuedFile, "key">): Eerp | Nerp | undefined {
    return this.#responses.get(key);
  }

  /**
   * What became of files that were sent, also as far as other sessions and processes on the same `state` have heard of it:
   * a partner gives its end responses in any session.
   */
  async sentStates(files: readonly Pick<QueuedFile, "key">[]): Promise<readonly (SentState | undefined)[]> {
    const states = new Map((await this.#station.sent()).map(({ file, state }) => [file.key, state]));
    return files.map(({ key }) => states.get(key));
  }

  /** Received files that wait for {@link respond}: those whose `endResponse` hook said `later`. */
  unanswered(): Promise<readonly ReceivedFile[]> {
    return this.#station.unanswered();
  }

  /**
   * Answers a received file: EERP, or with a reason (NERPREAS) NERP. Sent at once when this side has the turn, else when it
   * comes back, or in the next session. Errors: `ERR_OFTP_RESPONSE` when there is no such file or it was answered.
   */
  async respond(key: string, negative?: { readonly reason: number; readonly text?: string }): Promise<void> {
    await this.#station.respond(key, negative);
    this.#turn.look();
  }

  /** Breaks off what is under way: the only way that the protocol has is to end the session (ESID 99). */
  interrupt(): void {
    this.#session?.abort(INTERRUPTED, "interrupted");
  }

  /**
   * Ends the session gently: sends what was asked for, and gives the turn to the partner until it has nothing more either and
   * ends the session. Resolves when the connection is closed. Errors: the error that ended the session unless it was a normal
   * end.
   */
  async logoff(): Promise<void> {
    while (this.connected) await this.#give();
    const error = await this.#ended;
    await this.#cleanUp();
    if (error !== undefined) throw error;
  }

  /** Ends the session at once if it is not over (ESID 05), and removes what is temporary. Never rejects. */
  async close(): Promise<void> {
    this.#session?.abort();
    await this.#ended;
    // What is being signed and encrypted.
    await this.#station.close();
    await this.#cleanUp();
  }

  /** This session has nothing more to send. */
  async #idle(): Promise<"look" | "give"> {
    if (!this.#turn.looksAgain && this.#outcomes.open.length > 0) {
      // What it was to send is in the hands of another session.
      await this.#outcomes.askState();
      if (this.#outcomes.open.length > 0) {
        await setTimeout(OTHER_SESSION_MS);
        return "look";
      }
    }
    return this.#turn.idle();
  }

  async #queue(file: ClientFile, resume: boolean): Promise<QueuedFile> {
    if (resume && "path" in file) {
      const waiting = await this.#station.resumable(this.#partner, file);
      const { key = "" } = waiting ?? {};
      if (waiting !== undefined && !this.#own.has(key) && !this.#given.has(key)) return waiting;
    }
    const spooled = await this.#spool.take(file);
    try {
      return await this.#station.send(this.#partner, spooled);
    } catch (error) {
      await this.#spool.drop(spooled);
      throw error;
    }
  }

  /** Gives the turn once everything that was asked for before is sent. */
  async #give(): Promise<void> {
    await Promise.allSettled(this.#queueing);
    await this.#turn.give();
  }

  async #transmit(queued: QueuedFile): Promise<SentReceipt> {
    this.#requireConnected();
    const outcome = this.#outcomes.of(queued);
    this.#own.add(queued.key);
    this.#turn.look();
    return outcome;
  }

  #requireConnected(): void {
    if (!this.connected) throw notConnected();
  }

  #requireSending(): void {
    this.#requireConnected();
    if (this.negotiated?.mode !== "R") return;
    throw new TransferError(
      "ERR_OFTP_DIRECTION",
      "This session only receives files: see the mode of both stations",
    );
  }

  async #cleanUp(): Promise<void> {
    if (this.#temporary) await rm(this.#work, { recursive: true, force: true }).catch(() => {});
  }
}

function notConnected(): TransferError {
  return new TransferError("ERR_OFTP_NOT_CONNECTED", "There is no session, or it has ended: connect again");
}
