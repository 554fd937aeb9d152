import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Certificate } from "@waybill/cert-store";
import { TransferError, tlsPeerOf } from "@waybill/net-core";
import { endSessionReasons } from "@waybill/oftp-codec";
import { initiateSession, type OftpSession, respondSession } from "../driver/session.js";
import type { SessionEnd, SessionOptions } from "../driver/session-options.js";
import type { SessionConstants } from "../machine/index.js";
import { checkNamePattern } from "../storage/received-file-name.js";
import { type CertificateExchange, sendCertificate } from "./certificate-exchange.js";
import { dialPartner } from "./dial-partner.js";
import { removeLeftoverSealedFiles } from "./leftover-sealed-files.js";
import type { QueuedFile, SentFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import { earlierRequests, type FileToSend, queuedFile } from "./queued-file.js";
import { receivedFile } from "./received-files.js";
import { identityFor } from "./session-admission.js";
import { StationCore } from "./station-core.js";
import type { ReceivedFile, SessionContext, StationEvents } from "./station-events.js";
import { StationMonitor } from "./station-monitor.js";
import type { StationOptions } from "./station-options.js";
import type { SessionPlan } from "./station-speaker.js";

const DEFAULT_MAX_SESSIONS = 100;
const DEFAULT_BUFFER_SIZE = 32_768;
const DEFAULT_CREDIT = 99;
const DEFAULT_RETENTION_MS = 90 * 24 * 3600 * 1000;

/** Options of {@link OftpStation.call}. */
export interface CallOptions extends SessionPlan {
  readonly signal?: AbortSignal | undefined;
}

/** A session of a station. */
export interface StationSession extends OftpSession {
  readonly context: SessionContext;
}

/**
 * One ODETTE-FTP station: it knows its partners, keeps files and end responses over crashes, and holds any number of
 * sessions in either role over connections that it is given.
 *
 * A received file is in the inbox, under its final name, before the partner gets EFPA; the end response that is owed for it
 * is on disk by then. A file to be sent stays queued until EFPA came, and what was sent is remembered until its end response
 * came. A file that the partner sends again because it has not seen EFPA is taken once.
 */
export class OftpStation extends EventEmitter<StationEvents> {
  readonly #core: StationCore;
  readonly #sessions = new Set<StationSession>();
  #closing = false;

  /** See {@link OftpStation.open}. */
  private constructor(options: StationOptions) {
    super();
    this.#core = new StationCore(options, (event, ...args) => {
      try {
        this.emit(event, ...(args as never));
      } catch (error) {
        // Who listens must not decide what a partner is told.
        this.#core.logger.error({ error, event }, "a listener of an event has failed");
      }
    });
  }

  /**
   * Opens a station, and ends what a process before it has begun: files that were whole get their names.
   * Errors: `ERR_OFTP_NAME_PATTERN`, `ERR_OFTP_STATE_DAMAGED`, those of the file system.
   */
  static async open(options: StationOptions): Promise<OftpStation> {
    if (options.namePattern !== undefined) checkNamePattern(options.namePattern);
    const station = new OftpStation(options);
    await mkdir(station.#core.lockFolder, { recursive: true, mode: 0o700 });
    await station.#core.incoming.recover();
    await removeLeftoverSealedFiles(station.#core);
    return station;
  }

  /** The sessions that are under way. */
  get sessions(): ReadonlySet<StationSession> {
    return this.#sessions;
  }

  /**
   * Queues a file for a partner; resolves when that is on disk. Where the file is to be signed, compressed or encrypted, that has
   * been done by then (see the event `sealing`): large files are better queued before a session begins, as the partner would
   * have to wait. The file must stay as it is until it was sent.
   * Errors: `ERR_OFTP_PARTNER_UNKNOWN`, `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_OPTIONS`, `ERR_OFTP_SECURITY_POLICY`,
   * `ERR_OFTP_CERTIFICATE`, those of the keys.
   */
  send(partnerName: string, file: FileToSend): Promise<QueuedFile> {
    return this.#core.enqueue(partnerName, (partner) => queuedFile(this.#core, partner, file));
  }

  /**
   * An entry that waits already for the same file, unchanged since it was queued, with the same wishes: what {@link send} would
   * queue a second time. Entries for what was at this path before are withdrawn. Errors: `ERR_OFTP_FILE_UNREADABLE`.
   */
  async resumable(partnerName: string, file: FileToSend): Promise<QueuedFile | undefined> {
    const { same, outdated } = await earlierRequests(
      await this.#core.queue.list(partnerName),
      await this.#core.partner(partnerName),
      file,
    );
    for (const queued of outdated) await this.withdraw(queued);
    return same;
  }

  /**
   * Takes a file out of the queue: a partner that has a part of it does not get the rest. Resolves to whether it was there and
   * no session was sending it.
   */
  async withdraw(queued: QueuedFile): Promise<boolean> {
    const claim = await this.#core.claim(queued);
    if (claim === undefined) return false;
    try {
      // As it is now: something may have been sealed for it since.
      const current = await this.#core.queue.find(queued);
      if (current === undefined) return false;
      await this.#core.forget(current);
      return true;
    } finally {
      await claim.release();
    }
  }

  /**
   * Sends a partner a certificate of this station (`ODETTE_CERTIFICATE_…`), by default the newest of its own for encryption. What it
   * answers is told as for any file. Errors: `ERR_OFTP_PARTNER_UNKNOWN`, `ERR_OFTP_CERTIFICATE` when there is none.
   */
  sendCertificate(
    partnerName: string,
    exchange: CertificateExchange,
    certificate?: Certificate,
  ): Promise<QueuedFile> {
    return sendCertificate(this.#core, partnerName, exchange, certificate);
  }

  /** The files that wait for a partner. */
  queued(partnerName: string): Promise<readonly QueuedFile[]> {
    return this.#core.queue.list(partnerName);
  }

  /** Files that were sent, and what became of them; those that were settled long ago are forgotten ({@link clean}). */
  async sent(): Promise<readonly SentFile[]> {
    return (await this.#core.queue.listSent()).map(([, sent]) => sent);
  }

  /** Received files that wait for {@link respond}. */
  async unanswered(): Promise<readonly ReceivedFile[]> {
    const all = await this.#core.received.list();
    return all
      .filter(([, { answer }]) => answer === "later")
      .map(([key, record]) => receivedFile(key, record));
  }

  /**
   * Answers a received file whose end response was put off: EERP, or with a reason (NERPREAS) NERP. It is sent in the next
   * session, or in the present one when the turn comes.
   * Errors: `ERR_OFTP_RESPONSE` when there is no such file or it was answered.
   */
  async respond(key: string, negative?: { readonly reason: number; readonly text?: string }): Promise<void> {
    const record = await this.#core.received.find(key);
    if (record?.answer !== "later") {
      throw new TransferError(
        "ERR_OFTP_RESPONSE",
        "There is no received file of this key that waits for an answer",
      );
    }
    await this.#core.incoming.answer(key, record, negative);
  }

  /**
   * Calls a partner. The session ends by itself when both sides have nothing more to send.
   * Errors: `ERR_OFTP_PARTNER_UNKNOWN`, `ERR_OFTP_CLOSING`, those of {@link dialPartner}.
   */
  async call(partnerName: string, options: CallOptions = {}): Promise<StationSession> {
    const partner = await this.#core.partner(partnerName);
    this.#requireOpen();
    // Before the partner waits for it.
    if (options.send !== false) await this.#core.prepare(partner, options.only);
    this.#requireOpen();
    const socket = await dialPartner(partner, options.signal);
    try {
      this.#requireOpen();
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return this.initiate(partner, socket, options);
  }

  /** A session with a partner over a connection that was opened to it. */
  initiate(partner: Partner, socket: Duplex, options: CallOptions = {}): StationSession {
    const context = this.#context("initiator", partner, socket);
    const monitor = new StationMonitor(this.#core, context, partner, options);
    socket.once("close", monitor.disconnected);
    const session = initiateSession(socket, {
      ...this.#sessionOptions(context, monitor, partner),
      // What depends on the partner's answer is of no use in SSID.
      identity: identityFor(this.#core, partner, partner.secureAuthentication === "required"),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return this.#add(session, context, monitor);
  }

  /** A session over a connection that somebody has opened to this station. */
  answer(socket: Duplex): StationSession {
    const context = this.#context("responder", undefined, socket);
    const monitor = new StationMonitor(this.#core, context, undefined, {});
    const full = this.#sessions.size >= (this.#core.options.maxSessions ?? DEFAULT_MAX_SESSIONS);
    const { code } = endSessionReasons.resourcesNotAvailable;
    const refuse = this.#closing
      ? { reason: code, text: "the station is being closed" }
      : full
        ? { reason: code, text: "too many sessions" }
        : undefined;
    const session = respondSession(socket, {
      ...this.#sessionOptions(context, monitor, undefined),
      ...(refuse === undefined ? {} : { refuse }),
    });
    return this.#add(session, context, monitor);
  }

  /** Partners for whom something waits: queued files, files in the outbox, end responses that are owed. */
  async partnersWithWork(names: readonly string[]): Promise<readonly string[]> {
    const found: string[] = [];
    for (const name of names) {
      const [queued, owed, outbox] = await Promise.all([
        this.#core.queue.list(name),
        this.#core.responses.owed(name),
        this.#core.waitingInOutbox(name),
      ]);
      if (queued.length + owed.length + outbox > 0) found.push(name);
    }
    return found;
  }

  /** Forgets what was settled longer ago than this. Default 90 days. */
  async clean(olderThanMs = DEFAULT_RETENTION_MS): Promise<void> {
    const before = this.#core.now().getTime() - olderThanMs;
    for (const [key, { state, sentAt }] of await this.#core.queue.listSent()) {
      if (state !== "waiting" && sentAt < before) await this.#core.queue.forgetSent(key);
    }
    for (const [key, { answer, receivedAt, partner }] of await this.#core.received.list()) {
      const done =
        answer === "relayed" || (answer === "now" && !(await this.#core.responses.isOwed(partner, key)));
      if (done && receivedAt < before) await this.#core.received.remove(key);
    }
  }

  /**
   * Takes no more sessions and lets those under way end: they send nothing new, and get `graceMs` for what they are at; then
   * they are ended with ESID 05. Default 0: at once.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing = true;
    const graceMs = options.graceMs ?? 0;
    for (const session of this.#sessions) session.stop();
    const sealing = this.#core.sealer.stop();
    const abort = () => {
      for (const session of this.#sessions) session.abort();
    };
    const timer = graceMs === 0 ? undefined : setTimeout(abort, graceMs);
    if (graceMs === 0) abort();
    // Those that come meanwhile are refused, which takes a moment too.
    while (this.#sessions.size > 0) await Promise.all([...this.#sessions].map(({ ended }) => ended));
    clearTimeout(timer);
    await sealing;
  }

  #requireOpen(): void {
    if (this.#closing) throw new TransferError("ERR_OFTP_CLOSING", "The station is being closed");
  }

  #context(role: SessionContext["role"], partner: Partner | undefined, socket: Duplex): SessionContext {
    const remoteAddress = socket instanceof Socket ? socket.remoteAddress : undefined;
    const tls = socket instanceof Socket ? tlsPeerOf(socket) : undefined;
    return { id: randomUUID(), role, partner, remoteAddress, tls };
  }

  #sessionOptions(
    context: SessionContext,
    monitor: StationMonitor,
    partner: Partner | undefined,
  ): SessionOptions {
    const { options, logger } = this.#core;
    const { bufferSize, credit, inactivityTimeoutMs, localTimeoutMs, maxSessionMs, partners } = options;
    const constants: Partial<SessionConstants> = {
      maxBufSize: partner?.bufferSize ?? bufferSize ?? DEFAULT_BUFFER_SIZE,
      maxWindow: partner?.credit ?? credit ?? DEFAULT_CREDIT,
      // As responder the partner's entry narrows these once it is known.
      capCompression: partner === undefined || partner.compression === true,
      ...(partner?.level === undefined ? {} : { level: partner.level }),
      ...(partner?.minimumLevel === undefined ? {} : { minimumLevel: partner.minimumLevel }),
    };
    const trailed = this.listenerCount("trail") > 0;
    return {
      monitor,
      constants,
      authenticator: this.#core.security.authenticator(async (ssid) => partner ?? partners.bySsid(ssid.code)),
      inactivityTimeoutMs,
      localTimeoutMs,
      maximumMs: maxSessionMs,
      logger,
      onTrail: trailed ? (entry) => this.emit("trail", { session: context, entry }) : undefined,
      onProgress: ({ direction, sfid, octets }) =>
        this.emit("progress", { session: context, direction, sfid, octets }),
    };
  }

  #add(session: OftpSession, context: SessionContext, monitor: StationMonitor): StationSession {
    const ended = session.ended.then(async (end: SessionEnd) => {
      await monitor.ended();
      this.#sessions.delete(held);
      this.emit("sessionEnded", { session: context, error: end.error });
      return end;
    });
    const held: StationSession = {
      context,
      ended,
      get partner() {
        return session.partner;
      },
      get negotiated() {
        return session.negotiated;
      },
      stop: () => session.stop(),
      abort: (reason, text) => session.abort(reason, text),
    };
    this.#sessions.add(held);
    return held;
  }
}
