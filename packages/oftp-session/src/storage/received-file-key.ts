import { createHash } from "node:crypto";
import type { FileFormat, Sfid } from "@waybill/oftp-codec";

/** What an SFID says that tells whether two transfers are of the same file. */
export type ReceivedFileIdentity = Pick<
  Sfid,
  "datasetName" | "timestamp" | "originator" | "destination" | "format" | "maxRecordSize" | "envelope"
>;

/**
 * A key for what one SFID announces: 40 hexadecimal digits from dataset name, date, time, originator, destination, format,
 * record size and whether it is enveloped. The same for each attempt to send the same file.
 */
export function receivedFileKey(identity: ReceivedFileIdentity): string {
  const { datasetName, timestamp, originator, destination, format, maxRecordSize, envelope } = identity;
  const fields = [
    datasetName,
    timestamp.date,
    timestamp.time,
    originator,
    destination,
    format,
    maxRecordSize,
    envelope,
  ];
  return createHash("sha256").update(JSON.stringify(fields)).digest("hex").slice(0, 40);
}

/** An enveloped file has no records on the wire (RFC 5024 section 6.2). */
export function wireFormat({ format, envelope }: Pick<Sfid, "format" | "envelope">): FileFormat {
  return envelope === 0 ? format : "U";
}
