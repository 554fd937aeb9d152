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
  /**
   * Sends one data exchange buffer, header included, as soon as credit and socket allow. False: it can be sent only later;
   * then `ready` must be awaited before it is tried again.
   */
  trySend(framed: Buffer): boolean;
  ready(): Promise<void>;
  /** What is sent between these two calls leaves together. */
  cork(): void;
  uncork(): void;
}

/** A file on its way out: its content in data exchange buffers. */
export class OutgoingTransfer {
  readonly #file: OutgoingFile;
  readonly #encoder: DataBufferEncoder;
  readonly #startOctets: number;
  /** Records of format V that lie before the restart position and are read over. */
  #skip: number;
  #skippedRecords = 0;
  #skippedOctets = 0;

  /** `position`: the restart position that the partner has answered. */
  constructor(file: OutgoingFile, position: number, session: NegotiatedSession, pool: DataBufferPool) {
    const format = formatOnWire(file);
    this.#file = file;
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
  async send(outlet: BufferOutlet, onProgress: (octets: number) => void): Promise<FileTotals> {
    const encoder = this.#encoder;
    const records = this.#recordReader();
    const content = await this.#file.open(this.#startOctets);
    for await (const chunk of content) {
      if (records === undefined) encoder.write(chunk);
      else records.push(chunk);
      await this.#sendComplete(outlet);
      this.#checkNotLonger();
      onProgress(this.totals.octets);
    }
    records?.end();
    encoder.end();
    await this.#sendComplete(outlet);
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

  async #sendComplete(outlet: BufferOutlet): Promise<void> {
    let framed = this.#sendSome(outlet, this.#encoder.next());
    while (framed !== undefined) {
      await outlet.ready();
      framed = this.#sendSome(outlet, framed);
    }
  }

  /** Sends as much as goes out now, and gives back the first buffer that does not. */
  #sendSome(outlet: BufferOutlet, first: Buffer | undefined): Buffer | undefined {
    let framed = first;
    if (framed === undefined) return undefined;
    outlet.cork();
    try {
      while (framed !== undefined && outlet.trySend(framed)) framed = this.#encoder.next();
    } finally {
      outlet.uncork();
    }
    return framed;
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
