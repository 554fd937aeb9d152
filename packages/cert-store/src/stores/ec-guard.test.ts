import { createCipheriv, createHash, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { encodeDer } from "../der.js";
import { formatPem } from "../pem.js";
import { openStore } from "./open-store.js";

/** Each of these ended the process when it was opened. */
describe("keys that node:crypto cannot export", () => {
  const oid = (hex: string) => encodeDer(6, Buffer.from(hex, "hex"));
  const P256 = oid("2a8648ce3d030107");
  const algorithm = encodeDer(0x30, oid("2a8648ce3d0201"), P256);
  const jwk: JsonWebKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    format: "jwk",
  });
  const number = (name: "d" | "x" | "y") => Buffer.from(jwk[name] ?? "", "base64url");
  const point = Buffer.concat([Buffer.from([4]), number("x"), number("y")]);
  const infinity = Buffer.from([0]);
  const tooLong = Buffer.alloc(40, 7);
  const bits = (bytes: Buffer) => encodeDer(3, Buffer.from([0]), bytes);
  const sec1 = (scalar: Buffer, publicPoint: Buffer, curve = [encodeDer(0xa0, P256)]) =>
    encodeDer(
      0x30,
      encodeDer(2, Buffer.from([1])),
      encodeDer(4, scalar),
      ...curve,
      encodeDer(0xa1, bits(publicPoint)),
    );
  const pkcs8 = (inner: Buffer) =>
    encodeDer(0x30, encodeDer(2, Buffer.from([0])), algorithm, encodeDer(4, inner));

  /** As `openssl ec -aes128` writes it. */
  function traditional(der: Buffer, passphrase: string): string {
    const iv = Buffer.alloc(16, 3);
    const key = createHash("md5").update(passphrase).update(iv.subarray(0, 8)).digest();
    const cipher = createCipheriv("aes-128-cbc", key, iv);
    const body = Buffer.concat([cipher.update(der), cipher.final()]);
    const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,${iv.toString("hex").toUpperCase()}\n\n`;
    return formatPem("EC PRIVATE KEY", body).replace("-----\n", `-----\n${headers}`);
  }

  /** A certificate as far as it takes to be read; nobody signed it. */
  function certificate(key: Buffer): Buffer {
    const signature = encodeDer(0x30, oid("2a8648ce3d040302"));
    const name = encodeDer(
      0x30,
      encodeDer(0x31, encodeDer(0x30, oid("550403"), encodeDer(0x0c, Buffer.from("x")))),
    );
    const time = encodeDer(0x17, Buffer.from("300101000000Z"));
    const body = [encodeDer(2, Buffer.from([1])), signature, name, encodeDer(0x30, time, time), name, key];
    return encodeDer(0x30, encodeDer(0x30, ...body), signature, bits(Buffer.alloc(8)));
  }

  const bad: [name: string, data: string | Buffer][] = [
    ["a public key at infinity", encodeDer(0x30, algorithm, bits(infinity))],
    ["a certificate with it", certificate(encodeDer(0x30, algorithm, bits(infinity)))],
    ["the same in PEM", formatPem("PUBLIC KEY", encodeDer(0x30, algorithm, bits(infinity)))],
    ["SEC 1 with a point at infinity", sec1(number("d"), infinity)],
    ["SEC 1 with a long number", sec1(tooLong, point)],
    ["PKCS#8 with a point at infinity", pkcs8(sec1(number("d"), infinity, []))],
    ["PKCS#8 with a long number", pkcs8(sec1(tooLong, point, []))],
    ["traditional PEM with a point at infinity", traditional(sec1(number("d"), infinity), "secret")],
    ["traditional PEM with a long number", traditional(sec1(tooLong, point), "secret")],
    ["a JSON web key with a long number", JSON.stringify({ ...jwk, d: tooLong.toString("base64url") })],
  ];

  test.each(bad)("%s", async (_, data) => {
    await expect(openStore({ data }, { password: "secret" })).rejects.toMatchObject({
      code: "ERR_STORE_DAMAGED",
    });
  });

  test("a sound certificate passes", async () => {
    const { entries } = await openStore({ data: certificate(encodeDer(0x30, algorithm, bits(point))) });
    expect(entries[0]?.publicKey?.type).toBe("ecdsa-sha2-nistp256");
  });

  test("sound ones pass, with zeros before the number, too", async () => {
    const padded = Buffer.concat([Buffer.alloc(8), number("d")]);
    const scalars = [sec1(number("d"), point), sec1(padded, point), pkcs8(sec1(number("d"), point))];
    for (const data of [...scalars, traditional(sec1(number("d"), point), "secret"), JSON.stringify(jwk)]) {
      const { entries } = await openStore({ data }, { password: "secret" });
      expect(entries[0]?.privateKey?.type).toBe("ecdsa-sha2-nistp256");
    }
  });
});
