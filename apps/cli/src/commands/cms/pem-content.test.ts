import { describe, expect, test } from "@jest/globals";
import { withoutPem } from "./pem-content.js";

const pem = (octets: Buffer, label = "CMS") =>
  `-----BEGIN ${label}-----\n${octets.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;

async function read(text: string | Buffer, size: number): Promise<Buffer> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const found: Buffer[] = [];
  for await (const piece of withoutPem(pieces())) found.push(piece);
  return Buffer.concat(found);
}

describe("withoutPem", () => {
  test.each([0, 1, 2, 3, 47, 48, 49, 1000])(
    "gives the %i octets in PEM, in pieces of any size",
    async (length) => {
      const octets = Buffer.alloc(length, 0xa7);
      for (const size of [1, 2, 3, 7, 63, 64, 65, 10_000]) {
        expect(await read(pem(octets), size)).toEqual(octets);
        expect(await read(pem(octets, "PKCS7").replaceAll("\n", "\r\n"), size)).toEqual(octets);
      }
    },
  );

  test("leaves binary files alone", async () => {
    const octets = Buffer.from("3080-----BEGIN CMS-----\n", "latin1");
    expect(await read(octets, 1)).toEqual(octets);
    expect(await read("", 1)).toEqual(Buffer.alloc(0));
  });

  test("refuses other PEM, and what is changed", async () => {
    const text = pem(Buffer.alloc(100, 1));
    for (const [changed, code] of [
      [pem(Buffer.alloc(100), "CERTIFICATE"), "ERR_CMS_DAMAGED"],
      [`${text}${text}`, "ERR_CMS_DAMAGED"],
      [text.replace("END CMS", "END PKCS7"), "ERR_CMS_DAMAGED"],
      [text.replace("AQEB", "AQ*B"), "ERR_CMS_DAMAGED"],
      [text.replace("AQEB", "AQ=="), "ERR_CMS_DAMAGED"],
      [text.replace("AQEB", "AQE"), "ERR_CMS_DAMAGED"],
    ] as const) {
      for (const size of [1, 50, 10_000]) await expect(read(changed, size)).rejects.toMatchObject({ code });
    }
    for (let length = 1; length < text.length - 1; length++) {
      await expect(read(text.slice(0, length), 10_000)).rejects.toMatchObject({ name: "TransferError" });
    }
  });
});
