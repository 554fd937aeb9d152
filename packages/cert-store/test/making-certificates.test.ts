import { X509Certificate as NodeCertificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createCertificateRequest,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  joinCertificate,
  type KeyPairOptions,
  type parseCertificate,
  type SelfSignedCertificateOptions,
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
import { heldKey } from "./making-held-key.js";

const KINDS: readonly (KeyPairOptions & { readonly name: string; readonly signature: string })[] = [
  { name: "rsa", type: "rsa", bits: 2048, signature: "sha256WithRSAEncryption" },
  { name: "p256", type: "ec", signature: "ecdsa-with-SHA256" },
  { name: "p384", type: "ec", curve: "P-384", signature: "ecdsa-with-SHA384" },
  { name: "p521", type: "ec", curve: "P-521", signature: "ecdsa-with-SHA512" },
  { name: "ed25519", type: "ed25519", signature: "Ed25519" },
];
const keys = new Map<string, SoftwarePrivateKey>();
const key = (name: string) => keys.get(name) as SoftwarePrivateKey;

beforeAll(async () => {
  for (const { name, ...options } of KINDS) keys.set(name, await generateKeyPair(options));
});

describe("generateKeyPair", () => {
  test("makes what was asked for", () => {
    expect(KINDS.map(({ name }) => [key(name).type, key(name).bits])).toEqual([
      ["ssh-rsa", 2048],
      ["ecdsa-sha2-nistp256", 256],
      ["ecdsa-sha2-nistp384", 384],
      ["ecdsa-sha2-nistp521", 521],
      ["ssh-ed25519", 256],
    ]);
  });

  test.each([
    { type: "rsa", bits: 1024 },
    { type: "rsa", bits: 8200 },
    { type: "ec", curve: "P-192" },
    { type: "dsa" },
  ])("refuses %j", async (options) => {
    await expect(generateKeyPair(options as KeyPairOptions)).rejects.toMatchObject({
      code: "ERR_KEY_OPTIONS",
    });
  });
});

describe("createSelfSignedCertificate", () => {
  test.each(KINDS)("$name", async ({ name, signature }) => {
    const certificate = await createSelfSignedCertificate({ key: key(name), subject: "CN=host,C=DE" });
    expect(certificate).toMatchObject({
      version: 3,
      signatureAlgorithm: signature,
      selfIssued: true,
      keyUsage: undefined,
      extendedKeyUsage: undefined,
      basicConstraints: undefined,
      subjectAltNames: [],
      unknownCriticalExtensions: [],
    });
    expect(certificate.isSignedBy(certificate)).toBe(true);
    expect(certificate.sshKey?.equals(key(name).publicKey)).toBe(true);
    expect(new NodeCertificate(certificate.pem).subject).toBe("C=DE\nCN=host");
  });

  test("everything that can be asked for", async () => {
    const notBefore = new Date("2049-12-31T23:59:59Z");
    const notAfter = new Date("2050-01-01T00:00:00Z");
    const certificate = await createSelfSignedCertificate({
      ...{
        key: key("rsa"),
        subject: [{ type: "CN", value: "Größe" }],
        hash: "sha512",
        padding: "pss",
        notBefore,
        notAfter,
      },
      subjectAltNames: [
        { kind: "dns", value: "*.example.com" },
        { kind: "ip", value: "192.0.2.1" },
        { kind: "ip", value: "2001:db8::1" },
        { kind: "email", value: "edi@example.com" },
        { kind: "uri", value: "oftp://example.com" },
        { kind: "directory", value: "CN=a\\, b,C=DE" },
      ],
      keyUsage: ["decipherOnly", "digitalSignature", "keyCertSign"],
      extendedKeyUsage: ["serverAuth", "OCSPSigning", "1.2.3.4"],
      ca: { pathLength: 0 },
    });
    expect(certificate).toMatchObject({
      ...{ notBefore, notAfter, signatureAlgorithm: "RSASSA-PSS (SHA-512)" },
      keyUsage: ["digitalSignature", "keyCertSign", "decipherOnly"],
      basicConstraints: { ca: true, pathLength: 0 },
      subject: { text: "CN=Größe" },
    });
    expect(certificate.extendedKeyUsage?.map((purpose) => purpose.name)).toEqual([
      "serverAuth",
      "OCSPSigning",
      "1.2.3.4",
    ]);
    expect(certificate.subjectAltNames.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
      "dns *.example.com",
      "ip 192.0.2.1",
      "ip 2001:db8::1",
      "email edi@example.com",
      "uri oftp://example.com",
      "directory CN=a\\, b,C=DE",
    ]);
    expect(certificate.isSignedBy(certificate)).toBe(true);
  });

  test("serial numbers are positive, of 20 octets, and not the same twice", async () => {
    const serials = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const { serialNumber } = await createSelfSignedCertificate({ key: key("ed25519"), subject: "CN=x" });
      expect(serialNumber).toMatch(/^[4-7][0-9A-F]{39}$/);
      serials.add(serialNumber);
    }
    expect(serials.size).toBe(20);
  });

  test("valid for two years from now unless told otherwise", async () => {
    const certificate = await createSelfSignedCertificate({ key: key("ed25519"), subject: "CN=x" });
    expect(Math.abs(certificate.notBefore.getTime() - Date.now())).toBeLessThan(60_000);
    expect((certificate.notAfter.getTime() - certificate.notBefore.getTime()) / 86_400_000).toBe(730);
    const { notAfter } = await createSelfSignedCertificate({
      ...{ key: key("ed25519"), subject: "CN=x", notAfter: new Date("9999-12-31T23:59:59Z") },
    });
    expect(notAfter.toISOString()).toBe("9999-12-31T23:59:59.000Z");
  });

  test("an authority has its usages", async () => {
    const certificate = await createSelfSignedCertificate({ key: key("p256"), subject: "CN=CA", ca: {} });
    expect(certificate.keyUsage).toEqual(["digitalSignature", "keyCertSign", "cRLSign"]);
    expect(certificate.basicConstraints).toEqual({ ca: true, pathLength: undefined });
  });

  test("a key that never leaves can sign", async () => {
    const certificate = await createSelfSignedCertificate({ key: heldKey(key("rsa")), subject: "CN=token" });
    expect(certificate.isSignedBy(certificate)).toBe(true);
  });

  const bad: readonly [string, Partial<SelfSignedCertificateOptions>][] = [
    ["no subject", { subject: "" }],
    ["a subject of blanks", { subject: " " }],
    ["a malformed subject", { subject: "host" }],
    ["an end before the beginning", { notBefore: new Date(2), notAfter: new Date(1) }],
    ["no date", { notAfter: new Date(Number.NaN) }],
    ["a year of five digits", { validityDays: 10_000_000 }],
    ["a wrong usage", { keyUsage: ["signing" as "cRLSign"] }],
    ["a wrong purpose", { extendedKeyUsage: ["tls"] }],
    ["an OID that cannot be", { extendedKeyUsage: ["1.55"] }],
    ["a wrong address", { subjectAltNames: [{ kind: "ip", value: "1.2.3" }] }],
    ["a host name with a NUL", { subjectAltNames: [{ kind: "dns", value: "a\0b" }] }],
    ["a host name that is not ASCII", { subjectAltNames: [{ kind: "dns", value: "größe.de" }] }],
    ["a wrong path length", { ca: { pathLength: -1 } }],
    ["a padding for another key", { padding: "pss" }],
    ["a hash that is too old", { hash: "sha1" as "sha256" }],
  ];
  test.each(bad)("%s is refused", async (_, options) => {
    await expect(
      createSelfSignedCertificate({ key: key("p256"), subject: "CN=x", ...options }),
    ).rejects.toMatchObject({ code: "ERR_CERT_OPTIONS" });
  });
});

describe("issueCertificate and joinCertificate", () => {
  test("a request, its certificate and the waiting key", async () => {
    const root = await createSelfSignedCertificate({ key: key("rsa"), subject: "CN=Root", ca: {} });
    const middle = await issueCertificate({
      ...{
        issuer: { certificate: root, key: key("rsa") },
        publicKeyDer: publicDer("p384"),
        subject: "CN=Middle",
        ca: { pathLength: 0 },
      },
    });
    const request = await createCertificateRequest({ key: key("ed25519"), subject: "CN=host" });
    const issued = await issueCertificate({
      ...{
        issuer: { certificate: middle, key: key("p384") },
        publicKeyDer: request.publicKeyDer,
        subject: "CN=host",
      },
    });
    expect(issued.isSignedBy(middle)).toBe(true);
    expect(issued.isSignedBy(root)).toBe(false);
    expect(issued).toMatchObject({ authorityKeyId: middle.subjectKeyId, selfIssued: false });
    const renewed = await issueCertificate({
      issuer: { certificate: middle, key: key("p384") },
      ...{ publicKeyDer: request.publicKeyDer, subject: "CN=host", validityDays: 1000 },
    });
    const entry = joinCertificate({
      certificates: [root, issued, renewed, middle],
      key: key("ed25519"),
      alias: "mine",
    });
    expect(entry.certificate).toBe(renewed);
    expect(entry.chain.map((one) => one.subject.text)).toEqual(["CN=host", "CN=Middle", "CN=Root"]);
    expect(entry).toMatchObject({ alias: "mine", privateKey: key("ed25519") });
    const mismatch = (certificates: readonly ReturnType<typeof parseCertificate>[]) => () =>
      joinCertificate({ certificates, key: key("p256"), fileName: "answer.p7b" });
    expect(mismatch([root, issued])).toThrow(
      expect.objectContaining({
        code: "ERR_CERT_KEY_MISMATCH",
        message: expect.stringMatching(/^answer\.p7b: .*CN=Root; CN=host/),
      }),
    );
    expect(mismatch([])).toThrow(/no certificate/);
    await expect(
      issueCertificate({
        issuer: { certificate: root, key: key("p256") },
        publicKeyDer: request.publicKeyDer,
        subject: "CN=x",
      }),
    ).rejects.toMatchObject({ code: "ERR_CERT_KEY_MISMATCH" });
  });
});

function publicDer(name: string): Buffer {
  return key(name).publicKey.keyObject.export({ format: "der", type: "spki" });
}

describeWithPeers("openssl and the certificates that we make", [peers.openssl], () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  test.each(KINDS)("$name: an authority and what it issued", async ({ name }) => {
    const root = await createSelfSignedCertificate({
      key: key(name),
      subject: "CN=Root,O=Größe",
      ca: { pathLength: 0 },
    });
    const leaf = await issueCertificate({
      ...{
        issuer: { certificate: root, key: key(name) },
        publicKeyDer: publicDer("p256"),
        subject: "CN=host.example.com",
      },
      subjectAltNames: [{ kind: "dns", value: "host.example.com" }],
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: ["serverAuth"],
    });
    await writeFile(`${folder.path}/${name}-root.pem`, root.pem);
    await writeFile(`${folder.path}/${name}-leaf.pem`, leaf.pem);
    const result = await runProgram(peerPath(peers.openssl), [
      ...[
        "verify",
        "-x509_strict",
        "-check_ss_sig",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "host.example.com",
      ],
      ...["-CAfile", `${folder.path}/${name}-root.pem`, `${folder.path}/${name}-leaf.pem`],
    ]);
    expect(`${result.stdout}${result.stderr}`).toContain("OK");
    expect(result.code).toBe(0);
  });
});
