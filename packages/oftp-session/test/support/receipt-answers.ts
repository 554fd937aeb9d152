import { createHash } from "node:crypto";
import { cipherSuite, seal } from "@waybill/cms-security";
import type { Eerp, Nerp } from "@waybill/oftp-codec";
import type { PartnerCertificate } from "@waybill/oftp-session";
import { newIdentity, type TestIdentity } from "./identities.js";
import { eerpTo, nerpTo, signed, type TakenFile, unsigned } from "./receipt-peer.js";
import { codeOf } from "./stations.js";

const DAY = 24 * 3600 * 1000;

/** Who signs end responses, or should not. */
export interface ReceiptParties {
  /** The file's sender. */
  readonly here: TestIdentity;
  readonly there: TestIdentity;
  /** Has the name of `there`. */
  readonly stranger: TestIdentity;
  /** Further ones of the partner: valid for two days, not for receipts, and not trusted by the application. */
  readonly brief: TestIdentity;
  readonly forFiles: TestIdentity;
  readonly distrusted: TestIdentity;
}

export async function newParties(): Promise<ReceiptParties> {
  const twoDays = { notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() + 2 * DAY) };
  const [here, there, stranger, brief, forFiles, distrusted] = await Promise.all([
    newIdentity("here"),
    newIdentity("there"),
    newIdentity("there"),
    newIdentity("brief", { type: "rsa", bits: 2048 }, twoDays),
    newIdentity("files"),
    newIdentity("distrusted"),
  ]);
  return { here, there, stranger, brief, forFiles, distrusted };
}

/** What the sender has of its partner. */
export function certificatesOf({
  there,
  brief,
  forFiles,
  distrusted,
}: ReceiptParties): readonly PartnerCertificate[] {
  return [
    { certificate: there.certificate },
    { certificate: brief.certificate },
    { certificate: distrusted.certificate, purposes: ["receipts"] },
    { certificate: forFiles.certificate, purposes: ["signing", "encryption"] },
  ];
}

/** What a partner says about a file. */
export type Answer = (file: TakenFile, parties: ReceiptParties) => Promise<Eerp | Nerp>;

export const rightEerp = (file: TakenFile, { there }: ReceiptParties): Promise<Eerp> =>
  signed(eerpTo(file), there);

/** The right EERP, changed after it was signed. */
export const saying =
  (changes: Partial<Eerp>) =>
  async (file: TakenFile, parties: ReceiptParties): Promise<Eerp> => ({
    ...(await rightEerp(file, parties)),
    ...changes,
  });

export const signedBy =
  (who: keyof ReceiptParties): Answer =>
  (file, parties) =>
    signed(eerpTo(file), parties[who]);

/** The right EERP, signed as if it said something else. */
const signing =
  (signs: Partial<Eerp>): Answer =>
  (file, { there }) =>
    signed(eerpTo(file), there, signs);

const aboutContent =
  (content: string): Answer =>
  (file, parties) =>
    rightEerp({ ...file, octets: Buffer.from(content) }, parties);

const withHash =
  (name: string): Answer =>
  (file, { there }) =>
    signed(eerpTo(file, name), there);

const otherHash = (name: string) => createHash(name).update("other content").digest();

/** Answers that prove nothing, with the ends of the codes that say so. `content`: of the file before it was sealed. */
export const wrongAnswers = (content: string): readonly (readonly [string, code: string, Answer])[] => [
  ["an EERP without a signature", "UNSIGNED", async (file) => unsigned(eerpTo(file))],
  ["an EERP with a hash only", "UNSIGNED", async (file) => eerpTo(file)],
  ["a NERP without a signature", "UNSIGNED", async (file) => unsigned(nerpTo(file))],
  ["signed by a stranger of the same name", "SIGNER", signedBy("stranger")],
  ["signed by this station itself", "SIGNER", signedBy("here")],
  ["signed with a key for files only", "SIGNER", signedBy("forFiles")],
  ["signed by a certificate that is not trusted", "SIGNER_REFUSED", signedBy("distrusted")],
  ["signed with SHA-1", "WEAK", weak],
  ["for another file name", "CONTENT", signing({ datasetName: "OTHER" })],
  ["for another date", "CONTENT", signing({ timestamp: { date: "20010203", time: "0405060001" } })],
  ["for another destination", "CONTENT", signing({ destination: codeOf("other") })],
  ["by another originator", "CONTENT", signing({ originator: codeOf("other") })],
  ["signed over another hash", "CONTENT", signing({ hash: otherHash("sha256") })],
  ["signed over another kind of hash", "CONTENT", signing({ hash: otherHash("sha512") })],
  ["with another hash around a right signature", "HASH", saying({ hash: otherHash("sha256") })],
  ["for other content", "HASH", aboutContent("other")],
  ["for the content before it was sealed", "HASH", aboutContent(content)],
  ["with no hash around a right signature", "HASH", saying({ hash: new Uint8Array() })],
  ["with a hash of SHA-512", "HASH_ALGORITHM", withHash("sha512")],
  ["with a hash of SHA-1", "HASH_ALGORITHM", withHash("sha1")],
  ["with a signature that is none", "DAMAGED", saying({ signature: Buffer.from("signature") })],
  ["with an encrypted signature", "DAMAGED", encrypted],
  ["with the signature of an EERP in a NERP", "CONTENT", nerpWithSignatureOfEerp],
  ["with the signature of a NERP in an EERP", "CONTENT", eerpWithSignatureOfNerp],
  ["without the counter of the time stamp", "DATE", withoutCounter],
];

function weak(file: TakenFile, { there }: ReceiptParties): Promise<Eerp> {
  return signed(eerpTo(file), there, {}, { suite: cipherSuite(2), allowWeak: true });
}

async function encrypted(file: TakenFile, { here, there }: ReceiptParties): Promise<Eerp> {
  const pieces: Uint8Array[] = [];
  const sealed = seal(contentOf("x"), {
    sign: { signers: [there] },
    encrypt: { recipients: [here.certificate] },
  });
  for await (const piece of sealed) pieces.push(piece);
  return { ...eerpTo(file), signature: Buffer.concat(pieces) };
}

async function* contentOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function nerpWithSignatureOfEerp(file: TakenFile, { there }: ReceiptParties): Promise<Nerp> {
  const { signature } = await signed(eerpTo(file), there);
  return { ...nerpTo(file), signature };
}

async function eerpWithSignatureOfNerp(file: TakenFile, { there }: ReceiptParties): Promise<Eerp> {
  const { signature } = await signed(nerpTo(file), there);
  return { ...eerpTo(file), signature };
}

/** As a station below level 4 would name the file. */
function withoutCounter(file: TakenFile, { there }: ReceiptParties): Promise<Eerp> {
  const response = eerpTo(file);
  const { date, time } = response.timestamp;
  return signed({ ...response, timestamp: { date, time: `${time.slice(0, 6)}0000` } }, there);
}
