import { describe, expect, test } from "@jest/globals";
import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import fc from "fast-check";
import { nameOfDer } from "./der-name.js";

describe("nameOfDer", () => {
  test.each([
    "CN=oftp.example.com,serialNumber=O0013000001EXAMPLE,O=Müller\\, Söhne,C=DE",
    "CN=a\\+b,OU=c,DC=example,DC=com",
    `CN=${"x".repeat(60)},O=${"y".repeat(60)},OU=${"z".repeat(60)}`,
  ])("says what cert-store says: %s", async (subject) => {
    const key = await generateKeyPair({ type: "ec" });
    const certificate = await createSelfSignedCertificate({ subject, key });
    expect(nameOfDer(certificate.issuer.der)).toBe(certificate.issuer.text);
    for (let length = 1; length < certificate.issuer.der.length; length++) {
      expect(nameOfDer(certificate.issuer.der.subarray(0, length))).toBeUndefined();
    }
  });

  test("any octets give a text or nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        for (const der of [
          octets,
          [0x30, octets.length, ...octets],
          [0x30, octets.length + 2, 0x31, octets.length, ...octets],
        ]) {
          expect(["string", "undefined"]).toContain(typeof nameOfDer(Buffer.from(der)));
        }
      }),
    );
  });
});
