import type { ReceiptHash } from "@waybill/cms-security";
import type { FileFormat, SecurityLevel, VirtualFileTime } from "@waybill/oftp-codec";
import type { StateStore, StateValue } from "../state-store.js";
import type { RecordMapping } from "../storage/record-mapping.js";
import type { FileSecurity } from "../user-monitor.js";

/** What happens to the local file once the partner has it: nothing, `sent/` beside it, or it is removed. */
export type AfterSending = "keep" | "move" | "remove";

/** A file that waits to be sent, or was sent. */
export interface QueuedFile {
  /** Identifies the entry. */
  readonly key: string;
  readonly partner: string;
  readonly path: string;
  readonly datasetName: string;
  readonly timestamp: VirtualFileTime;
  readonly destination: string;
  readonly originator: string;
  readonly userData: string;
  readonly description: string;
  readonly format: FileFormat;
  readonly maxRecordSize: number;
  readonly recordMapping: RecordMapping | undefined;
  readonly afterSending: AfterSending;
  /** Received from another station and passed on. */
  readonly relayed: boolean;
  readonly security: FileSecurity;
  /** Octets before it was secured, where that was done elsewhere. */
  readonly originalSize: number | undefined;
  /** Of the file's content when it was queued: when it is another one later, the transfer begins anew. */
  readonly fingerprint?: string | undefined;
  /** What is transmitted, where that is not the file itself or its end response is to be signed. */
  readonly transmitted?: TransmittedContent | undefined;
}

/** What is sent in place of a file, and what its end response is held against. */
export interface TransmittedContent {
  /** The CMS message; undefined when the file goes as it is. */
  readonly path: string | undefined;
  /** Of the CMS message: when it is another one later, it is made anew. */
  readonly sealedFingerprint?: string | undefined;
  /** Of the file that it was made of. */
  readonly fingerprint: string;
  /** Tells by which algorithms, for whom and by whom it was made. */
  readonly madeWith: string;
  /** The thumbprint (SHA-256) of the certificate that it is encrypted for. */
  readonly recipient?: string | undefined;
  /** Hashes of what is transmitted, in base64, by the names of `RECEIPT_HASHES`. */
  readonly hashes: Readonly<Partial<Record<ReceiptHash, string>>>;
}

/** How far a file is that was sent. */
export type SentState = "waiting" | "acknowledged" | "refused";

/** A file that the partner has, and what became of it. */
export interface SentFile {
  readonly file: QueuedFile;
  readonly state: SentState;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
}

const SENT = "sent";

/** The files that wait to be sent and those that were, in the state store. */
export class OutgoingQueue {
  readonly #store: StateStore;
  /** Queued by this process: it knows whether they were tried. */
  readonly #fresh = new Set<string>();

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** Records a file; resolves when that is on disk. */
  async add(file: QueuedFile): Promise<void> {
    this.#fresh.add(file.key);
    await this.#store.put(tableOf(file.partner), file.key, file as unknown as StateValue);
  }

  /** The oldest first. */
  async list(partner: string): Promise<readonly QueuedFile[]> {
    const records = await this.#store.list(tableOf(partner));
    return records.map(([, value]) => fromRecord(value));
  }

  /** As it is now: another process may have sent it, then undefined, or dated it anew. */
  async find(file: QueuedFile): Promise<QueuedFile | undefined> {
    const value = await this.#store.get(tableOf(file.partner), file.key);
    return value === undefined ? undefined : fromRecord(value);
  }

  async replace(file: QueuedFile): Promise<void> {
    await this.#store.put(tableOf(file.partner), file.key, file as unknown as StateValue);
  }

  async remove(file: QueuedFile): Promise<void> {
    await this.#store.remove(tableOf(file.partner), file.key);
    this.#fresh.delete(file.key);
  }

  /** Whether the partner may have a part of it: an attempt of this process failed, or of one before it. */
  mayBeThere(file: QueuedFile): boolean {
    return !this.#fresh.has(file.key);
  }

  /** Nothing of it, as it is now, was ever sent. */
  untried(file: QueuedFile): void {
    this.#fresh.add(file.key);
  }

  /** An attempt begins. */
  tried(file: QueuedFile): void {
    this.#fresh.delete(file.key);
  }

  // --- what was sent ---

  /** `fileKey`: as end responses will name it. What is recorded already stays: its end response may have come first. */
  async sent(fileKey: string, file: QueuedFile, sentAt: number): Promise<void> {
    const sent: SentFile = { file, state: "waiting", sentAt };
    await this.#store.create(SENT, fileKey, sent as unknown as StateValue);
  }

  async findSent(fileKey: string): Promise<SentFile | undefined> {
    const value = await this.#store.get(SENT, fileKey);
    return value === undefined ? undefined : sentFromRecord(value);
  }

  async settle(fileKey: string, sent: SentFile, state: SentState): Promise<void> {
    await this.#store.put(SENT, fileKey, { ...sent, state } as unknown as StateValue);
  }

  /** Everything that was sent, with the keys that end responses name. */
  async listSent(): Promise<readonly (readonly [fileKey: string, sent: SentFile])[]> {
    return (await this.#store.list(SENT)).map(([key, value]) => [key, sentFromRecord(value)] as const);
  }

  async forgetSent(fileKey: string): Promise<void> {
    await this.#store.remove(SENT, fileKey);
  }
}

function tableOf(partner: string): string {
  return `outgoing.${partner}`;
}

function sentFromRecord(value: StateValue): SentFile {
  const record = value as unknown as SentFile;
  return { ...record, file: fromRecord(record.file as unknown as StateValue) };
}

/** JSON leaves out what is undefined. */
function fromRecord(value: StateValue): QueuedFile {
  const record = value as unknown as QueuedFile;
  return {
    ...record,
    recordMapping: record.recordMapping ?? undefined,
    originalSize: record.originalSize ?? undefined,
    transmitted: record.transmitted && { ...record.transmitted, path: record.transmitted.path ?? undefined },
    security: {
      ...record.security,
      securityLevel: record.security.securityLevel as SecurityLevel,
    },
  };
}
