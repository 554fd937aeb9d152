import type { Eerp, Nerp, Sfid } from "@waybill/oftp-codec";

const NONE = new Uint8Array();

/** Destination and originator are those of the file, swapped (RFC 5024 section 5.3.13). */
export function eerpFor(sfid: Sfid): Eerp {
  const { datasetName, timestamp, userData, destination, originator } = sfid;
  return {
    kind: "EERP",
    datasetName,
    timestamp,
    userData,
    destination: originator,
    originator: destination,
    hash: NONE,
    signature: NONE,
  };
}

export function nerpFor(sfid: Sfid, creator: string, reason: number, text: string): Nerp {
  const { datasetName, timestamp, destination, originator } = sfid;
  return {
    kind: "NERP",
    datasetName,
    timestamp,
    destination: originator,
    originator: destination,
    creator,
    reason,
    text,
    hash: NONE,
    signature: NONE,
  };
}
