import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { encodeDer } from "../src/der.js";
import { crlStatus, type StatusQuestion } from "../src/trust/crl-status.js";
import { ocspRequest } from "../src/trust/ocsp-request.js";
import { ocspStatus } from "../src/trust/ocsp-status.js";
import { mutations } from "./mutations.js";
import { TestPki } from "./trust-pki.js";

describeWithPeers("hostile lists and responses", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let question: StatusQuestion;
  let crl: Buffer;
  let response: Buffer;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const pki = new TestPki(folder.path);
    const issuer = await pki.authority("issuer", undefined);
    const leaf = await pki.issue("leaf", { issuer });
    const pem = await pki.crl({
      issuer,
      revoked: [[leaf, "superseded"]],
      extensions: ["issuingDistributionPoint=critical,@idp"],
      sections: ["[idp]", "onlyuser=TRUE"],
    });
    crl = Buffer.from(pem.toString().replace(/-----[^-]+-----|\s/g, ""), "base64");
    const request = ocspRequest(leaf.certificate, issuer.certificate, "sha1", undefined);
    response = await pki.ocsp(request, {
      issuer,
      signer: issuer,
      known: [],
      revoked: [[leaf, "superseded"]],
    });
    question = {
      certificate: leaf.certificate,
      issuer: issuer.certificate,
      at: new Date(),
      maxAgeMs: undefined,
      clockSkewMs: 300_000,
      allowSha1Signatures: false,
      minimumRsaBits: 2048,
    };
  });
  afterAll(() => folder.remove());

  test("unchanged they say that the certificate is revoked", () => {
    expect(crlStatus(crl, question)).toMatchObject({ status: "revoked", reason: "superseded" });
    expect(ocspStatus(response, question)).toMatchObject({ status: "revoked", reason: "superseded" });
  });

  test.each([
    ["CRL", mutations(1000)],
    ["OCSP response", mutations(150)],
  ])("changed octets of a %s never make it good", (what, numRuns) => {
    const [original, judge] = what === "CRL" ? [crl, crlStatus] : [response, ocspStatus];
    const change = fc.record({ at: fc.nat(original.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(original);
        for (const { at, to } of changes) bytes[at] = to;
        expect(["revoked", "unknown"]).toContain(judge(bytes, question).status);
      }),
      { numRuns },
    );
  });

  test("any octets at all, and any part of the right ones, are unknown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, length) => {
        for (const data of [
          bytes,
          crl.subarray(0, length % crl.length),
          response.subarray(0, length % response.length),
        ]) {
          expect(crlStatus(data, question)).toMatchObject({
            status: "unknown",
            code: "ERR_TRUST_CRL_DAMAGED",
          });
          expect(ocspStatus(data, question)).toMatchObject({
            status: "unknown",
            code: "ERR_TRUST_OCSP_DAMAGED",
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("nesting without end, and very many values", () => {
    let nested: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 10_000; depth += 1) nested = encodeDer(0x30, nested);
    const many = encodeDer(0x30, Buffer.alloc(120_000, Buffer.from("0500", "hex")));
    for (const bytes of [nested, many]) {
      expect(crlStatus(bytes, question)).toMatchObject({ status: "unknown" });
      expect(ocspStatus(bytes, question)).toMatchObject({
        status: "unknown",
        code: "ERR_TRUST_OCSP_DAMAGED",
      });
    }
  });

  test("a list with 500,000 entries is walked fast and without much memory", () => {
    const entry = (serial: number) =>
      Buffer.from(
        `3023020400${serial.toString(16).padStart(6, "0")}170d3235303130313030303030305a300c300a0603551d1504030a0101`,
        "hex",
      );
    const entries = Buffer.concat(Array.from({ length: 500_000 }, (_, index) => entry(index + 65_536)));
    const name = question.issuer.subject.der;
    const algorithm = Buffer.from("300a06082a8648ce3d040302", "hex");
    const time = Buffer.from("170d3235303130313030303030305a", "hex");
    const list = encodeDer(
      0x30,
      Buffer.from("020101", "hex"),
      algorithm,
      name,
      time,
      encodeDer(0x30, entries),
    );
    const bytes = encodeDer(0x30, list, algorithm, encodeDer(0x03, Buffer.alloc(9)));
    const before = process.memoryUsage().arrayBuffers;
    const start = performance.now();
    // Its signature is wrong, which is found out after the entries were looked through.
    expect(crlStatus(bytes, question)).toMatchObject({ code: "ERR_TRUST_CRL_SIGNATURE" });
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });
});
