import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createCertificateRequest, WRITTEN_FORMATS } from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { HOST_SUBJECT, issue, makePki, PASSWORD, storeFile, type TestPki } from "./cert-fixtures.js";
import { waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
let pki: TestPki;
let p12: string;
const secret = { env: { WAYBILL_PASSWORD: PASSWORD } };
beforeAll(async () => {
  folder = await temporaryFolder();
  pki = await makePki();
  p12 = await storeFile(folder.path, "host.p12", "pkcs12", [pki.entry], PASSWORD);
});
afterAll(() => folder.remove());

describe("cert show", () => {
  test("says everything about a certificate, one fact a line", async () => {
    const { code, stdout, stderr } = await waybill(["cert", "show", p12, "--alias", "Größe"], secret);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { certificate } = pki.host;
    const days = /\((\d+) days left\)/.exec(stdout)?.[1];
    expect(Number(days)).toBe(729);
    const time = (date: Date) => `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    expect(stdout).toBe(`${p12}: PKCS#12, 1 entry

"Größe"
  subject      ${HOST_SUBJECT}
  issuer       CN=Test Middle
  serial       ${certificate.serialNumber}
  valid        from ${time(certificate.notBefore)}
               to   ${time(certificate.notAfter)} (729 days left)
  names        DNS oftp.example.com
               IP 10.0.0.1
  key          EC P-256
  private key  yes
  key usage    digitalSignature, keyAgreement
  purposes     serverAuth, clientAuth
  signature    ecdsa-with-SHA256
  version      3
  SHA-256      ${certificate.thumbprint("sha256")}
  SHA-1        ${certificate.thumbprint("sha1")}
  MD5          ${certificate.thumbprint("md5")}
  SSH key      ${certificate.sshKey?.fingerprint()}
  issued by    CN=Test Middle
               CN=Test Root (root)
`);
  });

  test.each(WRITTEN_FORMATS)("reads %s", async (format) => {
    const entry = format === "der" ? { certificate: pki.host.certificate } : pki.entry;
    const passphrase = format === "jwk" ? undefined : PASSWORD;
    const path = await storeFile(folder.path, `a.${format}`, format, [entry], passphrase);
    const { code, stdout, stderr } = await waybill(["cert", "show", path, "--details"], secret);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const isKey = format === "openssh" || format === "ppk";
    expect(stdout).toContain(isKey ? pki.host.key.publicKey.fingerprint() : HOST_SUBJECT);
    const hasKey = format !== "der" && !format.startsWith("pkcs7");
    expect(/^ {2}private key {2}yes$/m.test(stdout)).toBe(hasKey);
  });

  test("--json holds what a program needs, and --pem the certificate", async () => {
    const shown = await waybill(["cert", "show", p12, "--subject", "oftp.example.com", "--json"], secret);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      format: "pkcs12",
      fileName: p12,
      problems: [],
      entries: [
        {
          alias: "Größe",
          hasPrivateKey: true,
          certificate: {
            subject: { text: HOST_SUBJECT },
            extendedKeyUsage: ["serverAuth", "clientAuth"],
            pem: pki.host.certificate.pem,
          },
          chain: [{ subject: { text: "CN=Test Middle" } }, { subject: { text: "CN=Test Root" } }],
        },
      ],
    });
    const thumbprint = pki.host.certificate.thumbprint("sha1");
    const pem = await waybill(["cert", "show", p12, "--thumbprint", thumbprint, "--pem"], secret);
    expect(pem.stdout).toBe(pki.host.certificate.pem);
  });

  test("--list is one line an entry, with tabs for programs", async () => {
    const { stdout } = await waybill(["cert", "show", p12, "--list"], secret);
    const rows = stdout.trimEnd().split("\n");
    expect(rows).toHaveLength(3);
    expect(rows[0]?.split("\t")).toEqual([
      "Größe",
      HOST_SUBJECT,
      pki.host.certificate.notAfter.toISOString(),
      "EC P-256",
      "key",
      pki.host.certificate.thumbprint("sha1"),
    ]);
  });

  test("what is expired, or not valid yet, says so", async () => {
    const old = await issue("CN=Old", pki.middle, {
      notBefore: new Date("2019-01-01"),
      notAfter: new Date("2020-01-01"),
    });
    const early = await issue("CN=Early", pki.middle, {
      notBefore: new Date(Date.now() + 10.5 * 86_400_000),
    });
    const entries = [old, early].map(({ certificate }) => ({ certificate }));
    const path = await storeFile(folder.path, "times.pem", "pem", entries);
    const { stdout } = await waybill(["cert", "show", path]);
    expect(stdout).toMatch(/to {3}2020-01-01 00:00:00 UTC \(EXPIRED \d+ days ago\)/);
    expect(stdout).toMatch(/\(NOT YET VALID, from 10 days on\)/);
  });

  test("a request is shown, too", async () => {
    const request = await createCertificateRequest({
      profile: "oftp2",
      key: pki.host.key,
      hostName: "oftp.example.com",
      odetteId: "O0013000001EXAMPLE",
    });
    const path = join(folder.path, "host.csr");
    await writeFile(path, request.pem);
    const { stdout } = await waybill(["cert", "show", path]);
    expect(stdout).toBe(`${path}: certificate request

  subject      CN=oftp.example.com,serialNumber=O0013000001EXAMPLE
  names        DNS oftp.example.com
  key          EC P-256
  key usage    digitalSignature, keyAgreement
  purposes     serverAuth, clientAuth
  signature    ecdsa-with-SHA256
`);
    const json = await waybill(["cert", "show", path, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ format: "request", signatureValid: true });
  });

  test("names from others cannot steer the terminal", async () => {
    const evil = "a\u001b[2J\u009b31m\u202eb";
    const { certificate } = await issue([{ type: "CN", value: evil }], pki.root);
    const path = await storeFile(folder.path, "evil.p12", "pkcs12", [{ alias: evil, certificate }], PASSWORD);
    for (const options of [[], ["--list"], ["--json"]]) {
      const { stdout } = await waybill(["cert", "show", path, ...options], secret);
      expect(stdout).not.toMatch(/[^\P{C}\n\t]/u);
      expect(stdout).toContain("31m");
    }
    const { stdout } = await waybill(["cert", "show", path, "--json"], secret);
    expect(JSON.parse(stdout)).toMatchObject({ entries: [{ alias: evil }] });
  });

  test("a password that is missing, wrong, or in a file", async () => {
    const missing = await waybill(["cert", "show", p12]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toMatch(/password of .*host\.p12 is needed.*--password-file or WAYBILL_PASSWORD/);
    const wrong = await waybill(["cert", "show", p12], { env: { WAYBILL_PASSWORD: "wrong" } });
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toBe(`waybill: ${p12}: the password is wrong, or the protected part is damaged\n`);
    const passwordFile = join(folder.path, "password");
    await writeFile(passwordFile, `${PASSWORD}\n`);
    expect((await waybill(["cert", "show", p12, "--password-file", passwordFile])).code).toBe(0);
  });

  test("what is not there, and what is no store, in one line", async () => {
    const path = join(folder.path, "no-store");
    await writeFile(path, "this is nothing\n");
    for (const args of [[join(folder.path, "missing")], [path], [p12, "--subject", "nobody"]]) {
      const { code, stdout, stderr } = await waybill(["cert", "show", ...args], secret);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(args[0]);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });

  test("a folder: what cannot be read is told, the rest is shown", async () => {
    const inner = await temporaryFolder();
    try {
      await storeFile(inner.path, "chain.p7b", "pkcs7", [pki.entry]);
      await storeFile(inner.path, "host.key", "pem", [{ privateKey: pki.host.key }]);
      await writeFile(join(inner.path, "notes.txt"), "nothing");
      const { code, stdout, stderr } = await waybill(["cert", "show", inner.path]);
      expect(code).toBe(0);
      expect(stderr).toMatch(/notes\.txt: it is in no known format/);
      expect(stdout).toMatch(/a folder, 3 entries/);
      expect(stdout.match(/private key {2}yes$/gm)).toHaveLength(1);
    } finally {
      await inner.remove();
    }
  });
});
