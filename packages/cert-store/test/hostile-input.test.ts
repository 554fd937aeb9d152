import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  formatKnownHostsLine,
  formatOpenSshPublicKey,
  generatePrivateKey,
  parseAuthorizedKeys,
  parseFingerprint,
  parseKnownHosts,
  parsePrivateKey,
  parsePublicKey,
  publicKeyFromBlob,
} from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { encryptedCopy, KINDS, makeKey, PASSPHRASE, passphraseFile, runPeer } from "./key-fixtures.js";

/** Runs something with hostile input: a value or a TransferError is fine, anything else is not. */
async function expectTyped(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isTransferError(error)) throw error;
  }
}

interface Edit {
  readonly kind: "set" | "flip" | "delete" | "insert" | "repeat" | "cut";
  /** Where, as a part of the length. */
  readonly place: number;
  readonly byte: number;
}

const edits = fc.array(
  fc.record<Edit>({
    kind: fc.constantFrom("set", "flip", "delete", "insert", "repeat", "cut"),
    place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x2d), fc.integer({ min: 0, max: 255 })),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutate(original: Buffer, changes: readonly Edit[]): Buffer {
  let bytes = Buffer.from(original);
  for (const { kind, place, byte } of changes) {
    const at = Math.floor(place * bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (kind === "set") bytes[at] = byte;
    else if (kind === "flip") bytes[at] = (bytes[at] ?? 0) ^ (1 << (byte & 7));
    else if (kind === "delete") bytes = Buffer.concat([before, after.subarray(1 + (byte & 15))]);
    else if (kind === "insert") bytes = Buffer.concat([before, Buffer.from([byte]), after]);
    else if (kind === "repeat") bytes = Buffer.concat([before, after.subarray(0, byte), after]);
    else bytes = Buffer.from(before);
  }
  return bytes;
}

/** The same file with the base64 text of its PEM decoded, changed and encoded again. */
function mutateInside(pem: Buffer, changes: readonly Edit[]): Buffer {
  const lines = pem.toString("latin1").trim().split("\n");
  const body = mutate(Buffer.from(lines.slice(1, -1).join(""), "base64"), changes);
  return Buffer.from([lines[0], body.toString("base64"), lines.at(-1), ""].join("\n"));
}

describeWithPeers("damaged key files", [peers.sshKeygen, peers.puttygen, peers.openssl], () => {
  let folder: TemporaryFolder;
  const clear: Buffer[] = [];
  const encrypted: Buffer[] = [];
  const publicKeys: Buffer[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    const secret = await passphraseFile(folder.path);
    for (const kind of KINDS) {
      const path = await makeKey(folder.path, kind);
      clear.push(await readFile(path));
      publicKeys.push(await readFile(`${path}.pub`));
      publicKeys.push(Buffer.from(await runPeer("sshKeygen", ["-e", "-f", `${path}.pub`])));
      const ppk = `${path}.ppk`;
      for (const version of ["version=2", "version=3,memory=64,passes=1"]) {
        await runPeer("puttygen", [path, "-O", "private", "--ppk-param", version, "-o", ppk]);
        clear.push(await readFile(ppk));
        const protect = ["-P", "--new-passphrase", secret];
        await runPeer("puttygen", [path, "-O", "private", "--ppk-param", version, ...protect, "-o", ppk]);
        encrypted.push(await readFile(ppk));
      }
      encrypted.push(await readFile(await encryptedCopy(path, "encrypted")));
      if (kind.name === "ed25519") continue;
      const pem = await encryptedCopy(path, "pem", ["-m", "PEM"]);
      encrypted.push(await readFile(pem));
      for (const form of ["PEM", "DER"]) {
        const input = ["-in", pem, "-passin", `pass:${PASSPHRASE}`];
        await runPeer("openssl", [
          "pkcs8",
          "-topk8",
          "-nocrypt",
          ...input,
          "-outform",
          form,
          "-out",
          `${pem}8`,
        ]);
        clear.push(await readFile(`${pem}8`));
        const protect = ["-passout", `pass:${PASSPHRASE}`];
        await runPeer("openssl", [
          "pkcs8",
          "-topk8",
          ...protect,
          ...input,
          "-outform",
          form,
          "-out",
          `${pem}8`,
        ]);
        encrypted.push(await readFile(`${pem}8`));
        await runPeer("openssl", ["pkey", ...input, "-pubout", "-outform", form, "-out", `${pem}p`]);
        publicKeys.push(await readFile(`${pem}p`));
        const request = ["req", "-x509", "-subj", "/CN=x", "-key", pem, "-passin", `pass:${PASSPHRASE}`];
        await runPeer("openssl", [...request, "-outform", form, "-out", `${pem}c`]);
        publicKeys.push(await readFile(`${pem}c`));
      }
    }
  });
  afterAll(() => folder.remove());

  const isPem = (file: Buffer) =>
    file.toString("latin1").startsWith("-----BEGIN") && !file.includes("Proc-Type");

  async function tryMutations(files: readonly Buffer[], runs: number, read: (bytes: Buffer) => unknown) {
    const index = fc.integer({ min: 0, max: files.length - 1 });
    await fc.assert(
      fc.asyncProperty(index, edits, fc.boolean(), async (chosen, changes, inside) => {
        const file = files[chosen] ?? Buffer.alloc(0);
        const change = inside && isPem(file) ? mutateInside : mutate;
        await expectTyped(() => read(change(file, changes)));
      }),
      { numRuns: runs },
    );
  }

  test("private keys in the clear", async () => {
    expect(clear.length).toBe(23);
    await tryMutations(clear, 3000, (bytes) => parsePrivateKey(bytes));
  });

  // Without the passphrase everything happens but the derivation, whose cost a changed file may raise to the limit.
  test("encrypted private keys without the passphrase", () =>
    tryMutations(encrypted, 2000, (bytes) => parsePrivateKey(bytes)));

  test("encrypted private keys with the passphrase, changed where they are encrypted", async () => {
    const index = fc.integer({ min: 0, max: encrypted.length - 1 });
    await fc.assert(
      fc.asyncProperty(index, edits, async (chosen, changes) => {
        const file = encrypted[chosen] ?? Buffer.alloc(0);
        const later = changes.map((edit) => ({ ...edit, place: 0.75 + edit.place / 4 }));
        await expectTyped(() => parsePrivateKey(mutate(file, later), { passphrase: PASSPHRASE }));
      }),
      { numRuns: 100 },
    );
  });

  test("public keys and certificates", () =>
    tryMutations(publicKeys, 3000, (bytes) => parsePublicKey(bytes)));
});

describe("any bytes", () => {
  const beginnings = [
    "",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
    "-----BEGIN CERTIFICATE-----\n",
    "---- BEGIN SSH2 PUBLIC KEY ----\n",
    "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "ssh-ed25519 ",
    "0\u0082",
  ];
  const anything = fc
    .tuple(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 400 }), fc.boolean())
    .map(([beginning, bytes, isBase64]) => {
      const body = isBase64 ? Buffer.from(Buffer.from(bytes).toString("base64")) : bytes;
      const end = beginning.startsWith("-----")
        ? `\n${beginning.split("\n")[0]?.replace("BEGIN", "END")}\n`
        : "";
      return Buffer.concat([Buffer.from(beginning, "latin1"), body, Buffer.from(end)]);
    });

  test("as keys", async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        await expectTyped(() => parsePrivateKey(bytes, { passphrase: "x" }));
        await expectTyped(() => parsePublicKey(bytes));
        await expectTyped(() => publicKeyFromBlob(bytes));
        await expectTyped(() => parseFingerprint(bytes.toString("latin1")));
      }),
      { numRuns: 2000 },
    );
  });

  test("as lists of keys, which never throw", async () => {
    const key = (await generatePrivateKey("ed25519")).publicKey;
    const good = [
      formatKnownHostsLine("alpha", 22, key, { hash: true }),
      `@revoked ${formatKnownHostsLine("beta", 2222, key)}`,
      `from="10.0.0.0/8",command="x" ${formatOpenSshPublicKey(key)}`,
    ].join("\n");
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          edits.map((changes) => mutate(Buffer.from(good), changes)),
        ),
        (bytes) => {
          const lines = bytes.toString("utf8").split("\n").length;
          const authorized = parseAuthorizedKeys(bytes);
          expect(authorized.keys.length + authorized.problems.length).toBeLessThanOrEqual(lines);
          const known = parseKnownHosts(bytes);
          expect(known.entries.length + known.problems.length).toBeLessThanOrEqual(lines);
          known.check("alpha", 22, key);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("large files of repeated beginnings take no more than linear time", async () => {
    const size = 256 * 1024;
    const pieces = [
      "-----BEGIN PRIVATE KEY-----\n",
      "-----BEGIN X-----\n-----END X-----\n",
      "PuTTY-User-Key-File-3: x\n",
      "---- BEGIN SSH2 PUBLIC KEY ----\n",
      "0\u0080",
      "ssh-ed25519 ",
      "= ",
      'command="\\"',
    ];
    const started = performance.now();
    for (const piece of pieces) {
      const text = piece.repeat(Math.floor(size / Buffer.byteLength(piece)));
      await expectTyped(() => parsePrivateKey(text));
      await expectTyped(() => parsePublicKey(text));
      parseAuthorizedKeys(text);
      parseKnownHosts(text);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
