import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createCertificateRequest,
  describeCertificateRequest,
  generateKeyPair,
  type Oftp2RequestOptions,
  readCertificateRequest,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";

let rsa: SoftwarePrivateKey;
let ec: SoftwarePrivateKey;
let ed25519: SoftwarePrivateKey;
beforeAll(async () => {
  rsa = await generateKeyPair({ type: "rsa", bits: 2048 });
  ec = await generateKeyPair({ type: "ec", curve: "P-384" });
  ed25519 = await generateKeyPair({ type: "ed25519" });
});
const oftp2 = (options: Partial<Oftp2RequestOptions> = {}) =>
  createCertificateRequest({
    ...{ profile: "oftp2", key: rsa, hostName: "oftp.example.com", odetteId: "O0013000042PLANT 1" },
    ...options,
  });

describe("createCertificateRequest", () => {
  test("as OFTP2 partners make it", async () => {
    const request = await oftp2({
      organization: "Größe",
      country: "DE",
      subjectAltNames: [{ kind: "ip", value: "192.0.2.1" }],
    });
    expect(request).toMatchObject({
      subject: { text: "CN=oftp.example.com,serialNumber=O0013000042PLANT 1,O=Größe,C=DE" },
      subjectAltNames: [
        { kind: "dns", value: "oftp.example.com" },
        { kind: "ip", value: "192.0.2.1" },
      ],
      keyUsage: ["digitalSignature", "keyEncipherment", "dataEncipherment"],
      keyAlgorithm: "RSA",
      keyBits: 2048,
      signatureAlgorithm: "sha256WithRSAEncryption",
      basicConstraints: undefined,
    });
    expect(request.extendedKeyUsage?.map((purpose) => purpose.name)).toEqual(["serverAuth", "clientAuth"]);
    expect(request.verifySignature()).toBe(true);
    expect((await oftp2({ key: ec })).keyUsage).toEqual(["digitalSignature", "keyAgreement"]);
    expect((await oftp2({ key: ed25519 })).keyUsage).toEqual(["digitalSignature"]);
  });

  test.each<Partial<Oftp2RequestOptions>>([
    { odetteId: "0013000042" },
    { odetteId: "O0013" },
    { odetteId: "O0013lower" },
    { odetteId: `O0013${"A".repeat(21)}` },
    { hostName: "localhost" },
    { hostName: "*.example.com" },
    { hostName: "a b.com" },
    { country: "Germany" },
  ])("refuses %j", async (options) => {
    await expect(oftp2(options)).rejects.toMatchObject({ code: "ERR_CERT_OPTIONS" });
  });

  test("with a subject alone, and with everything", async () => {
    const plain = await createCertificateRequest({ key: ed25519, subject: "CN=x" });
    expect(plain).toMatchObject({ subjectAltNames: [], keyUsage: undefined, extendedKeyUsage: undefined });
    const full = await createCertificateRequest({
      ...{ key: rsa, subject: "CN=x", padding: "pss", hash: "sha384", keyUsage: ["nonRepudiation"] },
      extendedKeyUsage: ["emailProtection"],
      subjectAltNames: [{ kind: "email", value: "a@b.c" }],
    });
    for (const request of [plain, full]) {
      const back = readCertificateRequest(request.pem);
      expect(back.der).toEqual(request.der);
      expect(back.verifySignature()).toBe(true);
    }
    expect(full.signatureAlgorithm).toBe("RSASSA-PSS (SHA-384)");
    await expect(createCertificateRequest({ key: rsa, subject: "" })).rejects.toMatchObject({
      code: "ERR_CERT_OPTIONS",
    });
  });

  test("a changed request has no valid signature", async () => {
    const request = await oftp2();
    const der = Buffer.from(request.der);
    der[der.indexOf("oftp.example.com")] = "x".charCodeAt(0);
    const changed = readCertificateRequest(der);
    expect(changed.verifySignature()).toBe(false);
    expect(describeCertificateRequest(changed)).toMatchObject({ signatureValid: false });
  });

  test("a description is plain and whole", async () => {
    const request = await oftp2();
    const description = describeCertificateRequest(request);
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    expect(description).toMatchObject({
      subject: { text: request.subject.text },
      extendedKeyUsage: ["serverAuth", "clientAuth"],
      signatureValid: true,
      pem: request.pem,
    });
  });

  test("what is no request is refused", async () => {
    const refused = (data: string, code: string) =>
      expect(() => readCertificateRequest(data, { fileName: "a.csr" })).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(/^a\.csr: /) }),
      );
    refused("", "ERR_CERT_DAMAGED");
    refused("text", "ERR_CERT_UNSUPPORTED");
    refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ERR_CERT_UNSUPPORTED");
    refused((await oftp2()).pem.replace(/\n....../, "\nAAAAAA"), "ERR_CERT_DAMAGED");
  });
});

describeWithPeers("openssl and requests", [peers.openssl], () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const openssl = async (args: readonly string[]) => {
    const result = await runProgram(peerPath(peers.openssl), args);
    if (result.code !== 0) throw new Error(result.stderr);
    return result.stdout + result.stderr;
  };

  test("ours are verified and shown by it", async () => {
    for (const key of [rsa, ec, ed25519]) {
      const path = `${folder.path}/${key.type}.csr`;
      await writeFile(path, (await oftp2({ key })).pem);
      const text = await openssl(["req", "-in", path, "-verify", "-noout", "-text"]);
      expect(text).toMatch(/verify OK/i);
      expect(text).toMatch(/CN ?= ?oftp\.example\.com/);
      expect(text).toMatch(/serialNumber ?= ?O0013000042PLANT 1/);
      expect(text).toContain("DNS:oftp.example.com");
      expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
    }
  });

  test("its own are read by us", async () => {
    const path = `${folder.path}/theirs.csr`;
    await openssl([
      ...[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        `${path}.key`,
      ],
      ...[
        "-subj",
        "/CN=theirs",
        "-addext",
        "subjectAltName=DNS:a.b,IP:::1",
        "-addext",
        "keyUsage=cRLSign",
        "-out",
        path,
      ],
    ]);
    const request = readCertificateRequest(await readFile(path));
    expect(request).toMatchObject({
      subject: { text: "CN=theirs" },
      subjectAltNames: [
        { kind: "dns", value: "a.b" },
        { kind: "ip", value: "::1" },
      ],
      keyUsage: ["cRLSign"],
      keyAlgorithm: "EC P-256",
    });
    expect(request.verifySignature()).toBe(true);
  });
});
