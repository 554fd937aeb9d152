import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { mgf1, unpadOaep, unpadPkcs1, xorInto } from "./rsa-unpadding.js";

const SIZE = 128;
const SECRET = Buffer.from("secret");
const LABEL = Buffer.from("label");

/** Any block as long as a modulus of 1024 bits, most of them nearly right. */
const blocks = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1),
    fc.constantFrom(2, 2, 2, 1, 0),
    fc.uint8Array({ minLength: SIZE - 2, maxLength: SIZE - 2, min: 0, max: 3 }),
  )
  .map(([first, second, rest]) => Buffer.from([first, second, ...rest]));

describe("PKCS #1 v1.5", () => {
  test("gives back the message of every length", () => {
    for (let length = 0; length <= SIZE - 11; length += 1) {
      const message = randomBytes(length);
      const padding = Buffer.alloc(SIZE - 3 - length, 0x77);
      const block = Buffer.concat([Buffer.from([0, 2]), padding, Buffer.alloc(1), message]);
      expect(unpadPkcs1(block, SECRET, SECRET)).toEqual(message);
    }
  });

  test("any block: the message when the padding is right, else the stand-in of the ciphertext", () => {
    fc.assert(
      fc.property(blocks, fc.uint8Array({ minLength: SIZE, maxLength: SIZE }), (block, ciphertext) => {
        const separator = block.indexOf(0, 2);
        const good = block[0] === 0 && block[1] === 2 && separator >= 10;
        const standIn = unpadPkcs1(Buffer.alloc(SIZE), ciphertext, SECRET);
        expect(standIn.length).toBeLessThan(SIZE - 10);
        const expected = good ? block.subarray(separator + 1) : standIn;
        expect(unpadPkcs1(block, ciphertext, SECRET)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe("OAEP", () => {
  /** The data block of RFC 8017 section 7.1.1, masked. */
  function mask(data: Buffer, first = 0): Buffer {
    const seed = randomBytes(32);
    const masked = Buffer.from(data);
    xorInto(masked, mgf1("sha256", seed, masked.length));
    const maskedSeed = Buffer.from(seed);
    xorInto(maskedSeed, mgf1("sha256", masked, 32));
    return Buffer.concat([Buffer.from([first]), maskedSeed, masked]);
  }
  const labelHash = createHash("sha256").update(LABEL).digest();
  const zeros = (length: number) => Buffer.alloc(length);
  const rest = SIZE - 33 - 32;

  test("gives back the message of every length", () => {
    for (let length = 0; length <= rest - 1; length += 1) {
      const message = randomBytes(length);
      const data = Buffer.concat([labelHash, zeros(rest - 1 - length), Buffer.from([1]), message]);
      expect(unpadOaep(mask(data), "sha256", LABEL)).toEqual(message);
    }
  });

  test.each([
    ["a first byte that is not zero", mask(Buffer.concat([labelHash, zeros(rest - 1), Buffer.from([1])]), 1)],
    ["no separator", mask(Buffer.concat([labelHash, zeros(rest)]))],
    ["another separator", mask(Buffer.concat([labelHash, zeros(rest - 1), Buffer.from([2])]))],
    [
      "something before the separator",
      mask(Buffer.concat([labelHash, Buffer.alloc(rest - 1, 3), Buffer.from([1])])),
    ],
    ["another label", mask(Buffer.concat([zeros(32), zeros(rest - 1), Buffer.from([1])]))],
    ["too short a block", Buffer.alloc(65)],
    ["no block", Buffer.alloc(0)],
  ])("%s: nothing", (_name, block) => {
    expect(unpadOaep(block, "sha256", LABEL)).toBeUndefined();
  });

  test("any bytes give nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(unpadOaep(Buffer.from(bytes), "sha256", LABEL)).toBeUndefined();
      }),
    );
  });
});
