import { createDecipheriv, createHash, randomBytes } from "node:crypto";
import { open as openFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryFolder } from "@waybill/testing";
import {
  type ContentCipher,
  lentChunks,
  type OpenOptions,
  open,
  type SealOptions,
  seal,
} from "../src/index.js";
import { newIdentity, type TestIdentity } from "./identities.js";

const MEBIBYTE = 2 ** 20;

let identity: TestIdentity;
beforeAll(async () => {
  identity = await newIdentity("large");
});

/** Chunks of all sizes, the same for the same seed. */
function* chunksOf(bytes: number): Generator<Buffer> {
  let state = 7;
  for (let left = bytes; left > 0; ) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const size = Math.min(left, 1 + (state % 700_000));
    yield createHash("shake256", { outputLength: size }).update(String(left)).digest();
    left -= size;
  }
}

async function* source(bytes: number): AsyncGenerator<Buffer> {
  yield* chunksOf(bytes);
}

const hashOf = (bytes: number) => {
  const hash = createHash("sha256");
  for (const chunk of chunksOf(bytes)) hash.update(chunk);
  return hash.digest("hex");
};

const sealing = (cipher: ContentCipher): SealOptions => ({
  sign: { signers: [identity] },
  encrypt: { recipients: [identity.certificate], cipher },
});
const opening = (): OpenOptions => ({ keys: [identity], signers: [identity.certificate] });

/** The SHA-256 of what a message holds. */
async function openedHash(pieces: Iterable<Buffer>, isSigned = true): Promise<string | undefined> {
  async function* message(): AsyncGenerator<Buffer> {
    yield* pieces;
  }
  const options: OpenOptions = { ...(isSigned ? opening() : { keys: [identity] }), digests: ["sha256"] };
  const { content, result } = open(message(), options);
  for await (const _piece of content);
  return (await result).digests.sha256?.toString("hex");
}

describe("content that is encrypted in a thread of its own", () => {
  const sizes = [4 * MEBIBYTE - 1000, 4 * MEBIBYTE, 4 * MEBIBYTE + 1, 9 * MEBIBYTE + 15, 10 * MEBIBYTE];
  test.each(sizes)("comes out as it went in: %i bytes", async (size) => {
    for (const cipher of ["aes-256-cbc", "des-ede3-cbc"] as const) {
      const message = open(seal(source(size), sealing(cipher)), { ...opening(), digests: ["sha256"] });
      for await (const _piece of message.content);
      const { digests, contentBytes } = await message.result;
      expect(contentBytes).toBe(size);
      expect(digests.sha256?.toString("hex")).toBe(hashOf(size));
    }
  });

  test("ends with its reader, and with its source", async () => {
    const threads = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
    const before = threads();
    for await (const piece of seal(source(20 * MEBIBYTE), sealing("aes-256-cbc"))) {
      if (piece.length > 100_000) break;
    }
    async function* breaking(): AsyncGenerator<Buffer> {
      yield* chunksOf(6 * MEBIBYTE);
      throw new Error("the disk is gone");
    }
    const reading = (async () => {
      for await (const _piece of seal(breaking(), sealing("aes-256-cbc")));
    })();
    await expect(reading).rejects.toThrow("the disk is gone");
    expect(threads()).toBe(before);
  });

  test("hands out pieces that nobody changes any more", async () => {
    const pieces: Buffer[] = [];
    for await (const piece of seal(source(9 * MEBIBYTE), sealing("aes-256-cbc"))) pieces.push(piece);
    expect(await openedHash(pieces)).toBe(hashOf(9 * MEBIBYTE));
  });

  test("lets many go on at once", async () => {
    const sizes = [5, 6, 7, 8].map((mebibytes) => mebibytes * MEBIBYTE);
    const opened = sizes.map(async (size) => {
      const message = open(seal(source(size), sealing("aes-128-cbc")), { ...opening(), digests: ["sha256"] });
      for await (const _piece of message.content);
      return (await message.result).digests.sha256?.toString("hex");
    });
    expect(await Promise.all(opened)).toEqual(sizes.map(hashOf));
  });
});

describe("buffers that are lent", () => {
  /** Each chunk in the memory of the one before. */
  async function* lending(bytes: number): AsyncGenerator<Buffer> {
    const memory = Buffer.alloc(700_000);
    for (const chunk of chunksOf(bytes)) {
      chunk.copy(memory);
      yield memory.subarray(0, chunk.length);
      memory.fill(0xee);
    }
  }

  const sign = () => ({ signers: [identity] });
  const encrypt = (cipher: ContentCipher) => ({ recipients: [identity.certificate], cipher });
  const cases: readonly (readonly [string, () => SealOptions])[] = [
    ["encrypted", () => ({ encrypt: encrypt("aes-256-cbc") })],
    ["signed and encrypted", () => ({ sign: sign(), encrypt: encrypt("des-ede3-cbc") })],
    [
      "signed, compressed and encrypted",
      () => ({ sign: sign(), compress: true, encrypt: encrypt("aes-128-cbc") }),
    ],
    ["encrypted with GCM", () => ({ encrypt: encrypt("aes-256-gcm") })],
    ["signed", () => ({ sign: sign() })],
    ["compressed", () => ({ compress: true })],
    ["nothing", () => ({})],
  ];
  test.each(cases)("may be used again at once: %s", async (_name, options) => {
    for (const bytes of [100, 3 * MEBIBYTE, 9 * MEBIBYTE + 7]) {
      const pieces: Buffer[] = [];
      for await (const piece of seal(lending(bytes), { ...options(), reuseBuffers: true })) {
        pieces.push(Buffer.from(piece));
      }
      expect(await openedHash(pieces, options().sign !== undefined)).toBe(hashOf(bytes));
    }
  });

  test("are few, however much content there is", async () => {
    const pieces: Buffer[] = [];
    const options = { ...sealing("aes-256-cbc"), reuseBuffers: true };
    for await (const piece of seal(lending(40 * MEBIBYTE), options)) pieces.push(piece);
    // The memory of one that was used again is another's now.
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    expect(bytes).toBeLessThan(8 * MEBIBYTE);
  });

  test("are two for a file", async () => {
    const folder = await temporaryFolder();
    try {
      const content = randomBytes(2_000_001);
      await writeFile(join(folder.path, "file"), content);
      const file = await openFile(join(folder.path, "file"));
      const read: Buffer[] = [];
      const memories = new Set<ArrayBufferLike>();
      for await (const chunk of lentChunks(file)) {
        read.push(Buffer.from(chunk));
        memories.add(chunk.buffer);
      }
      expect(Buffer.concat(read).equals(content)).toBe(true);
      expect(memories.size).toBe(2);
      for await (const _chunk of lentChunks(file)) throw new Error("nothing is left of it");
      expect((await file.stat()).size).toBe(content.length);
      await file.close();
      await expect(lentChunks(file).next()).rejects.toMatchObject({ code: "EBADF" });
    } finally {
      await folder.remove();
    }
  });
});

test("where threads are not allowed, it goes on without one", async () => {
  jest.unstable_mockModule("../src/cipher-thread.js", () => ({
    hasSecondProcessor: () => true,
    CipherThread: class {
      constructor() {
        throw new Error("no threads here");
      }
    },
  }));
  jest.resetModules();
  const { seal: sealHere } = await import("../src/seal/seal.js");
  const pieces: Buffer[] = [];
  for await (const piece of sealHere(source(6 * MEBIBYTE), sealing("aes-256-cbc"))) pieces.push(piece);
  jest.unstable_unmockModule("../src/cipher-thread.js");
  jest.resetModules();
  expect(await openedHash(pieces)).toBe(hashOf(6 * MEBIBYTE));
});

/** Memory that is alone, as the thread takes it. */
const chunkOf = (octets: Uint8Array) => new Uint8Array(octets);

test("the thread's cipher is the one that is named, and works in place", async () => {
  const { CipherThread } = await import("../src/cipher-thread.js");
  const [key, iv] = [randomBytes(32), randomBytes(16)];
  const thread = new CipherThread("aes-256-cbc", key, iv);
  const content = randomBytes(100_000);
  const encrypted = [
    thread.update(chunkOf(content.subarray(0, 64_000))),
    thread.update(chunkOf(content.subarray(64_000))),
    thread.final(),
  ];
  const decipher = createDecipheriv("aes-256-cbc", key, iv);
  const decrypted = Buffer.concat([
    decipher.update(Buffer.concat(await Promise.all(encrypted))),
    decipher.final(),
  ]);
  expect((await encrypted[0])?.buffer.byteLength).toBe(64_000);
  await thread.close();
  expect(decrypted.equals(content)).toBe(true);
  await expect(thread.update(chunkOf(content))).rejects.toThrow("the thread that encrypts has ended");
});

test("a cipher that the thread does not know is an error for whoever waits", async () => {
  const { CipherThread } = await import("../src/cipher-thread.js");
  const thread = new CipherThread("rot-13", randomBytes(32), randomBytes(16));
  await expect(thread.update(new Uint8Array(16))).rejects.toThrow("cipher");
  await thread.close();
});
