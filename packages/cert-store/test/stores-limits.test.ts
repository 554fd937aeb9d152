import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { formatPem } from "../src/pem.js";
import {
  type BcfksChoices,
  bcfksContent,
  int,
  type KeyAndChain,
  octets,
  oid,
  sequence,
  writeBcfks,
  writeJceks,
} from "./java-store-writer.js";
import { withPbmac1 } from "./pkcs12-writer.js";
import { JAVA_PASSWORD, keyAndChain, makeCheapPkcs12, makePki } from "./store-fixtures.js";

const SALT = Buffer.from("0102030405060708", "hex");
const CHEAP: BcfksChoices = { kdf: "pbkdf2", cipher: "none", hash: "sha512", iterations: 1 };

describeWithPeers("stores that ask for too much", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let key: KeyAndChain;
  let pkcs12: Buffer;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const pki = await makePki(folder.path);
    key = await keyAndChain(pki);
    pkcs12 = await makeCheapPkcs12(pki);
  });
  afterAll(() => folder.remove());

  describe("are refused at once", () => {
    const TOO_MANY = 2 ** 31;
    /** A PKCS#8 key with PBES2 and a derivation. */
    const pbes2 = (kdf: Buffer) => {
      const cipher = sequence(oid("2.16.840.1.101.3.4.1.42"), octets(Buffer.alloc(16)));
      return sequence(
        sequence(oid("1.2.840.113549.1.5.13"), sequence(kdf, cipher)),
        octets(Buffer.alloc(64)),
      );
    };
    const scrypt = (n: number, r: number, p: number) =>
      pbes2(sequence(oid("1.3.6.1.4.1.11591.4.11"), sequence(octets(SALT), int(n), int(r), int(p))));
    const macOf = (iterations: number) =>
      sequence(
        sequence(sequence(oid("1.3.14.3.2.26")), octets(Buffer.alloc(20))),
        octets(SALT),
        int(iterations),
      );
    const shrouded = (scheme: string) => {
      const info = sequence(
        sequence(oid(scheme), sequence(octets(SALT), int(TOO_MANY))),
        octets(Buffer.alloc(64)),
      );
      return info;
    };
    const cases: [name: string, data: () => Buffer][] = [
      [
        "PBKDF2 of a key",
        () => pbes2(sequence(oid("1.2.840.113549.1.5.12"), sequence(octets(SALT), int(TOO_MANY)))),
      ],
      ["the derivation of PKCS#12", () => shrouded("1.2.840.113549.1.12.1.3")],
      ["the derivation of PBES1", () => shrouded("1.2.840.113549.1.5.3")],
      ["scrypt's memory", () => scrypt(2 ** 24, 8, 1)],
      ["scrypt's time", () => scrypt(2 ** 10, 8, 2 ** 20)],
      ["scrypt's N", () => scrypt(TOO_MANY, 1, 1)],
      [
        "the MAC of PKCS#12",
        () =>
          sequence(
            int(3),
            sequence(oid("1.2.840.113549.1.7.1"), Buffer.from("a00404023000", "hex")),
            macOf(TOO_MANY),
          ),
      ],
      ["PBMAC1", () => withPbmac1(pkcs12, JAVA_PASSWORD, "sha256", TOO_MANY)],
      ["JCEKS", () => writeJceks(key, JAVA_PASSWORD, SALT, TOO_MANY)],
      [
        "BCFKS",
        () =>
          writeBcfks(bcfksContent(key, JAVA_PASSWORD, CHEAP), JAVA_PASSWORD, {
            ...CHEAP,
            iterations: TOO_MANY,
          }),
      ],
      ["definite lengths in each other", () => nested(10_000)],
      [
        "the same as a certificate in PEM in each other",
        () => Buffer.from(formatPem("CERTIFICATE", nested(10_000))),
      ],
      ["the same as a key in PEM in each other", () => Buffer.from(formatPem("PRIVATE KEY", nested(10_000)))],
      ["indefinite lengths in each other", () => Buffer.alloc(20_000, Buffer.from([0x30, 0x80]))],
    ];
    function nested(depth: number): Buffer {
      let inside = Buffer.alloc(0);
      for (let level = 0; level < depth; level += 1) {
        const header = Buffer.from([0x30, 0x84, 0, 0, 0, 0]);
        header.writeUInt32BE(inside.length, 2);
        inside = Buffer.concat([header, inside]);
      }
      return inside;
    }

    test.each(cases)(
      "%s",
      async (name, data) => {
        const bytes = data();
        const started = performance.now();
        const before = process.memoryUsage().rss;
        const isShape = name.endsWith("in each other");
        await expect(
          openStore({ data: bytes, fileName: "hostile" }, { password: JAVA_PASSWORD }),
        ).rejects.toMatchObject({
          code: isShape
            ? expect.stringMatching(/^ERR_STORE_(UNSUPPORTED|DAMAGED)$/)
            : "ERR_STORE_UNSUPPORTED",
          message: expect.stringMatching(/^hostile: /),
        });
        expect(performance.now() - started).toBeLessThan(2000);
        expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
      },
      60_000,
    );

    test.each([
      ["a JKS of four billion entries", Buffer.from("feedfeed00000002ffffffff0000000100", "hex")],
      [
        "a JKS with a chain of four billion",
        Buffer.from("feedfeed000000020000000100000001000161000000000000000000000003300000ffffffff", "hex"),
      ],
      ["a JKS that ends in its magic", Buffer.from("feedfeed", "hex")],
      ["a value longer than the file", Buffer.from("3084ffffffff0201", "hex")],
      ["a length of 127 bytes", Buffer.concat([Buffer.from("30ff", "hex"), Buffer.alloc(200, 1)])],
      ["an infinite value without its end", Buffer.from("3080020103", "hex")],
      ["a PEM block without its end", Buffer.from(`-----BEGIN CERTIFICATE-----\n${"A".repeat(1_000_000)}`)],
      ["millions of empty lines", Buffer.alloc(8_000_000, "\n")],
      ["millions of beginnings", Buffer.alloc(8_000_000, "-----BEGIN X-----\n")],
      ["a long line", Buffer.alloc(8_000_000, "ssh-ed25519 ")],
      ["digits", Buffer.alloc(8_000_000, "M123")],
      ["16 MiB and a byte", Buffer.alloc(16 * 1024 * 1024 + 1, 0x30)],
    ])("%s", async (_, data) => {
      const started = performance.now();
      await expect(
        openStore({ data, fileName: "hostile" }, { password: JAVA_PASSWORD }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_STORE_(UNSUPPORTED|DAMAGED)$/),
        message: expect.stringMatching(/^hostile: /),
      });
      expect(performance.now() - started).toBeLessThan(2000);
    });
  });
});
