import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import {
  type CipherSuite,
  cipherSuite,
  type Identity,
  type OpenResult,
  open,
  seal,
} from "@waybill/cms-security";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";

const MEBIBYTE = 2 ** 20;
const BLOCK = contentBlock();
/** While a GiB is sealed, in a process that does much else: what the write stream and the garbage collector keep counts too. */
const MOST_MEMORY_GROWTH = 96 * MEBIBYTE;
const TIMEOUT_MS = 300_000;

// Small sizes, and every other suite and key, are tested in packages/cms-security.
describeWithPeers("openssl cms with large files", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let identity: Identity;

  beforeAll(async () => {
    folder = await temporaryFolder("waybill-cms-large-");
    const key = await generateKeyPair({ type: "rsa", bits: 2048 });
    identity = { certificate: await createSelfSignedCertificate({ subject: "CN=large", key }), key };
    await writeFile(path("certificate.pem"), identity.certificate.pem);
    await writeFile(path("key.pem"), key.keyObject.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  }, 60_000);
  afterAll(() => folder?.remove());

  const path = (name: string) => join(folder.path, name);
  const certificate = () => path("certificate.pem");

  async function cms(...args: string[]): Promise<void> {
    const { code, stderr } = await runProgram(peerPath(peers.openssl), ["cms", ...args], {
      timeoutMs: TIMEOUT_MS,
    });
    if (code !== 0) throw new Error(`openssl cms ${args[0]} failed: ${stderr}`);
  }

  const files = (from: string, to: string) => ["-binary", "-in", path(from), "-out", path(to)];

  async function opensslOpens(message: string, content: string): Promise<void> {
    await cms(
      "-decrypt",
      "-inform",
      "DER",
      ...files(message, "decrypted"),
      "-recip",
      certificate(),
      "-inkey",
      path("key.pem"),
    );
    await rm(path(message));
    const trusted = ["-certfile", certificate(), "-CAfile", certificate()];
    await cms("-verify", "-inform", "DER", ...files("decrypted", content), ...trusted);
    await rm(path("decrypted"));
  }

  async function opensslSeals(
    content: string,
    message: string,
    suite: CipherSuite,
    streamed: boolean,
  ): Promise<void> {
    // OpenSSL 3.0 fails to stream a signature with options.
    const pss = suite.padding === "pss" ? ["-keyopt", "rsa_padding_mode:pss"] : [];
    const oaep =
      suite.keyTransport.padding === "oaep"
        ? ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", `rsa_oaep_md:${suite.hash}`]
        : [];
    const signer = [
      "-signer",
      certificate(),
      "-inkey",
      path("key.pem"),
      "-md",
      suite.hash,
      "-nocerts",
      "-nodetach",
      ...pss,
    ];
    const stream = streamed ? ["-stream"] : [];
    await cms(
      "-sign",
      ...signer,
      "-outform",
      "DER",
      ...(pss.length > 0 ? [] : stream),
      ...files(content, "signed"),
    );
    await rm(path(content));
    const recipient = ["-recip", certificate(), ...oaep];
    await cms(
      "-encrypt",
      `-${suite.cipher}`,
      "-outform",
      "DER",
      ...stream,
      ...files("signed", message),
      ...recipient,
    );
    await rm(path("signed"));
  }

  async function weSeal(bytes: number, suite: CipherSuite, message: string): Promise<void> {
    const options = { suite, sign: { signers: [identity] }, encrypt: { recipients: [identity.certificate] } };
    await pipeline(seal(contentOf(bytes), options), createWriteStream(path(message)));
  }

  async function weOpen(
    message: string,
    contentBytes: number,
  ): Promise<{ result: OpenResult; digest: string }> {
    const opening = open(createReadStream(path(message), { highWaterMark: 256 * 1024 }), {
      keys: [identity],
      signers: [identity.certificate],
      expect: { signed: true, encrypted: true, compressed: false },
      limits: { contentBytes },
    });
    const digest = await digestOf(opening.content);
    return { result: await opening.result, digest };
  }

  const CASES = [
    { mebibytes: 100, number: 4, streamed: true },
    { mebibytes: 100, number: 9, streamed: false },
    { mebibytes: 1024, number: 4, streamed: true },
  ];

  test.each(CASES)(
    "$mebibytes MiB, suite $number, in both directions",
    async ({ mebibytes, number, streamed }) => {
      const bytes = mebibytes * MEBIBYTE;
      const suite = cipherSuite(number);
      const wanted = await digestOf(contentOf(bytes));

      const before = process.memoryUsage().rss;
      await weSeal(bytes, suite, "ours");
      const grown = process.memoryUsage().rss - before;
      expect(grown).toBeLessThan(MOST_MEMORY_GROWTH);
      await opensslOpens("ours", "content");
      expect(await digestOf(createReadStream(path("content")))).toBe(wanted);

      await opensslSeals("content", "theirs", suite, streamed);
      const { digest, result } = await weOpen("theirs", bytes);
      await rm(path("theirs"));
      expect(digest).toBe(wanted);
      expect(result).toMatchObject({
        contentBytes: bytes,
        signer: { serialNumber: identity.certificate.serialNumber },
      });
    },
    TIMEOUT_MS,
  );
});

/** A block that does not repeat soon. */
function contentBlock(): Buffer {
  const block = Buffer.alloc(MEBIBYTE);
  for (let offset = 0; offset < block.length; offset += 64) {
    createHash("sha512").update(`${offset}`).digest().copy(block, offset);
  }
  return block;
}

async function* contentOf(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left);
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}
