import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { issueCertificate, openStore, parseCertificate, readCertificateRequest } from "@waybill/cert-store";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { makePki, PASSWORD, storeFile, type TestPki } from "./cert-fixtures.js";
import { waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
let pki: TestPki;
const path = (name: string) => join(folder.path, name);
const cert = (args: readonly string[], env: NodeJS.ProcessEnv = { WAYBILL_NEW_PASSWORD: PASSWORD }) =>
  waybill(["cert", ...args], { env, cwd: folder.path });
beforeAll(async () => {
  folder = await temporaryFolder();
  pki = await makePki();
});
afterAll(() => folder.remove());

const OFTP = [
  "--host-name",
  "oftp.example.com",
  "--odette-id",
  "O0013000001EXAMPLE",
  "--organization",
  "Example",
];

describe("cert create", () => {
  test("a self-signed certificate and its new key", async () => {
    const names = ["--dns", "a.example.com", "--dns", "b.example.com", "--ip", "::1"];
    const files = ["--key-out", "new.key", "--out", "new.pem"];
    const { code, stdout, stderr } = await cert([
      ...["create", "--subject", "CN=a.example.com,O=Example", "--days", "10", "--key-type", "ec-p384"],
      ...[...names, "--purpose", "serverAuth", "--key-usage", "digitalSignature", ...files],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^subject {6}CN=a\.example\.com,O=Example\n/);
    const certificate = parseCertificate(await readFile(path("new.pem")));
    expect(certificate).toMatchObject({
      keyAlgorithm: "EC P-384",
      keyUsage: ["digitalSignature"],
      subjectAltNames: [
        { kind: "dns", value: "a.example.com" },
        { kind: "dns", value: "b.example.com" },
        { kind: "ip", value: "::1" },
      ],
    });
    expect(certificate.isSignedBy(certificate)).toBe(true);
    expect((await stat(path("new.key"))).mode & 0o777).toBe(0o600);
    const { entries } = await openStore({ path: path("new.key") }, { password: PASSWORD });
    expect(entries[0]?.privateKey?.publicKey.equals(certificate.sshKey!)).toBe(true);
  });

  test("for a key that is there, and an authority's", async () => {
    await storeFile(folder.path, "root.p12", "pkcs12", [pki.entry], PASSWORD);
    const { code } = await cert(
      [
        "create",
        "--subject",
        "CN=Root",
        "--ca",
        "--path-length",
        "1",
        "--key",
        "root.p12",
        "--out",
        "ca.pem",
      ],
      { WAYBILL_PASSWORD: PASSWORD },
    );
    expect(code).toBe(0);
    const certificate = parseCertificate(await readFile(path("ca.pem")));
    expect(certificate.basicConstraints).toEqual({ ca: true, pathLength: 1 });
    expect(certificate.sshKey?.equals(pki.host.key.publicKey)).toBe(true);
  });

  test("when it fails, no key is left behind, and no file is overwritten", async () => {
    const wrong = await cert(["create", "--subject", "XY=a", "--key-out", "left.key", "--out", "left.pem"]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/"XY" is no attribute of a name/);
    await expect(stat(path("left.key"))).rejects.toMatchObject({ code: "ENOENT" });
    await writeFile(path("taken.pem"), "mine");
    const taken = await cert(["create", "--subject", "CN=a", "--key-out", "left.key", "--out", "taken.pem"]);
    expect(taken.stderr).toMatch(/taken\.pem is there already/);
    await expect(stat(path("left.key"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("cert request and cert join", () => {
  test("a request as OFTP2 partners make it, and the way back", async () => {
    const made = await cert([
      "request",
      ...OFTP,
      "--country",
      "DE",
      "--key-out",
      "oftp.key",
      "--out",
      "oftp.csr",
    ]);
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
    const request = readCertificateRequest(await readFile(path("oftp.csr")));
    expect(request.verifySignature()).toBe(true);
    expect(request).toMatchObject({ keyAlgorithm: "RSA", keyBits: 3072 });
    expect(request.subject.text).toBe("CN=oftp.example.com,serialNumber=O0013000001EXAMPLE,O=Example,C=DE");
    expect(request.subjectAltNames).toEqual([{ kind: "dns", value: "oftp.example.com" }]);
    expect(request.extendedKeyUsage?.map(({ name }) => name)).toEqual(["serverAuth", "clientAuth"]);
    expect((await stat(path("oftp.key"))).mode & 0o777).toBe(0o600);

    const issued = await issueCertificate({
      issuer: pki.middle,
      subject: request.subject.text,
      publicKeyDer: request.publicKeyDer,
    });
    await writeFile(path("issued.cer"), issued.der);
    await storeFile(folder.path, "chain.p7b", "pkcs7", [{ ...pki.entry, certificate: undefined }]);
    const passwords = { WAYBILL_PASSWORD: PASSWORD, WAYBILL_NEW_PASSWORD: "new" };
    const joined = await cert(
      ["join", "issued.cer", "chain.p7b", "--key", "oftp.key", "--out", "oftp.p12", "--name", "oftp"],
      passwords,
    );
    expect({ code: joined.code, stdout: joined.stdout }).toEqual({
      code: 0,
      stdout: "oftp.p12: pkcs12, 3 certificates, 1 private key\n",
    });
    const { entries } = await openStore({ path: path("oftp.p12") }, { password: "new" });
    expect(entries[0]).toMatchObject({ alias: "oftp" });
    expect(entries[0]?.certificate?.equals(issued)).toBe(true);
    expect(entries[0]?.chain).toHaveLength(3);
    expect(entries[0]?.privateKey?.type).toBe("ssh-rsa");

    const wrong = await cert(["join", "chain.p7b", "--key", "oftp.key", "--out", "wrong.p12"], passwords);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/does not belong to .*CN=Test Middle/);
  });

  test("a plain request for a key that is there", async () => {
    await storeFile(folder.path, "host.key", "pem", [{ privateKey: pki.host.key }]);
    const { code } = await cert([
      ...["request", "--profile", "plain", "--subject", "CN=x", "--email", "ann@example.com"],
      ...["--key", "host.key", "--out", "plain.csr"],
    ]);
    expect(code).toBe(0);
    const request = readCertificateRequest(await readFile(path("plain.csr")));
    expect(request.subjectAltNames).toEqual([{ kind: "email", value: "ann@example.com" }]);
    expect(request.publicKeyDer).toEqual(
      pki.host.key.publicKey.keyObject.export({ format: "der", type: "spki" }),
    );
  });
});

describeWithPeers("openssl and what the command makes", [peers.openssl], () => {
  test("verifies the request and the certificate", async () => {
    const openssl = (...args: string[]) => runProgram(peerPath(peers.openssl), args, { cwd: folder.path });
    await cert(["request", ...OFTP, "--key-type", "ed25519", "--key-out", "o.key", "--out", "o.csr"]);
    const request = await openssl("req", "-in", "o.csr", "-noout", "-verify", "-subject");
    expect(request.stdout + request.stderr).toMatch(/CN = oftp\.example\.com.*verify OK/s);
    await cert(["create", "--subject", "CN=o", "--ca", "--key-out", "c.key", "--out", "c.pem"]);
    expect((await openssl("verify", "-check_ss_sig", "-CAfile", "c.pem", "c.pem")).stdout).toBe(
      "c.pem: OK\n",
    );
    const key = await openssl("pkey", "-in", "c.key", "-passin", `pass:${PASSWORD}`, "-noout", "-text");
    expect(key.stdout).toMatch(/3072 bit/);
  });
});
