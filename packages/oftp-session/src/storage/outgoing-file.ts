import { optionError } from "@waybill/net-core";
import type { FileFormat, VirtualFileId } from "@waybill/oftp-codec";
import type { FileSecurity, FileTotals, OutgoingFile } from "../user-monitor.js";
import { type ContentSource, fileSource, memorySource } from "./content-source.js";
import { recordContent } from "./record-content.js";
import { MAX_FIXED_RECORD, MAX_VARIABLE_RECORD, mappingFor, type RecordMapping } from "./record-mapping.js";

/** What an SFID says of a file beside its size. */
export interface OutgoingFileOptions extends VirtualFileId {
  readonly format: FileFormat;
  /**
   * Octets of a record. F with the mapping `fixed`: required. F as lines: default the length of the first line. V: default the
   * length of the longest record, at most 65535.
   */
  readonly maxRecordSize?: number | undefined;
  /** How records are found: default `lines` for V, `fixed` for F. */
  readonly recordMapping?: RecordMapping | undefined;
  /** Default empty. */
  readonly userData?: string;
  /** Default empty. */
  readonly description?: string;
  /**
   * What was done to the content before: default nothing. An enveloped file has no records, whatever its format is: its octets
   * are sent as they are, and `maxRecordSize` is only told.
   */
  readonly security?: FileSecurity;
  /** What an earlier session sent of it. */
  readonly sentBefore?: FileTotals | undefined;
  /** The file's `fingerprint` then: when it is another one now, `sentBefore` does not count. */
  readonly sentFingerprint?: string | undefined;
}

/** An {@link OutgoingFile} that knows whether it is the one of an earlier session. */
export interface LocalOutgoingFile extends OutgoingFile {
  /** Changes when the content does: keep it beside what was sent. */
  readonly fingerprint: string;
}

/** Options of {@link localOutgoingFile}. */
export interface LocalOutgoingFileOptions extends OutgoingFileOptions {
  readonly path: string;
}

const NO_SECURITY: FileSecurity = {
  securityLevel: 0,
  cipherSuite: 0,
  compressed: false,
  enveloped: false,
  signedReceipt: false,
};

/**
 * A file on disk to be sent. `size` and `totals.octets` are the octets of user data: for V without the record lengths, for
 * `lines` without the line ends. For F and V it is read once here, except F with `fixed`.
 *
 * Whoever reads it must find exactly what was there when this was called: length, time of modification and inode are
 * compared before and after, and no more than `size` is read.
 *
 * Errors: `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_RECORD_LENGTH`, `ERR_OPTION_INVALID`; from `open` and while it is read
 * `ERR_OFTP_FILE_CHANGED` and `ERR_OFTP_FILE_UNREADABLE`.
 */
export async function localOutgoingFile(options: LocalOutgoingFileOptions): Promise<LocalOutgoingFile> {
  checkOptions(options);
  return outgoingFile(await fileSource(options.path), options);
}

/** Options of {@link bufferOutgoingFile}. */
export interface BufferOutgoingFileOptions extends OutgoingFileOptions {
  /** Text is sent as UTF-8. Octets must not be changed while they are sent. */
  readonly content: Uint8Array | string;
}

/** The same from memory. Errors: `ERR_OFTP_RECORD_LENGTH`, `ERR_OPTION_INVALID`. */
export async function bufferOutgoingFile(options: BufferOutgoingFileOptions): Promise<LocalOutgoingFile> {
  checkOptions(options);
  const { content } = options;
  return outgoingFile(memorySource(typeof content === "string" ? Buffer.from(content) : content), options);
}

async function outgoingFile(source: ContentSource, options: OutgoingFileOptions): Promise<LocalOutgoingFile> {
  const { format, sentFingerprint, sentBefore, security = NO_SECURITY } = options;
  const mapping = security.enveloped ? "none" : mappingFor(format, options.recordMapping);
  const { totals, maxRecordSize, read } = await recordContent(source, format, mapping, options.maxRecordSize);
  const sameAsBefore = sentFingerprint === undefined || sentFingerprint === source.fingerprint;
  return {
    datasetName: options.datasetName,
    timestamp: options.timestamp,
    destination: options.destination,
    originator: options.originator,
    userData: options.userData ?? "",
    format,
    maxRecordSize,
    description: options.description ?? "",
    size: totals.octets,
    originalSize: totals.octets,
    security,
    totals,
    sentBefore: sameAsBefore ? sentBefore : undefined,
    fingerprint: source.fingerprint,
    async open(offset) {
      await source.check();
      return read(offset);
    },
  };
}

function checkOptions({ format, maxRecordSize, recordMapping, security }: OutgoingFileOptions): void {
  if (security?.enveloped === true) return;
  const mapping = mappingFor(format, recordMapping);
  if (mapping === "none") {
    if ((maxRecordSize ?? 0) !== 0) throw optionError("maxRecordSize", `must be 0 for format ${format}`);
    return;
  }
  if (maxRecordSize === undefined) {
    if (mapping === "fixed") throw optionError("maxRecordSize", "is required for format F");
    return;
  }
  const most = format === "V" ? MAX_VARIABLE_RECORD : MAX_FIXED_RECORD;
  if (Number.isInteger(maxRecordSize) && maxRecordSize >= 1 && maxRecordSize <= most) return;
  throw optionError("maxRecordSize", `must be an integer from 1 to ${most} for format ${format}`);
}
