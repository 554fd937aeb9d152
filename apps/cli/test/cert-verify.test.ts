import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { issue, makePki, PASSWORD, storeFile, type TestPki } from "./cert-fixtures.js";
import { waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
let pki: TestPki;
let files: { host: string; root: string; middle: string; p12: string };
beforeAll(async () => {
  folder = await temporaryFolder();
  pki = await makePki();
  const pem = (name: string, certificate = pki.host.certificate) =>
    storeFile(folder.path, name, "pem", [{ certificate }]);
  files = {
    host: await pem("host.pem"),
    root: await pem("root.pem", pki.root.certificate),
    middle: await pem("middle.pem", pki.middle.certificate),
    p12: await storeFile(folder.path, "host.p12", "pkcs12", [pki.entry], PASSWORD),
  };
});
afterAll(() => folder.remove());

const verify = (...args: string[]) =>
  waybill(["cert", "verify", ...args], {
    env: { WAYBILL_PASSWORD: PASSWORD, XDG_STATE_HOME: folder.path },
  });

describe("cert verify", () => {
  test("a chain in the file, trusted: exit code 0", async () => {
    const { code, stdout, stderr } = await verify(
      files.p12,
      "--trust",
      files.root,
      "--purpose",
      "serverAuth",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^trusted: CN=oftp\.example\.com,.*\n\nchain\n {2}0 .*\n.* left\)\n {2}1 {12}CN=Test Middle\n/,
    );
  });

  test("intermediates in another file", async () => {
    const alone = await verify(files.host, "--trust", files.root);
    expect(alone.code).toBe(1);
    expect(alone.stdout).toMatch(
      /^NOT TRUSTED: .*\n\nfailed\n {2}path {9}.*Test Middle.*\n.*ERR_TRUST_NO_ISSUER/,
    );
    expect((await verify(files.host, "--trust", files.root, "--intermediates", files.middle)).code).toBe(0);
  });

  test("every step that failed, for which certificate: exit code 1", async () => {
    const { code, stdout } = await verify(
      ...[files.p12, "--trust", files.root, "--at", "2100-01-01", "--host-name", "other.example.com"],
      ...["--purpose", "codeSigning", "--pin", "00".repeat(32)],
    );
    expect(code).toBe(1);
    const reasons = [...stdout.matchAll(/^ {2}(\w+) .*\n +(ERR_\w+), certificate (\d)$/gm)].map((match) =>
      match.slice(1).join(" "),
    );
    expect(reasons).toEqual(
      expect.arrayContaining([
        "validity ERR_TRUST_EXPIRED 0",
        "validity ERR_TRUST_EXPIRED 1",
        "hostName ERR_TRUST_HOST_NAME 0",
        "extendedKeyUsage ERR_TRUST_PURPOSE 0",
      ]),
    );
    expect(stdout).toMatch(/ERR_TRUST_NOT_PINNED/);
  });

  test("revocation: hard is a failure, soft a warning, off nothing", async () => {
    const at = [files.p12, "--trust", files.root, "--offline"];
    const hard = await verify(...at, "--crl", "hard", "--json");
    expect(hard.code).toBe(1);
    expect(JSON.parse(hard.stdout)).toMatchObject({
      trusted: false,
      failures: [
        { step: "crl", code: "ERR_TRUST_CRL_NO_ADDRESS", depth: 0 },
        { step: "crl", code: "ERR_TRUST_CRL_NO_ADDRESS", depth: 1, subject: "CN=Test Middle" },
      ],
    });
    const soft = await verify(...at, "--ocsp", "soft");
    expect(soft.code).toBe(0);
    expect(soft.stdout).toMatch(
      /^trusted: .*\n\nwarnings\n {2}ocsp .*\n +ERR_TRUST_OCSP_NO_ADDRESS, certificate 0$/m,
    );
    expect((await verify(...at, "--json")).stdout).toMatch(/"warnings": \[\]/);
  });

  test("the certificate's own key says which one is meant in a file of several", async () => {
    const other = await issue("CN=Other", pki.middle);
    const entries = [{ certificate: pki.host.certificate }, { certificate: other.certificate }];
    const both = await storeFile(folder.path, "both.pem", "pem", entries);
    const open = await verify(both, "--trust", files.root, "--intermediates", files.middle);
    expect(open.code).toBe(1);
    expect(open.stderr).toMatch(/2 entries match .*CN=oftp\.example\.com.*CN=Other/);
    const chosen = await verify(
      ...[both, "--trust", files.root, "--intermediates", files.middle, "--subject", "Other"],
    );
    expect(chosen.stdout).toMatch(/^trusted: CN=Other\n/);
  });

  test("--trust-system trusts what the machine trusts, and nothing else", async () => {
    const { code, stdout } = await waybill(["cert", "verify", files.p12, "--trust-system"], {
      env: { WAYBILL_PASSWORD: PASSWORD, SSL_CERT_FILE: files.root },
    });
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^trusted/) });
    expect((await verify(files.p12, "--trust-system")).stdout).toMatch(/ERR_TRUST_SELF_SIGNED/);
  });
});

describe("cert trust-list", () => {
  test("without a copy it says how to get one; a source that fails is one line", async () => {
    const show = await waybill(["cert", "trust-list", "show"], { env: { XDG_STATE_HOME: folder.path } });
    expect(show.code).toBe(1);
    expect(show.stderr).toMatch(
      /there is no copy of the list in .*odette: get it with waybill cert trust-list update/,
    );
    const missing = join(folder.path, "no-list.xml");
    const update = await waybill(["cert", "trust-list", "update", missing], {
      env: { XDG_STATE_HOME: folder.path },
    });
    expect(update).toMatchObject({ code: 1, stdout: "" });
    expect(update.stderr).toBe(`waybill: ${missing}: the file cannot be read: there is no such file\n`);
  });
});
