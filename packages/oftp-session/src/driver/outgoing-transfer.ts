import { TransferError } from "@waybill/net-core";
import {
  BLOCK_SIZE,
  countsAtRestart,
  DataBufferEncoder,
  type DataBufferPool,
  type FileFormat,
  restartPositionAt,
  type Sfid,
  sizeInBlocks,
} from "@waybill/oftp-codec";
import type { NegotiatedSession } from "../machine/index.js";
import type { FileTotals, OutgoingFile } from "../user-monitor.js";
import { RecordReader } from "./record-lengths.js";

const NOTHING: FileTotals = { records: 0, octets: 0 };

/** The SFID of a file in this session. */
export function sfidOf(file: OutgoingFile, { restart }: NegotiatedSession): Sfid {
  const { security } = file;
  const { records, octets } = (restart ? file.sentBefore : undefined) ?? NOTHING;
  const format = formatOnWire(file);
  return {
    kind: "SFID",
    datasetName: file.datasetName,
    timestamp: file.timestamp,
    userData: file.userData,
    destination: file.destination,
    originator: file.originator,
    format: file.format,
    maxRecordSize: file.maxRecordSize,
    fileSize: sizeInBlocks(file.size),
    originalFileSize: sizeInBlocks(file.originalSize),
    restartPosition: restartPositionAt(format, { recordCount: records, unitCount: octets }),
    securityLevel: security.securityLevel,
    cipherSuite: security.cipherSuite,
    compression: security.compressed ? 1 : 0,
    envelope: security.enveloped ? 1 : 0,
    signedReceipt: security.signedReceipt,
    description: file.description,
  };
}

function formatOnWire(file: OutgoingFile): FileFormat {
  return file.security.enveloped ? "U" : file.format;
}

/** Where the buffers of a transfer go. */
export interface BufferOutlet {
  /** Sends one data exchange buffer, header included, if credit and socket allow it now. */
  trySend(framed: Buffer): boolean;
  /** Resolves when it is worth trying again. Rejects when the session has ended. */
  ready(): Promise<void>;
  /** What is sent between these two calls leaves together. */
  cork(): void;
  uncork(): void;
}

/** Octets that are encoded while credit is awaited, so that they can go as soon as it comes. */
const AHEAD_OCTETS = 1024 * 1024;

/** A file on its way out: its content in data exchange buffers. */
export class OutgoingTransfer {
  readonly #file: OutgoingFile;
  readonly #encoder: DataBufferEncoder;
  readonly #startOctets: number;
  /** Records of format V that lie before the restart position and are read over. */
  #skip: number;
  #skippedRecords = 0;
  #skippedOctets = 0;
  readonly #outlet: BufferOutlet;
  /** Encoded, in order, and how many of them have been sent. */
  #ahead: Buffer[] = [];
  #sent = 0;
  #pumping = false;
  readonly #maxAhead: number;

  /** `position`: the restart position that the partner has answered. */
  constructor(
    file: OutgoingFile,
    position: number,
    session: NegotiatedSession,
    pool: DataBufferPool,
    outlet: BufferOutlet,
  ) {
    const format = formatOnWire(file);
    this.#file = file;
    this.#outlet = outlet;
    this.#maxAhead = Math.max(1, Math.floor(AHEAD_OCTETS / session.bufferSize));
    this.#skip = format === "V" ? position : 0;
    const startAt = countsAtRestart(format, format === "V" ? 0 : position, file.maxRecordSize);
    this.#startOctets = startAt.unitCount;
    this.#encoder = new DataBufferEncoder({
      bufferSize: session.bufferSize,
      compression: session.compression,
      format,
      maxRecordSize: file.maxRecordSize,
      startAt,
      pool,
    });
  }

  /** What is encoded, for the most part on its way; what lies before the restart position included. */
  get totals(): FileTotals {
    const { recordCount, unitCount } = this.#encoder;
    return { records: recordCount + this.#skippedRecords, octets: unitCount + this.#skippedOctets };
  }

  /**
   * Sends the content to its end.
   * Errors: `ERR_OFTP_FILE_CHANGED` when it is not as long as the file's totals say; `ERR_OFTP_RECORD_LENGTH`; those of the
   * content and of the outlet.
   */
  async send(onProgress: (octets: number) => void): Promise<FileTotals> {
    const encoder = this.#encoder;
    const records = this.#recordReader();
    const content = await this.#file.open(this.#startOctets);
    for await (const chunk of content) {
      if (records === undefined) encoder.write(chunk);
      else records.push(chunk);
      await this.#sendComplete();
      this.#checkNotLonger();
      onProgress(this.totals.octets);
    }
    records?.end();
    encoder.end();
    await this.#sendComplete();
    while (this.#waiting > 0) {
      await this.#outlet.ready();
      this.pump();
    }
    const { records: sentRecords, octets } = this.totals;
    const { totals } = this.#file;
    if (octets !== totals.octets || sentRecords !== totals.records) throw this.#changed();
    return { records: sentRecords, octets };
  }

  #recordReader(): RecordReader | undefined {
    if (formatOnWire(this.#file) !== "V") return undefined;
    return new RecordReader((octets, endOfRecord) => {
      if (this.#skip === 0) {
        this.#encoder.writeRecordPart(octets, endOfRecord);
        return;
      }
      this.#skippedOctets += octets.length;
      if (!endOfRecord) return;
      this.#skip -= 1;
      this.#skippedRecords += 1;
    });
  }

  /** Sends as much of what is encoded as goes out now. */
  pump(): void {
    // Each buffer that is sent brings a confirmation, which may lead here again.
    if (this.#waiting === 0 || this.#pumping) return;
    const outlet = this.#outlet;
    this.#pumping = true;
    outlet.cork();
    try {
      while (this.#waiting > 0 && outlet.trySend(this.#ahead[this.#sent]!)) this.#sent += 1;
    } finally {
      this.#pumping = false;
      outlet.uncork();
    }
    if (this.#sent < this.#maxAhead && this.#waiting > 0) return;
    this.#ahead.splice(0, this.#sent);
    this.#sent = 0;
  }

  /** Whether {@link pump} is at work. */
  get pumping(): boolean {
    return this.#pumping;
  }

  get #waiting(): number {
    return this.#ahead.length - this.#sent;
  }

  /** Encodes what was written, sends it, and waits where too much of it is left. */
  async #sendComplete(): Promise<void> {
    for (let framed = this.#encoder.next(); framed !== undefined; framed = this.#encoder.next()) {
      this.#ahead.push(framed);
      if (this.#waiting < this.#maxAhead) continue;
      this.pump();
      while (this.#waiting >= this.#maxAhead) {
        await this.#outlet.ready();
        this.pump();
      }
    }
    this.pump();
  }

  #checkNotLonger(): void {
    const { records, octets } = this.totals;
    const { totals } = this.#file;
    if (octets > totals.octets || records > totals.records) throw this.#changed();
  }

  #changed(): TransferError {
    return new TransferError(
      "ERR_OFTP_FILE_CHANGED",
      `${this.#file.datasetName} does not have the ${this.#file.totals.octets} octets that it had before it was sent`,
    );
  }
}

/** Octets of a file that lie before a restart position, for progress. */
export function octetsBefore(sfid: Sfid, position: number): number {
  if (sfid.format === "F" && sfid.envelope === 0) return position * sfid.maxRecordSize;
  return sfid.format === "V" && sfid.envelope === 0 ? 0 : position * BLOCK_SIZE;
}
