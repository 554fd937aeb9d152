import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Certificate,
  createSelfSignedCertificate,
  derBitString,
  derOid,
  derSequence,
  derTime,
  encodeDer,
  generateKeyPair,
} from "@waybill/cert-store";
import { type Identity, issue, storeFile } from "./cert-fixtures.js";

export const STORE_PASSWORD = "pw of the store";

/** Certificates of two stations from one authority, and files with them. */
export interface SecurityFiles {
  readonly root: Identity;
  readonly ours: Identity;
  readonly acme: Identity;
}

/**
 * In the folder: `root.pem`; `our.p12` with {@link STORE_PASSWORD} and `our.cer`; `acme.pem` with `acme.key` beside it, and
 * `acme.cer`.
 */
export async function securityFiles(folder: string): Promise<SecurityFiles> {
  const rootKey = await generateKeyPair({ type: "ec" });
  const root = {
    key: rootKey,
    certificate: await createSelfSignedCertificate({ key: rootKey, subject: "CN=Test Root", ca: {} }),
  };
  const [ours, acme] = await Promise.all([
    stationCertificate("CN=our station,O=Waybill", root),
    stationCertificate("CN=acme station,O=Acme", root),
  ]);
  const write = (name: string, certificate: Certificate) => writeFile(join(folder, name), certificate.pem);
  await Promise.all([write("root.pem", root.certificate), write("our.cer", ours.certificate)]);
  await Promise.all([write("acme.pem", acme.certificate), write("acme.cer", acme.certificate)]);
  await writeFile(join(folder, "acme.key"), acme.key.keyObject.export({ format: "pem", type: "pkcs8" }));
  const entry = { certificate: ours.certificate, privateKey: ours.key, chain: [root.certificate] };
  await storeFile(folder, "our.p12", "pkcs12", [entry], STORE_PASSWORD);
  return { root, ours, acme };
}

/** RSA: the cipher suites' keys. */
export async function stationCertificate(subject: string, issuer: Identity): Promise<Identity> {
  return issue(subject, issuer, {}, await generateKeyPair({ type: "rsa", bits: 2048 }));
}

const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const INTEGER = 0x02;
const HOUR_MS = 3_600_000;

/** Writes a list of the revoked certificates of an authority with an EC key, DER, valid for an hour (RFC 5280 section 5.1). */
export async function writeCrl(
  path: string,
  { certificate, key }: Identity,
  revoked: readonly Certificate[],
): Promise<void> {
  const now = Date.now();
  const algorithm = derSequence(derOid(ECDSA_WITH_SHA256));
  const entries = revoked.map(({ serialNumber }) =>
    derSequence(integer(Buffer.from(serialNumber, "hex")), derTime(new Date(now - HOUR_MS))),
  );
  const list = derSequence(
    algorithm,
    certificate.subject.der,
    derTime(new Date(now - 1000)),
    derTime(new Date(now + HOUR_MS)),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
  );
  const signature = Buffer.from(await key.signWith(list, { hash: "sha256" }));
  await writeFile(path, derSequence(list, algorithm, derBitString(signature)));
}

/** Serial numbers are positive. */
function integer(octets: Buffer): Buffer {
  const isNegative = ((octets[0] ?? 0) & 0x80) !== 0;
  return encodeDer(INTEGER, isNegative ? Buffer.concat([Buffer.of(0), octets]) : octets);
}
