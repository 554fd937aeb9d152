import type { Eerp, FileFormat, Nerp, Sfid, Ssid } from "@waybill/oftp-codec";
import type {
  FileAnswer,
  FileRefusal,
  FileSink,
  FileTotals,
  NegotiatedSession,
  OutgoingEndResponse,
  OutgoingFile,
  PartnerAnswer,
  SessionIdentity,
  SpeakerWork,
  UserMonitor,
} from "@waybill/oftp-session";

export const PLAIN = {
  securityLevel: 0,
  cipherSuite: 0,
  compressed: false,
  enveloped: false,
  signedReceipt: false,
} as const;

/** What a test says of a file; everything else has a value that fits. */
export interface TestFile {
  readonly name: string;
  readonly content: Buffer;
  readonly format?: FileFormat;
  readonly maxRecordSize?: number;
  readonly sentBefore?: FileTotals;
  readonly overrides?: Partial<OutgoingFile>;
}

let counter = 0;

/** A file in memory. The content of format V has the record lengths in it. */
export function outgoing({
  name,
  content,
  format = "U",
  maxRecordSize = 0,
  sentBefore,
  overrides,
}: TestFile): OutgoingFile {
  counter += 1;
  const records = recordsOf(content, format, maxRecordSize);
  const octets = format === "V" ? content.length - 2 * records : content.length;
  return {
    datasetName: name,
    timestamp: { date: "20261120", time: `101112${String(counter % 10000).padStart(4, "0")}` },
    userData: "",
    destination: "ODEST",
    originator: "OORIG",
    format,
    maxRecordSize,
    description: "",
    size: content.length,
    originalSize: content.length,
    security: PLAIN,
    totals: { records, octets },
    sentBefore,
    open: async (offset) => chunksOf(content.subarray(offset)),
    ...overrides,
  };
}

function recordsOf(content: Buffer, format: FileFormat, size: number): number {
  if (format === "F") return Math.ceil(content.length / size);
  if (format !== "V") return 0;
  let records = 0;
  for (let at = 0; at < content.length; at += 2 + content.readUInt16BE(at)) records += 1;
  return records;
}

async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 10_000) yield content.subarray(at, at + 10_000);
}

/** A file that arrives in memory. */
export class MemorySink implements FileSink {
  readonly chunks: Buffer[] = [];
  readonly events: string[] = [];
  totals: FileTotals | undefined;
  restartPosition = 0;
  before: FileTotals = { records: 0, octets: 0 };
  /** What a test wants to happen before a call does its work. */
  onBegin: () => Promise<void> = async () => {};
  onWrite: () => Promise<void> = async () => {};
  onFinish: () => Promise<void> = async () => {};

  async begin(restartPosition: number): Promise<FileTotals> {
    this.events.push(`begin ${restartPosition}`);
    await this.onBegin();
    return this.before;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.onWrite();
    this.chunks.push(Buffer.from(chunk));
  }

  async finish(totals: FileTotals): Promise<void> {
    this.events.push("finish");
    await this.onFinish();
    this.totals = totals;
  }

  async discard(): Promise<void> {
    this.events.push("discard");
  }

  async interrupt(): Promise<void> {
    this.events.push("interrupt");
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** A User Monitor in memory: sends what it was given, takes what comes, owes an EERP for it. */
export class MemoryMonitor implements UserMonitor {
  readonly identity: SessionIdentity;
  readonly outbox: OutgoingFile[] = [];
  readonly sent: { file: OutgoingFile; totals: FileTotals }[] = [];
  readonly refused: { file: OutgoingFile; refusal: FileRefusal }[] = [];
  readonly interrupted: { file: OutgoingFile; sent: FileTotals; error: unknown }[] = [];
  readonly received: { sfid: Sfid; sink: MemorySink }[] = [];
  readonly responses: (Eerp | Nerp)[] = [];
  readonly owed: OutgoingEndResponse[] = [];
  readonly impossible: { response: OutgoingEndResponse; error: unknown }[] = [];
  negotiated: NegotiatedSession | undefined;
  partner: Ssid | undefined;
  wantsTurn: () => boolean = () => false;
  answer: (ssid: Ssid) => PartnerAnswer;
  acceptFile: (sfid: Sfid, sink: MemorySink) => FileAnswer = (_sfid, sink) => ({ accept: true, sink });

  constructor(identity: Partial<SessionIdentity> & { code: string }) {
    this.identity = { password: "PASSWORD", mode: "B", restart: true, authentication: false, ...identity };
    this.answer = () => ({ accept: true, identity: this.identity });
  }

  async admit(ssid: Ssid): Promise<PartnerAnswer> {
    return this.answer(ssid);
  }

  opened({ partner, negotiated }: { partner: Ssid; negotiated: NegotiatedSession }): void {
    this.partner = partner;
    this.negotiated = negotiated;
  }

  async nextWork(): Promise<SpeakerWork> {
    const endResponse = this.owed[0];
    if (endResponse !== undefined) return { kind: "endResponse", endResponse };
    const file = this.outbox[0];
    return file === undefined ? { kind: "nothing" } : { kind: "file", file };
  }

  async endResponseSent(response: OutgoingEndResponse): Promise<void> {
    this.owed.splice(this.owed.indexOf(response), 1);
  }

  async endResponseImpossible(response: OutgoingEndResponse, error: unknown): Promise<void> {
    this.owed.splice(this.owed.indexOf(response), 1);
    this.impossible.push({ response, error });
  }

  async fileSent(file: OutgoingFile, totals: FileTotals): Promise<void> {
    this.outbox.splice(this.outbox.indexOf(file), 1);
    this.sent.push({ file, totals });
  }

  async fileRefused(file: OutgoingFile, refusal: FileRefusal): Promise<void> {
    this.outbox.splice(this.outbox.indexOf(file), 1);
    this.refused.push({ file, refusal });
  }

  async fileInterrupted(file: OutgoingFile, sent: FileTotals, error: unknown): Promise<void> {
    this.outbox.splice(this.outbox.indexOf(file), 1);
    this.interrupted.push({ file, sent, error });
  }

  async receive(sfid: Sfid): Promise<FileAnswer> {
    const sink = new MemorySink();
    const answer = this.acceptFile(sfid, sink);
    if (answer.accept) {
      this.received.push({ sfid, sink });
      const { datasetName, timestamp, destination, originator, userData } = sfid;
      this.owed.push({
        key: datasetName,
        response: {
          kind: "EERP",
          datasetName,
          timestamp,
          destination: originator,
          originator: destination,
          userData,
          hash: new Uint8Array(),
          signature: new Uint8Array(),
        },
      });
    }
    return answer;
  }

  async endResponseReceived(response: Eerp | Nerp): Promise<void> {
    this.responses.push(response);
  }
}
