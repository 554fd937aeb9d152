import {
  answerReasons,
  BLOCK_SIZE,
  DataBufferDecoder,
  type FileCounts,
  type FileFormat,
  type Sfid,
} from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import { CHUNK_OCTETS, type ChunkPool } from "./chunk-pool.js";
import { LENGTH_OCTETS, RecordWriter } from "./record-lengths.js";

/** Chunks that may be with the sink or wait for it, the one that is being filled not among them. */
const MAX_WAITING_CHUNKS = 2;

const NO_CHUNK = Buffer.alloc(0);

/** A file on its way in: what data exchange buffers hold goes to the sink in large chunks. */
export class IncomingTransfer {
  readonly sfid: Sfid;
  readonly #sink: FileSink;
  readonly #decoder: DataBufferDecoder;
  readonly #records: RecordWriter | undefined;
  readonly #onRoom: () => void;
  readonly #pool: ChunkPool;
  #chunk: Buffer;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();
  #pending = 0;
  #failure: FileRefusedError | undefined;

  /** `before`: what lies before the agreed restart position. `onRoom` is called when {@link full} ends. */
  constructor(sfid: Sfid, sink: FileSink, before: FileTotals, pool: ChunkPool, onRoom: () => void) {
    const format = transmittedFormat(sfid);
    this.sfid = sfid;
    this.#sink = sink;
    this.#onRoom = onRoom;
    const startAt: FileCounts = { recordCount: before.records, unitCount: before.octets };
    this.#decoder = new DataBufferDecoder({ format, maxRecordSize: sfid.maxRecordSize, startAt });
    this.#records = format === "V" ? new RecordWriter(sfid.maxRecordSize) : undefined;
    this.#pool = pool;
    // What the partner says of the size is good enough to begin with.
    this.#chunk = pool.take(Math.min((sfid.fileSize + 1) * BLOCK_SIZE, CHUNK_OCTETS));
  }

  /** Octets so far, those before the restart position included. */
  get octets(): number {
    return this.#decoder.unitCount;
  }

  /** Whether no more data should come for now. */
  get full(): boolean {
    return this.#pending >= MAX_WAITING_CHUNKS;
  }

  /** Takes the payload of one data exchange buffer. Errors: those of `DataBufferDecoder`, which end the session. */
  data(payload: Uint8Array): void {
    if (this.#records !== undefined) {
      this.#recordData(payload, this.#records);
      return;
    }
    const needed = this.#decoder.measure(payload);
    this.#makeRoom(needed);
    this.#filled += this.#decoder.decodeInto(payload, this.#chunk, this.#filled);
  }

  /**
   * EFID: writes the rest, compares the counts and stores the file.
   * Rejects with a {@link FileRefusedError}; the file is discarded then.
   */
  async finish(totals: FileTotals): Promise<void> {
    try {
      this.#flush(0);
      await this.#writing;
      if (this.#failure !== undefined) throw this.#failure;
      this.#checkTotals(totals);
      await this.#sink.finish(totals);
    } catch (error) {
      await this.#sink.discard();
      throw refusalOf(error);
    }
  }

  /** The session ended: what has arrived is kept for a restart, unless it could not be stored anyway. */
  async interrupt(): Promise<void> {
    if (this.#failure === undefined) this.#flush(0);
    await this.#writing;
    if (this.#failure === undefined) await this.#sink.interrupt();
    else await this.#sink.discard();
  }

  #recordData(payload: Uint8Array, records: RecordWriter): void {
    const octets = this.#decoder.decode(payload);
    let start = 0;
    for (const end of this.#decoder.recordEnds) {
      if (records.begun) {
        records.add(octets.subarray(start, end));
        const record = records.finish();
        this.#makeRoom(record.length);
        this.#filled += record.copy(this.#chunk, this.#filled);
      } else {
        // Most records lie within one buffer: no detour, no views.
        const length = end - start;
        this.#makeRoom(LENGTH_OCTETS + length);
        this.#filled = this.#chunk.writeUInt16BE(length, this.#filled);
        this.#filled += octets.copy(this.#chunk, this.#filled, start, end);
      }
      start = end;
    }
    if (start < octets.length) records.add(octets.subarray(start));
  }

  #makeRoom(needed: number): void {
    if (this.#filled + needed > this.#chunk.length) this.#flush(needed);
  }

  /** Hands the chunk to the sink, and takes another one with room for `needed` octets. */
  #flush(needed: number): void {
    const chunk = this.#chunk;
    if (this.#filled > 0) {
      const filled = chunk.subarray(0, this.#filled);
      this.#pending += 1;
      this.#writing = this.#writing.then(() => this.#write(filled, chunk));
    } else {
      this.#pool.give(chunk);
    }
    // A compressed buffer can hold 31 times its own size.
    this.#chunk = needed === 0 ? NO_CHUNK : this.#pool.take(Math.max(needed, CHUNK_OCTETS));
    this.#filled = 0;
  }

  async #write(filled: Buffer, chunk: Buffer): Promise<void> {
    try {
      // What comes after a failure is read and dropped: only EFNA can tell the speaker.
      if (this.#failure === undefined) await this.#sink.write(filled);
    } catch (error) {
      this.#failure = refusalOf(error);
    }
    const wasFull = this.full;
    this.#pending -= 1;
    this.#pool.give(chunk);
    if (wasFull && !this.full) this.#onRoom();
  }

  #checkTotals(totals: FileTotals): void {
    const { recordCount, unitCount, openRecordSize } = this.#decoder;
    if (recordCount !== totals.records || openRecordSize > 0) {
      throw new FileRefusedError(
        answerReasons.invalidRecordCount.code,
        `EFID counts ${totals.records} records, ${recordCount} arrived`,
      );
    }
    if (unitCount !== totals.octets) {
      throw new FileRefusedError(
        answerReasons.invalidByteCount.code,
        `EFID counts ${totals.octets} octets, ${unitCount} arrived`,
      );
    }
  }
}

/** The format of what goes over the wire: a file in an envelope has lost its records (RFC 5024 section 6.5, SFIDFMT). */
export function transmittedFormat(sfid: Pick<Sfid, "format" | "envelope">): FileFormat {
  return sfid.envelope === 0 ? sfid.format : "U";
}
