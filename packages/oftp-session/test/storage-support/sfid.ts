import type { Sfid } from "@waybill/oftp-codec";

export function sfidOf(changes: Partial<Sfid> = {}): Sfid {
  return {
    kind: "SFID",
    datasetName: "INVOICE",
    timestamp: { date: "20240229", time: "2359580042" },
    destination: "O0013000000BETA",
    originator: "O0013000000ALPHA",
    userData: "",
    format: "U",
    maxRecordSize: 0,
    fileSize: 1,
    originalFileSize: 1,
    restartPosition: 0,
    securityLevel: 0,
    cipherSuite: 0,
    compression: 0,
    envelope: 0,
    signedReceipt: false,
    description: "",
    ...changes,
  };
}

/** Octets that differ from place to place, the same each time. */
export function patterned(length: number, seed = 1): Buffer {
  const octets = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    octets[at] = state >>> 24;
  }
  return octets;
}

export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
