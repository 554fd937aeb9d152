import { EventEmitter } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TransferError } from "@waybill/net-core";
import type { Eerp, Nerp } from "@waybill/oftp-codec";
import {
  type FileToSend,
  fileStateStore,
  memoryStateStore,
  type NegotiatedSession,
  OftpStation,
  type Partner,
  partnerDirectory,
  type QueuedFile,
  type ReceivedFile,
  type SessionEndError,
  type StationEvents,
  type StationOptions,
  type StationSession,
} from "@waybill/oftp-session";
import { FileRefusedByPartner } from "./file-refused.js";
import { Turn } from "./turn.js";

/** Options of {@link connectOftp}. */
export interface OftpClientOptions
  extends Omit<StationOptions, "partners" | "store" | "work" | "outbox" | "maxSessions"> {
  /** The station that is called; its entry needs an `address`. */
  readonly partner: Partner;
  /**
   * The folder of what must survive a crash: end responses that are owed, files that wait for theirs, parts of received
   * files. On the file system of the inbox. Default: a temporary one that goes with the client.
   */
  readonly state?: string | undefined;
  /** Ends the session at once. */
  readonly signal?: AbortSignal | undefined;
}

/** A file to send: on disk, in memory, or from a stream, which is written to disk first. */
export type ClientFile = Omit<FileToSend, "path" | "afterSending" | "datasetName"> &
  (
    | { readonly path: string; readonly datasetName?: string | undefined }
    | { readonly data: Uint8Array | Readable; readonly datasetName: string }
  );

/** A file that the partner has. */
export interface SentReceipt {
  readonly file: QueuedFile;
  /** Octets of user data. */
  readonly octets: number;
}

const FORWARDED: readonly (keyof StationEvents)[] = [
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
  "endResponseSent",
  "trail",
];

/**
 * A session with one partner, step by step. While this side has the turn, {@link send} sends; {@link receive} gives the turn to
 * the partner. Emits the events of a station.
 */
export class OftpClient extends EventEmitter<StationEvents> {
  readonly #station: OftpStation;
  readonly #partner: string;
  readonly #work: string;
  readonly #temporary: boolean;
  readonly #turn = new Turn();
  /** What {@link send} has queued in this session. */
  readonly #own = new Set<string>();
  readonly #responses = new Map<string, Eerp | Nerp>();
  #session!: StationSession;
  #spooled = 0;

  /** @internal */
  constructor(station: OftpStation, partner: string, work: string, temporary: boolean) {
    super();
    this.#station = station;
    this.#partner = partner;
    this.#work = work;
    this.#temporary = temporary;
  }

  /** Whether the session is under way. */
  get connected(): boolean {
    return this.#turn.state !== "ended";
  }

  /** What was agreed on with the partner. */
  get negotiated(): NegotiatedSession | undefined {
    return this.#session.negotiated;
  }

  /** Resolves when the session has ended; to the error unless it ended normally. */
  get ended(): Promise<SessionEndError | undefined> {
    return this.#session.ended.then(({ error }) => error);
  }

  /** @internal */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    for (const name of FORWARDED) {
      // The trail costs time: the station makes it only when somebody listens.
      if (name !== "trail" || this.listenerCount("trail") > 0) {
        this.#station.on(name, ((...args: StationEvents[typeof name]) =>
          this.emit(name, ...(args as never))) as never);
      }
    }
    this.#station.on("endResponseReceived", ({ response, file }) => {
      if (file !== undefined) this.#responses.set(file.key, response);
    });
    this.#session = await this.#station.call(this.#partner, {
      only: this.#own,
      idle: () => this.#turn.idle(),
      ...(signal === undefined ? {} : { signal }),
    });
    void this.#session.ended.then(() => this.#turn.end());
    await this.#turn.own();
    if (!this.connected) throw (await this.ended) ?? notConnected();
  }

  /**
   * Sends a file. Resolves when the partner has it (EFPA); its receipt may come much later, see {@link receipt}. Several calls
   * may be made at once: the files go one after the other.
   *
   * Errors: `FileRefusedByPartner` (SFNA, EFNA), `ERR_OFTP_NOT_CONNECTED`, the error that ended the session meanwhile (the
   * file stays queued in `state` then, see {@link resend}), `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_OPTIONS`, codec errors
   * (`ERR_OFTP_FIELD_…`) for values that cannot be sent.
   */
  async send(file: ClientFile): Promise<SentReceipt> {
    this.#requireConnected();
    return this.#transmit(await this.#station.send(this.#partner, await this.#onDisk(file)));
  }

  /** Sends what earlier sessions on the same `state` have queued and not brought to the partner. Errors: those of {@link send}. */
  async resend(): Promise<readonly SentReceipt[]> {
    this.#requireConnected();
    const queued = await this.#station.queued(this.#partner);
    return Promise.all(queued.filter(({ key }) => !this.#own.has(key)).map((entry) => this.#transmit(entry)));
  }

  /**
   * Gives the turn to the partner (CD), which sends all that it has: files, EERPs, NERPs. Resolves when this side has the turn
   * again or the partner has ended the session, as it does when it has nothing (more) to send; see {@link connected}.
   * Errors: the error that ended the session unless it was a normal end.
   */
  async receive(): Promise<readonly ReceivedFile[]> {
    this.#requireConnected();
    await this.#turn.own();
    const received: ReceivedFile[] = [];
    const collect = ({ file }: StationEvents["fileReceived"][0]) => received.push(file);
    this.#station.on("fileReceived", collect);
    try {
      this.#turn.give();
      await this.#turn.own();
    } finally {
      this.#station.off("fileReceived", collect);
    }
    if (!this.connected) {
      const error = await this.ended;
      if (error !== undefined) throw error;
    }
    return received;
  }

  /** As {@link receive}, without waiting for what comes. */
  changeDirection(): void {
    this.#requireConnected();
    this.#turn.give();
  }

  /** The EERP or NERP for a file that was sent, once it has come in this session. */
  receipt(file: QueuedFile): Eerp | Nerp | undefined {
    return this.#responses.get(file.key);
  }

  /** Received files that wait for {@link respond}: those whose `endResponse` hook said `later`. */
  unanswered(): Promise<readonly ReceivedFile[]> {
    return this.#station.unanswered();
  }

  /** Answers a received file: EERP, or with a reason (NERPREAS) NERP. Sent at once when this side has the turn. */
  async respond(key: string, negative?: { readonly reason: number; readonly text?: string }): Promise<void> {
    await this.#station.respond(key, negative);
    this.#turn.look();
  }

  /** Breaks off what is under way: the only way that the protocol has is to end the session (ESID 99). */
  interrupt(): void {
    this.#session.abort(99, "interrupted");
  }

  /**
   * Ends the session gently: gives the turn away for good, so that the partner ends it when it has nothing more to send.
   * Resolves when the connection is closed. Errors: the error that ended the session unless it was a normal end.
   */
  async logoff(): Promise<void> {
    this.#session.stop();
    this.#turn.give();
    const error = await this.ended;
    await this.#cleanUp();
    if (error !== undefined) throw error;
  }

  /** Ends the session at once if it is not over, and removes what is temporary. Never rejects. */
  async close(): Promise<void> {
    this.#session.abort();
    await this.ended;
    await this.#cleanUp();
  }

  async #transmit(queued: QueuedFile): Promise<SentReceipt> {
    const settled = this.#settled(queued);
    this.#own.add(queued.key);
    this.#turn.look();
    return settled;
  }

  /** What becomes of a queued file. */
  #settled(queued: QueuedFile): Promise<SentReceipt> {
    const station = this.#station;
    return new Promise((resolve, reject) => {
      const onSent = ({ file, octets }: StationEvents["fileSent"][0]) => {
        if (file.key === queued.key) settle(() => resolve({ file, octets }));
      };
      const onRefused = ({ file, refusal }: StationEvents["fileRefused"][0]) => {
        if (file.key === queued.key)
          settle(() => reject(new FileRefusedByPartner(file.datasetName, refusal)));
      };
      const onInterrupted = ({ file, error }: StationEvents["fileInterrupted"][0]) => {
        if (file.key === queued.key) settle(() => reject(error));
      };
      const settle = (outcome: () => void) => {
        station.off("fileSent", onSent).off("fileRefused", onRefused).off("fileInterrupted", onInterrupted);
        outcome();
      };
      station.on("fileSent", onSent).on("fileRefused", onRefused).on("fileInterrupted", onInterrupted);
      void this.ended.then((error) => settle(() => reject(error ?? notConnected())));
    });
  }

  async #onDisk(file: ClientFile): Promise<FileToSend> {
    if ("path" in file) return { ...file, afterSending: "keep" };
    const { data, ...rest } = file;
    const folder = join(this.#work, "spool");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#spooled += 1;
    const path = join(folder, `${Date.now()}-${process.pid}-${this.#spooled}`);
    if (data instanceof Readable) await pipeline(data, createWriteStream(path, { mode: 0o600, flags: "wx" }));
    else await writeFile(path, data, { mode: 0o600, flag: "wx" });
    return { ...rest, path, afterSending: "remove" };
  }

  #requireConnected(): void {
    if (!this.connected) throw notConnected();
  }

  async #cleanUp(): Promise<void> {
    if (this.#temporary) await rm(this.#work, { recursive: true, force: true });
  }
}

/**
 * Calls a partner and opens a session. `onClient` gets the client before the session begins, for listeners that must not
 * miss anything, such as that of the trail.
 *
 * Errors: those of `OftpStation.open`, `dial` and `dialTls`; `SessionEndError` when the partner does not want the session, or
 * is not the one that was expected (reasons 03 and 04).
 */
export async function connectOftp(
  options: OftpClientOptions,
  onClient?: (client: OftpClient) => void,
): Promise<OftpClient> {
  const { partner, state, signal, ...station } = options;
  const temporary = state === undefined;
  const work = state ?? (await mkdtemp(join(tmpdir(), "waybill-oftp-")));
  try {
    const opened = await OftpStation.open({
      ...station,
      partners: partnerDirectory([partner]),
      store: temporary ? memoryStateStore() : await fileStateStore(join(work, "records")),
      work,
    });
    const client = new OftpClient(opened, partner.name, work, temporary);
    onClient?.(client);
    await client.begin(signal);
    return client;
  } catch (error) {
    if (temporary) await rm(work, { recursive: true, force: true });
    throw error;
  }
}

function notConnected(): TransferError {
  return new TransferError("ERR_OFTP_NOT_CONNECTED", "The session has ended: connect again");
}
