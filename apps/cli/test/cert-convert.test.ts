import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openStore, WRITTEN_FORMATS } from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { HOST_SUBJECT, makePki, PASSWORD, storeFile, type TestPki } from "./cert-fixtures.js";
import { waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
let pki: TestPki;
let p12: string;
const path = (name: string) => join(folder.path, name);
const env = { WAYBILL_PASSWORD: PASSWORD, WAYBILL_NEW_PASSWORD: "a new one" };
const convert = (...args: string[]) => waybill(["cert", "convert", ...args], { env });
beforeAll(async () => {
  folder = await temporaryFolder();
  pki = await makePki();
  p12 = await storeFile(folder.path, "host.p12", "pkcs12", [pki.entry], PASSWORD);
});
afterAll(() => folder.remove());

describe("cert convert", () => {
  test.each(WRITTEN_FORMATS)(
    "to %s: the same key and certificates, private keys for the owner alone",
    async (to) => {
      const out = path(`converted.${to}`);
      const bare = to === "jwk" ? ["--no-passphrase"] : [];
      const { code, stdout, stderr } = await convert(p12, "--to", to, "--out", out, ...bare);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const store = await openStore({ path: out }, { password: to === "jwk" ? undefined : "a new one" });
      const holdsKey = to !== "der" && !to.startsWith("pkcs7");
      if (holdsKey && to !== "jwk") {
        const wrong = openStore({ path: out }, { password: PASSWORD });
        await expect(wrong).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_WRONG" });
      }
      const holdsCertificate = to !== "openssh" && to !== "ppk";
      expect(stdout).toMatch(holdsKey ? /1 private key/ : /^((?!private).)*$/s);
      expect((await stat(out)).mode & 0o777).toBe(holdsKey ? 0o600 : 0o644);
      const entry = store.entries.find(({ certificate, privateKey }) =>
        holdsCertificate ? certificate?.subject.text === HOST_SUBJECT : privateKey !== undefined,
      );
      expect(entry?.privateKey?.publicKey.equals(pki.host.key.publicKey)).toBe(holdsKey ? true : undefined);
      if (holdsCertificate) {
        expect(entry?.certificate?.equals(pki.host.certificate)).toBe(true);
        expect(entry?.chain).toHaveLength(to === "der" ? 1 : 3);
      }
      if (to === "pkcs12" || to === "jwk") expect(entry?.alias).toBe("Größe");
    },
  );

  test("--no-key, --no-chain, --no-certificates and --name", async () => {
    const pem = async (...args: string[]) =>
      (await convert(p12, "--to", "pem", "--out", "-", "--no-passphrase", ...args)).stdout;
    expect(await pem("--no-key", "--no-chain")).toBe(pki.host.certificate.pem);
    expect((await pem("--no-certificates")).match(/BEGIN .*/g)).toEqual(["BEGIN PRIVATE KEY-----"]);
    expect(await pem("--thumbprint", pki.root.certificate.thumbprint("md5"))).toBe(pki.root.certificate.pem);
    const line = await convert(p12, "--to", "openssh", "--out", "-", "--no-key");
    expect(line.stdout).toMatch(/^ecdsa-sha2-nistp256 \S+ Größe\n$/);
    await convert(p12, "--to", "pkcs12", "--out", path("named.p12"), "--name", "other");
    const store = await openStore({ path: path("named.p12") }, { password: "a new one" });
    expect(store.entries[0]?.alias).toBe("other");
  });

  test("a file is not overwritten without --force", async () => {
    const out = path("there.pem");
    await writeFile(out, "mine", { mode: 0o644 });
    const refused = await convert(p12, "--to", "pem", "--out", out);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toBe(
      `waybill: ${out} is there already and is not overwritten: add --force to replace it\n`,
    );
    expect(await readFile(out, "utf8")).toBe("mine");
    expect((await convert(p12, "--to", "pem", "--out", out, "--force")).code).toBe(0);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
  });

  test("a private key in the clear has to be asked for", async () => {
    const noPassphrase = { env: { WAYBILL_PASSWORD: PASSWORD } };
    for (const [to, message] of [
      ["pem", /--new-password-file or WAYBILL_NEW_PASSWORD, or --no-passphrase/],
      ["pkcs12", /--new-password-file or WAYBILL_NEW_PASSWORD\n/],
      ["jwk", /JWK has no encryption: add --no-passphrase/],
    ] as const) {
      const out = path(`clear.${to}`);
      const { code, stderr } = await waybill(
        ["cert", "convert", p12, "--to", to, "--out", out],
        noPassphrase,
      );
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
      await expect(stat(out)).rejects.toMatchObject({ code: "ENOENT" });
    }
  });

  test("nothing is left out without a word: a key with a password of its own", async () => {
    const chain = await storeFile(folder.path, "chain.pem", "pem", [{ ...pki.entry, privateKey: undefined }]);
    const open = await storeFile(folder.path, "open.pem", "pem", [pki.entry], PASSWORD);
    const other = await storeFile(folder.path, "other.pem", "pem", [{ privateKey: pki.root.key }], "another");
    const both = path("both.pem");
    await writeFile(both, Buffer.concat(await Promise.all([chain, open, other].map((one) => readFile(one)))));
    const { code, stderr } = await convert(both, "--to", "pem", "--out", path("both-out.pem"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/both\.pem: a private key has another password: give it with --key-password-file/);
    const keyPassword = path("key-password");
    await writeFile(keyPassword, "another");
    // The other key is the one that is locked then.
    const single = ["--to", "ppk", "--out", path("both.ppk"), "--key-password-file", keyPassword];
    expect((await convert(both, ...single)).code).toBe(0);
    expect((await convert(both, "--to", "pkcs7", "--out", path("both.p7b"))).code).toBe(0);
  });
});
