import { fileSource } from "../storage/content-source.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { ReceivedRecord } from "./received-files.js";

/** The entry of the queue for a file that another station sent and that is passed on as it came. */
export async function relayedFile(
  key: string,
  { path, sfid, totals }: ReceivedRecord,
  next: Partner,
): Promise<QueuedFile> {
  const { fingerprint } = await fileSource(path);
  return {
    fingerprint,
    key: `relay ${key}`,
    partner: next.name,
    path,
    datasetName: sfid.datasetName,
    timestamp: sfid.timestamp,
    destination: sfid.destination,
    originator: sfid.originator,
    userData: sfid.userData,
    description: sfid.description,
    format: sfid.format,
    maxRecordSize: sfid.maxRecordSize,
    recordMapping: sfid.format === "V" && sfid.envelope === 0 ? "length-prefixed" : undefined,
    afterSending: "remove",
    relayed: true,
    security: {
      securityLevel: sfid.securityLevel,
      cipherSuite: sfid.cipherSuite,
      compressed: sfid.compression !== 0,
      enveloped: sfid.envelope !== 0,
      signedReceipt: sfid.signedReceipt,
    },
    originalSize: sfid.envelope === 0 ? totals.octets : sfid.originalFileSize * 1024,
  };
}
