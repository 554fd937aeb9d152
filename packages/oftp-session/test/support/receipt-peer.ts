import { createHash } from "node:crypto";
import { type Identity, type SignReceiptOptions, signReceipt } from "@waybill/cms-security";
import type { Eerp, Nerp, Sfid } from "@waybill/oftp-codec";
import type { OftpStation, Partner } from "@waybill/oftp-session";
import { RawPeer } from "./raw-peer.js";
import { contentOf } from "./receipt-wire.js";
import { socketPair } from "./socket-pair.js";
import { rawCaller } from "./stations.js";

const NONE = new Uint8Array();

/** A file that a raw peer took: what was announced, and what came. */
export interface TakenFile {
  readonly sfid: Sfid;
  readonly octets: Buffer;
}

/** Lets a station send its only file to a peer that takes it; `confirm` false: and is gone before it says EFPA. */
export async function takeFile(
  station: OftpStation,
  partner: Partner,
  { confirm = true }: { readonly confirm?: boolean } = {},
): Promise<TakenFile> {
  const { near, far } = await socketPair();
  const session = station.initiate(partner, near);
  const peer = new RawPeer(far);
  // Credit for more than tests send.
  const { ssid: code, password } = partner;
  await peer.answer({ code, password, bufferSize: 32_768, credit: 99 });
  const sfid = await peer.receive("SFID");
  peer.send({ kind: "SFPA", restartPosition: 0 });
  const parts: Buffer[] = [];
  let command = await peer.next();
  for (; command?.kind === "DATA"; command = await peer.next()) {
    parts.push(contentOf(command.payload));
  }
  if (command?.kind !== "EFID") throw new Error(`expected EFID, got ${JSON.stringify(command)}`);
  if (confirm) {
    peer.send({ kind: "EFPA", changeDirection: false });
    await peer.receive("CD");
  }
  await peer.close();
  await session.ended;
  return { sfid, octets: Buffer.concat(parts) };
}

/** A peer that has called a station and has the turn: it says what a test tells it to. */
export async function speakingPeer(station: OftpStation, { ssid, password }: Partner): Promise<RawPeer> {
  const { peer } = await rawCaller(station);
  await peer.call({ code: ssid, password, bufferSize: 32_768 });
  return peer;
}

/** What an EERP and a NERP for a file have in common, without a signature. */
function answerTo({ sfid, octets }: TakenFile, hash: string) {
  const { datasetName, timestamp, destination, originator } = sfid;
  return {
    datasetName,
    timestamp,
    destination: originator,
    originator: destination,
    hash: createHash(hash).update(octets).digest(),
    signature: NONE,
  };
}

/** The EERP for a file, with its hash, still to be signed. */
export function eerpTo(file: TakenFile, hash = "sha256"): Eerp {
  return { kind: "EERP", ...answerTo(file, hash), userData: file.sfid.userData };
}

/** The NERP for a file, with its hash, still to be signed. */
export function nerpTo(file: TakenFile, hash = "sha256"): Nerp {
  const { destination: creator } = file.sfid;
  return { kind: "NERP", ...answerTo(file, hash), creator, reason: 34, text: "no order" };
}

/** Signs a response. `signs`: what is signed in place of what the fields around it say. */
export async function signed<R extends Eerp | Nerp>(
  response: R,
  identity: Identity,
  signs: Partial<R> = {},
  options: Partial<SignReceiptOptions> = {},
): Promise<R> {
  const { signature } = await signReceipt({ ...response, ...signs }, { ...identity, ...options });
  return { ...response, signature };
}

/** Takes hash and signature away. */
export function unsigned<R extends Eerp | Nerp>(response: R): R {
  return { ...response, hash: NONE, signature: NONE };
}
