import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  openStore,
  selectEntry,
  verifyCertificate,
  writeStore,
} from "@waybill/cert-store";

const folder = await mkdtemp(join(tmpdir(), "waybill-certificates-"));

// An authority, and a partner's certificate from it.
const rootKey = await generateKeyPair({ type: "ec" });
const root = await createSelfSignedCertificate({ key: rootKey, subject: "CN=Our Root", ca: {} });
const key = await generateKeyPair({ type: "rsa", bits: 2048 });
const certificate = await issueCertificate({
  issuer: { certificate: root, key: rootKey },
  subject: "CN=oftp.example.com,O=Example",
  subjectAltNames: [{ kind: "dns", value: "oftp.example.com" }],
  extendedKeyUsage: ["serverAuth", "clientAuth"],
  publicKeyDer: key.publicKey.keyObject.export({ format: "der", type: "spki" }),
});
const entries = [{ alias: "partner", certificate, privateKey: key, chain: [root] }];
await writeFile(
  join(folder, "partner.p12"),
  await writeStore({ format: "pkcs12", entries, passphrase: "secret" }),
);

// Any format, found by looking.
const store = await openStore({ path: join(folder, "partner.p12") }, { password: "secret" });
const entry = selectEntry(store, { subject: "oftp.example.com", withPrivateKey: true });
assert.equal(entry.certificate?.subject.text, "CN=oftp.example.com,O=Example");
assert.ok((await entry.privateKey?.signWith(Buffer.from("hello, partner"), { hash: "sha256" }))?.length);

const result = await verifyCertificate(certificate, { anchors: [root], purpose: "serverAuth" });
assert.ok(result.trusted);
const stranger = await verifyCertificate(certificate, { anchors: [] });
assert.deepEqual(
  stranger.failures.map(({ step, code }) => [step, code]),
  [["path", "ERR_TRUST_NO_ISSUER"]],
);

await rm(folder, { recursive: true });
