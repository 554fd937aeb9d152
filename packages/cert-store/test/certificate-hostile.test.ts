import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  createCertificateRequest,
  createSelfSignedCertificate,
  describeCertificate,
  describeCertificateRequest,
  generateKeyPair,
  parseCertificate,
  readCertificateRequest,
} from "@waybill/cert-store";
import { asn1Parts, asn1Value } from "../src/certificate/asn1-values.js";
import { encodeDer } from "../src/der.js";
import { errorSource } from "../src/error-source.js";
import { mutations } from "./mutations.js";

const MUTATIONS = mutations(3000);

/** A generator with a seed, so that a failure can be repeated. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function mutated(bytes: Buffer, next: (limit: number) => number): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let changes = 1 + next(4); changes > 0; changes -= 1) {
    const at = next(result.length);
    switch (next(5)) {
      case 0:
        result[at] = next(256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << next(8));
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + next(16))]);
        break;
      case 3:
        result = Buffer.concat([
          result.subarray(0, at),
          Buffer.alloc(1 + next(8), next(256)),
          result.subarray(at),
        ]);
        break;
      default:
        result = Buffer.concat([result.subarray(0, at), result.subarray(next(result.length))]);
    }
    if (result.length === 0) return result;
  }
  return result;
}

describe("hostile certificates", () => {
  let certificate: Certificate;
  let request: Buffer;
  beforeAll(async () => {
    const key = await generateKeyPair({ type: "ec" });
    certificate = await createSelfSignedCertificate({
      key,
      subject: "CN=host,O=Größe,C=DE",
      subjectAltNames: [
        { kind: "dns", value: "host.example.com" },
        { kind: "ip", value: "2001:db8::1" },
        { kind: "directory", value: "CN=a,O=b" },
      ],
      ca: { pathLength: 1 },
      extendedKeyUsage: ["serverAuth"],
    });
    request = (await createCertificateRequest({ key, subject: "CN=host", extendedKeyUsage: ["clientAuth"] }))
      .der;
  });
  const refused = (code: "DAMAGED" | "UNSUPPORTED", data: string | Uint8Array, message?: RegExp) => {
    const start = performance.now();
    expect(() => parseCertificate(data, { fileName: "partner.cer" })).toThrow(
      expect.objectContaining({
        code: `ERR_CERT_${code}`,
        message: expect.stringMatching(message ?? /^partner\.cer: /),
        details: { fileName: "partner.cer" },
      }),
    );
    expect(performance.now() - start).toBeLessThan(2000);
  };

  test("mutated ones are read or refused, and asked everything", () => {
    const next = random(20260101);
    let read = 0;
    for (let round = 0; round < MUTATIONS; round += 1) {
      const bytes = mutated(certificate.der, next);
      try {
        const result = parseCertificate(bytes);
        read += 1;
        describeCertificate(result);
        result.isSignedBy(result);
        result.isSignedBy(certificate);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_CERT_(DAMAGED|UNSUPPORTED)$/) });
      }
    }
    // The mutations reach behind the first checks, and are not all taken.
    expect(read).toBeGreaterThan(MUTATIONS / 50);
    expect(read).toBeLessThan(MUTATIONS / 2);
  });

  test("mutated requests are read or refused", () => {
    const next = random(7);
    for (let round = 0; round < mutations(1000); round += 1) {
      try {
        describeCertificateRequest(readCertificateRequest(mutated(request, next)));
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_CERT_(DAMAGED|UNSUPPORTED)$/) });
      }
    }
  });

  test("mutated PEM is read or refused", () => {
    const next = random(11);
    for (let round = 0; round < mutations(1000); round += 1) {
      try {
        parseCertificate(mutated(Buffer.from(certificate.pem), next));
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_CERT_(DAMAGED|UNSUPPORTED)$/) });
      }
    }
  });

  test("cut off anywhere it is damaged", () => {
    for (let length = 1; length < certificate.der.length; length += 1) {
      expect(() => parseCertificate(certificate.der.subarray(0, length))).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_CERT_/) }),
      );
    }
    refused("DAMAGED", certificate.der.subarray(0, 300));
    refused("DAMAGED", Buffer.concat([certificate.der, Buffer.from([0])]));
    refused("DAMAGED", certificate.pem.replace("-----END CERTIFICATE-----", ""), /END CERTIFICATE.*missing/);
  });

  test("the bad inputs that people meet", () => {
    refused("DAMAGED", "", /empty/);
    refused("UNSUPPORTED", "hello", /DER or PEM/);
    refused(
      "UNSUPPORTED",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      /no certificate/,
    );
    refused("UNSUPPORTED", Buffer.alloc(2 * 1024 * 1024), /more than a certificate may have/);
    // A length of 2 GiB, without the octets.
    refused("DAMAGED", Buffer.from("30847fffffff0282", "hex"), /ends too early/);
    refused("DAMAGED", Buffer.from("3080020101020101", "hex"));
    refused("DAMAGED", encodeDer(0x30, encodeDer(0x02, Buffer.from([1]))));
  });

  test("what some programs read and others overlook", () => {
    const parts = (bytes: Buffer) =>
      asn1Parts(asn1Value(bytes, errorSource(undefined)), errorSource(undefined)).map(({ raw }) => raw);
    const [toBeSigned = Buffer.alloc(0), ...rest] = parts(certificate.der);
    const fields = parts(toBeSigned);
    const withFields = (...changed: Buffer[]) => encodeDer(0x30, encodeDer(0x30, ...changed), ...rest);
    const withExtensions = (...extensions: Buffer[]) =>
      withFields(...fields.slice(0, 7), encodeDer(0xa3, encodeDer(0x30, ...extensions)));
    const extension = (oid: string, value: string) =>
      encodeDer(0x30, Buffer.from(oid, "hex"), encodeDer(0x04, Buffer.from(value, "hex")));
    expect(parseCertificate(withFields(...fields)).equals(certificate)).toBe(true);
    const list = fields.at(-1) as Buffer;
    refused("DAMAGED", withFields(...fields, list), /where none belongs/);
    refused("DAMAGED", withFields(...fields, Buffer.from("a400", "hex")), /where none belongs/);
    const usage = extension("0603551d0f", "03020780");
    expect(parseCertificate(withExtensions(usage)).keyUsage).toEqual(["digitalSignature"]);
    refused("DAMAGED", withExtensions(usage, usage), /comes twice/);
    const constraints = (value: string) => withExtensions(extension("0603551d1e", value));
    expect(parseCertificate(constraints("3007a0053003820161")).nameConstraints?.permitted).toEqual([
      { kind: "dns", value: "a" },
    ]);
    refused("DAMAGED", constraints("300ea0053003820161a0053003820162"));
    refused("DAMAGED", constraints("3007a2053003820161"));
    const bounded = parseCertificate(constraints("300aa0083006820161800101"));
    expect(bounded.nameConstraints?.permitted).toEqual([{ kind: "other", value: "#3006820161800101" }]);
  });

  test("nested 10,000 deep, or of too many values", () => {
    let nested: Buffer = Buffer.from([5, 0]);
    for (let level = 0; level < 10_000; level += 1) nested = encodeDer(0x30, nested);
    refused("UNSUPPORTED", nested, /nested deeper/);
    refused("UNSUPPORTED", encodeDer(0x30, Buffer.alloc(200_000, Buffer.from([5, 0]))), /values/);
    refused("UNSUPPORTED", encodeDer(0x30, Buffer.alloc(300_000, 4)), /bytes/);
  });
});
