import { pbkdf2Sync } from "node:crypto";
import { beforeAll, expect, test } from "@jest/globals";
import { type ProgramResult, runProgram } from "@waybill/testing";
import { formatPem } from "../src/pem.js";
import {
  certificate,
  dsaSpki,
  encryptedPkcs8,
  INFINITY,
  jwk,
  LONG_SCALAR,
  PADDED_SCALAR,
  PASSPHRASE,
  POINT,
  pkcs8,
  request,
  SCALAR,
  sec1,
  spki,
  traditionalPem,
} from "./ec-guard-keys.js";

/*
 * Each of the bad keys ended the process at some place. So a program of its own looks at them, with the built package, and
 * prints what came of it.
 */

type Reader = "publicKey" | "privateKey" | "store" | "certificate" | "request" | "deriveSecret";

interface Case {
  readonly reader: Reader;
  readonly name: string;
  readonly data: string | Buffer;
  readonly outcome: unknown;
}

const PROGRAM = `
import { createPublicKey } from "node:crypto";
import { text } from "node:stream/consumers";
const { entry, signatures, passphrase, sound, cases } = JSON.parse(await text(process.stdin));
const { describeCertificate, openStore, parseCertificate, parsePrivateKey, parsePublicKey, readCertificateRequest } = await import(entry);
const { isSignature } = await import(signatures);
const code = (run) => {
  try {
    return run();
  } catch (error) {
    return error.code;
  }
};
const readers = {
  publicKey: (data) => parsePublicKey(data).type,
  privateKey: async (data) => (await parsePrivateKey(data, { passphrase })).type,
  store: async (data) => {
    const [entry] = (await openStore({ data }, { password: passphrase })).entries;
    return entry.publicKey?.type ?? entry.certificate?.keyAlgorithm;
  },
  certificate: (data) => {
    const certificate = parseCertificate(data);
    const bare = { keyType: "ec", hash: "sha256", pss: false };
    return {
      publicKey: code(() => certificate.publicKey.asymmetricKeyDetails.namedCurve),
      sshKey: certificate.sshKey?.type,
      signed: certificate.isSignedBy(certificate),
      listed: isSignature(bare, "x", Buffer.alloc(64, 1), certificate),
      described: describeCertificate(certificate).keyAlgorithm,
    };
  },
  request: (data) => {
    const request = readCertificateRequest(data);
    return {
      publicKey: code(() => request.publicKey.asymmetricKeyDetails.namedCurve),
      signed: request.verifySignature(),
    };
  },
  deriveSecret: async (data) => {
    const key = await parsePrivateKey(Buffer.from(sound, "base64"));
    return (await key.deriveSecret(createPublicKey({ key: data, format: "der", type: "spki" }))).length;
  },
};
for (const { reader, data } of cases) {
  let outcome;
  try {
    outcome = await readers[reader](Buffer.from(data, "base64"));
  } catch (error) {
    outcome = error.code ?? error.stack;
  }
  console.log(JSON.stringify({ outcome }));
}
`;

const derive = (salt: Buffer, rounds: number) => pbkdf2Sync(PASSPHRASE, salt, rounds, 16, "sha1");
const shapesOf = (scalar: Buffer, point: Buffer): [name: string, data: string | Buffer][] => [
  ["SEC 1", sec1(scalar, point)],
  ["SEC 1 in PEM", formatPem("EC PRIVATE KEY", sec1(scalar, point))],
  ["encrypted traditional PEM", traditionalPem(sec1(scalar, point))],
  ["PKCS#8", pkcs8(scalar, point)],
  ["PKCS#8 in PEM", formatPem("PRIVATE KEY", pkcs8(scalar, point))],
  ["encrypted PKCS#8", encryptedPkcs8(pkcs8(scalar, point), derive)],
];

function casesOf(
  of: string,
  scalar: Buffer,
  point: Buffer,
  outcome: Record<"key" | "store", string>,
): Case[] {
  return shapesOf(scalar, point).flatMap(([name, data]) => [
    { reader: "privateKey", name: `${name}, ${of}`, data, outcome: outcome.key },
    { reader: "store", name: `${name}, ${of}`, data, outcome: outcome.store },
  ]);
}

const P256 = "ecdsa-sha2-nistp256";
const DAMAGED = { key: "ERR_KEY_DAMAGED", store: "ERR_STORE_DAMAGED" };
const SOUND = { key: P256, store: P256 };
const nobody = spki(INFINITY);
const publicPem = formatPem("PUBLIC KEY", nobody);
const certificatePem = formatPem("CERTIFICATE", certificate(nobody));
const longJwk = JSON.stringify({ ...jwk, d: LONG_SCALAR.toString("base64url") });
const unusable = { publicKey: "ERR_KEY_UNSUPPORTED", signed: false };
const shown = { ...unusable, listed: false, described: "EC P-256" };
const usable = { publicKey: "prime256v1", signed: false };

const cases: Case[] = [
  { reader: "publicKey", name: "SPKI at infinity", data: nobody, outcome: DAMAGED.key },
  { reader: "publicKey", name: "SPKI at infinity in PEM", data: publicPem, outcome: DAMAGED.key },
  { reader: "publicKey", name: "certificate at infinity", data: certificate(nobody), outcome: DAMAGED.key },
  { reader: "publicKey", name: "certificate at infinity in PEM", data: certificatePem, outcome: DAMAGED.key },
  { reader: "store", name: "SPKI at infinity", data: nobody, outcome: DAMAGED.store },
  { reader: "store", name: "SPKI at infinity in PEM", data: publicPem, outcome: DAMAGED.store },
  // As with a point beside the curve: what is in the certificate can be seen, the key cannot be used.
  { reader: "store", name: "certificate at infinity", data: certificate(nobody), outcome: "EC P-256" },
  { reader: "store", name: "JSON web key, a long number", data: longJwk, outcome: DAMAGED.store },
  { reader: "certificate", name: "at infinity", data: certificate(nobody), outcome: shown },
  {
    reader: "certificate",
    name: "DSA with a negative number",
    data: certificate(dsaSpki("ff")),
    outcome: "ERR_CERT_DAMAGED",
  },
  { reader: "request", name: "at infinity", data: request(nobody), outcome: unusable },
  {
    reader: "request",
    name: "DSA with a negative number",
    data: request(dsaSpki("ff")),
    outcome: "ERR_CERT_DAMAGED",
  },
  { reader: "deriveSecret", name: "with infinity", data: nobody, outcome: "ERR_KEY_DECRYPT" },
  {
    reader: "deriveSecret",
    name: "with DSA and a negative number",
    data: dsaSpki("ff"),
    outcome: "ERR_KEY_DECRYPT",
  },
  ...casesOf("a point at infinity", SCALAR, INFINITY, DAMAGED),
  ...casesOf("a long number", LONG_SCALAR, POINT, DAMAGED),
  // Sound ones pass.
  ...casesOf("sound", SCALAR, POINT, SOUND),
  ...casesOf("sound with zeros before the number", PADDED_SCALAR, POINT, SOUND),
  { reader: "publicKey", name: "sound SPKI", data: spki(POINT), outcome: P256 },
  { reader: "publicKey", name: "sound certificate", data: certificate(spki(POINT)), outcome: P256 },
  { reader: "store", name: "sound certificate", data: certificate(spki(POINT)), outcome: P256 },
  { reader: "store", name: "sound JSON web key", data: JSON.stringify(jwk), outcome: P256 },
  {
    reader: "certificate",
    name: "sound",
    data: certificate(spki(POINT)),
    outcome: { ...shown, ...usable, sshKey: P256 },
  },
  { reader: "request", name: "sound", data: request(spki(POINT)), outcome: usable },
  { reader: "deriveSecret", name: "sound", data: spki(POINT), outcome: 32 },
];

let ended: ProgramResult;

beforeAll(async () => {
  const built = (path: string) => new URL(`../dist/${path}`, import.meta.url).href;
  const input = {
    entry: built("index.js"),
    signatures: built("trust-list/signature-algorithms.js"),
    passphrase: PASSPHRASE,
    sound: sec1(SCALAR, POINT).toString("base64"),
    cases: cases.map(({ reader, data }) => ({ reader, data: Buffer.from(data).toString("base64") })),
  };
  ended = await runProgram(process.execPath, ["--input-type=module", "--eval", PROGRAM], {
    input: JSON.stringify(input),
    timeoutMs: 20_000,
  });
});

test("the program reaches its end", () => {
  expect(ended).toMatchObject({ code: 0, signal: null });
});

test.each(cases.map((each, index) => ({ ...each, index })))("$reader: $name", ({ index, outcome }) => {
  // A line that is missing is where the program ended.
  const line = ended.stdout.split("\n")[index] ?? "";
  expect(line === "" ? ended.signal : JSON.parse(line)).toEqual({ outcome });
});
