import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { issueCertificate, parseCertificate, readCertificateRequest } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { fileIn, type Identity, makeRoot } from "../src/cert-pki.js";
import { type SoftHsm, startSoftHsm } from "../src/soft-hsm.js";
import { runWaybill } from "../src/waybill-command.js";

describeWithPeers("waybill cert with a token", [peers.softhsmUtil, peers.pkcs11Tool, peers.openssl], () => {
  let folder: TemporaryFolder;
  let hsm: SoftHsm;
  let root: Identity;
  const here = (name: string) => join(folder.path, name);
  const cert = (args: readonly string[], env: Record<string, string> = { WAYBILL_PASSWORD: hsm.pin }) =>
    runWaybill(["cert", ...args], {
      cwd: folder.path,
      env: { ...env, SOFTHSM2_CONF: hsm.env.SOFTHSM2_CONF ?? "" },
    });
  const token = () => ["--pkcs11", hsm.module, "--token", "keys"];
  beforeAll(async () => {
    folder = await temporaryFolder("waybill-cert-token-");
    hsm = await startSoftHsm(folder.path);
    await hsm.addToken("keys");
    await hsm.tool("keys", ["--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "oftp"]);
    await hsm.tool("keys", ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "other"]);
    root = await makeRoot();
    await fileIn(folder.path, "root.pem", root.certificate.pem);
  });
  afterAll(async () => {
    hsm?.release();
    await folder?.remove();
  });

  test("a request with a key in it; the certificate comes back, is shown and verified", async () => {
    const made = await cert([
      ...["request", "--host-name", "oftp.example.com", "--odette-id", "O0013000001EXAMPLE"],
      ...[...token(), "--key-alias", "oftp", "--out", "oftp.csr"],
    ]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const request = readCertificateRequest(await readFile(here("oftp.csr")));
    expect(request.verifySignature()).toBe(true);
    const { publicKeyDer, subject } = request;
    const issued = await issueCertificate({ issuer: root, subject: subject.text, publicKeyDer });
    const der = await fileIn(folder.path, "oftp.cer", issued.der);
    await hsm.tool("keys", ["--write-object", der, "--type", "cert", "--id", "01", "--label", "oftp"]);

    const shown = await cert(["show", ...token()]);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toMatch(/^keys: PKCS#11 token, 2 entries\n\n1 "oftp"\n/);
    expect(shown.stdout.match(/private key {2}yes, in the token$/gm)).toHaveLength(2);
    const verified = await cert(["verify", ...token(), "--alias", "oftp", "--trust", "root.pem"]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^trusted: CN=oftp/) });
  });

  test("a self-signed certificate for a key in it, which openssl verifies", async () => {
    const made = await cert([
      "create",
      "--subject",
      "CN=other",
      ...token(),
      "--key-alias",
      "other",
      "--out",
      "o.pem",
    ]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const certificate = parseCertificate(await readFile(here("o.pem")));
    expect(certificate.isSignedBy(certificate)).toBe(true);
  });

  test("without the PIN what is public is shown; a wrong one, a missing one and other tokens are told", async () => {
    const open = await cert(["show", ...token()], {});
    expect(open.code).toBe(0);
    expect(open.stderr).toMatch(/without its PIN it does not show its private keys/);
    expect(open.stdout).toMatch(/private key {2}unknown: the PIN is needed$/m);
    const wrong = await cert(["show", ...token()], { WAYBILL_PASSWORD: "4321" });
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toMatch(/the PIN is wrong/);
    const missing = await cert(
      ["create", "--subject", "CN=x", ...token(), "--key-alias", "other", "--out", "x"],
      {},
    );
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toMatch(/the PIN of the token keys is needed/);
    const other = await cert(["show", "--pkcs11", hsm.module, "--token", "nobody"]);
    expect(other).toMatchObject({ code: 1, stdout: "" });
    const noModule = await cert(["show", "--pkcs11", here("nothing.so")]);
    expect(noModule.stderr).toMatch(/there is no such PKCS #11 module/);
  });

  test("a key does not leave it", async () => {
    const env = { WAYBILL_PASSWORD: hsm.pin, WAYBILL_NEW_PASSWORD: "new" };
    const { code, stderr } = await cert(
      ["convert", ...token(), "--to", "pkcs12", "--out", "stolen.p12"],
      env,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be written: it never leaves the token/);
    await expect(stat(here("stolen.p12"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
