import { createDecipheriv, createHash, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type ContentCipher, type OpenOptions, open, type SealOptions, seal } from "../src/index.js";
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

test("the thread's cipher is the one that is named", async () => {
  const { CipherThread } = await import("../src/cipher-thread.js");
  const [key, iv] = [randomBytes(32), randomBytes(16)];
  const thread = new CipherThread("aes-256-cbc", key, iv);
  const text = Buffer.from("some text that is longer than a block or two");
  const encrypted = [thread.update([text.subarray(0, 7), text.subarray(7)], text.length), thread.final()];
  const decipher = createDecipheriv("aes-256-cbc", key, iv);
  const decrypted = Buffer.concat([
    decipher.update(Buffer.concat(await Promise.all(encrypted))),
    decipher.final(),
  ]);
  await thread.close();
  expect(decrypted.equals(text)).toBe(true);
  await expect(thread.update([text], text.length)).rejects.toThrow("the thread that encrypts has ended");
});

test("a cipher that the thread does not know is an error for whoever waits", async () => {
  const { CipherThread } = await import("../src/cipher-thread.js");
  const thread = new CipherThread("rot-13", randomBytes(32), randomBytes(16));
  await expect(thread.update([Buffer.alloc(16)], 16)).rejects.toThrow("cipher");
  await thread.close();
});
