import assert from "node:assert/strict";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import { cipherSuite, open, seal } from "@waybill/cms-security";

async function newStation(name: string) {
  const key = await generateKeyPair({ type: "rsa", bits: 2048 });
  return { certificate: await createSelfSignedCertificate({ subject: `CN=${name}`, key }), key };
}

const folder = await mkdtemp(join(tmpdir(), "waybill-cms-"));
const path = (name: string) => join(folder, name);
await writeFile(path("part.step"), "CAD data\n".repeat(100_000));
const sender = await newStation("sender");
const receiver = await newStation("receiver");

// Sign, compress, encrypt: any size, in constant memory.
const sealed = seal(createReadStream(path("part.step")), {
  suite: cipherSuite(6),
  sign: { signers: [sender] },
  compress: true,
  encrypt: { recipients: [receiver.certificate] },
});
await pipeline(sealed, createWriteStream(path("part.cms")));

// And back. Until `result` is there, nobody knows whether what was written is worth anything.
const message = open(createReadStream(path("part.cms")), {
  keys: [receiver],
  signers: [sender.certificate],
  expect: { signed: true, compressed: true, encrypted: true },
  limits: { contentBytes: 900_000 },
});
await pipeline(message.content, createWriteStream(path("received.part")));
const { signer } = await message.result;
await rename(path("received.part"), path("received.step"));

assert.equal(signer?.subject.text, "CN=sender");
assert.deepEqual(await readFile(path("received.step")), await readFile(path("part.step")));
await rm(folder, { recursive: true });
