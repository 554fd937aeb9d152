import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { PASSWORD } from "./cert-fixtures.js";
import { cmsHere, type FiledIdentity, filedIdentity } from "./cms-fixtures.js";
import { MAIN } from "./waybill-command.js";

describeWithPeers("waybill cms and openssl cms", [peers.openssl], () => {
  const openssl = peerPath(peers.openssl);
  const content = randomBytes(300_000);
  let folder: TemporaryFolder;
  let own: FiledIdentity;
  let partner: FiledIdentity;
  let partnerEc: FiledIdentity;
  const path = (name: string) => join(folder.path, name);

  async function opensslCms(...args: string[]): Promise<void> {
    const { code, stderr } = await runProgram(openssl, ["cms", ...args, "-binary"], { cwd: folder.path });
    if (code !== 0) throw new Error(`openssl cms ${args[0]} failed: ${stderr}`);
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    [own, partner, partnerEc] = await Promise.all([
      filedIdentity(folder.path, "own"),
      filedIdentity(folder.path, "partner"),
      filedIdentity(folder.path, "partner-ec", { type: "ec" }),
    ]);
    await writeFile(path("content"), content);
  });
  afterAll(() => folder.remove());

  test.each(["03", "04", "06", "08"])("openssl opens what was sealed with suite %s", async (suite) => {
    const [sealed, inner, opened] = ["sealed", "inner", "opened"].map((name) => path(`${name}-${suite}`));
    const both = ["--encrypt", partner.certificateFile, partnerEc.certificateFile];
    const { code, stdout } = await cmsHere([
      "seal",
      "--sign",
      own.store,
      ...both,
      "--suite",
      suite,
      "--out",
      `${sealed}`,
      path("content"),
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(`signed by      ${own.subject}`);
    expect(stdout).toContain(`suite          ${suite}, `);
    for (const { certificateFile, keyFile } of [partner, partnerEc]) {
      const key = ["-recip", certificateFile, "-inkey", keyFile];
      await opensslCms("-decrypt", "-inform", "DER", ...key, "-in", `${sealed}`, "-out", `${inner}`);
      const signer = ["-certfile", own.certificateFile, "-CAfile", own.certificateFile];
      await opensslCms("-verify", "-inform", "DER", ...signer, "-in", `${inner}`, "-out", `${opened}`);
      expect(content.equals(await readFile(`${opened}`))).toBe(true);
    }
  });

  test.each(["a file", "the standard output"])("openssl opens what is large and went to %s", async (to) => {
    const large = randomBytes(9 * 1024 * 1024 + 5);
    await writeFile(path("large"), large);
    const sealing = ["cms", "seal", "--sign", own.store, "--encrypt", partner.certificateFile];
    const words = [process.execPath, MAIN, ...sealing].map((word) => `'${word}'`).join(" ");
    const command =
      to === "a file" ? `${words} --force --out sealed large` : `${words} --out - large > sealed`;
    const { code, stderr } = await runProgram("/bin/sh", ["-c", command], {
      cwd: folder.path,
      env: { ...process.env, WAYBILL_PASSWORD: PASSWORD },
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const key = ["-recip", partner.certificateFile, "-inkey", partner.keyFile];
    await opensslCms("-decrypt", "-inform", "DER", ...key, "-in", path("sealed"), "-out", path("inner"));
    const signer = ["-certfile", own.certificateFile, "-CAfile", own.certificateFile];
    await opensslCms("-verify", "-inform", "DER", ...signer, "-in", path("inner"), "-out", path("opened"));
    expect(large.equals(await readFile(path("opened")))).toBe(true);
  });

  test.each([
    ["DER", ["-stream"]],
    ["DER", []],
    ["PEM", []],
  ])("what openssl seals is opened, %s %j", async (form, streamed) => {
    const how = ["-outform", "DER", ...streamed];
    const signer = ["-signer", own.certificateFile, "-inkey", own.keyFile, "-nodetach", "-nocerts"];
    await opensslCms("-sign", ...signer, ...how, "-in", path("content"), "-out", path("signed"));
    const encrypting = ["-aes256", "-recip", partner.certificateFile, ...streamed, "-outform", form];
    await opensslCms("-encrypt", ...encrypting, "-in", path("signed"), "-out", path("encrypted"));
    const opening = ["--key", partner.store, "--signer", own.certificateFile, "--force"];
    const { code, stdout, stderr } = await cmsHere([
      "open",
      ...opening,
      "--out",
      path("out"),
      path("encrypted"),
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`encrypted for  ${partner.subject} (aes-256-cbc)`);
    expect(stdout).toContain(`signed by      ${own.subject} (rsa-pkcs1, sha256)`);
    expect(content.equals(await readFile(path("out")))).toBe(true);
  });

  describe("what openssl makes is shown", () => {
    const shown = async (name: string, ...more: string[]) => {
      const { code, stdout, stderr } = await cmsHere(["show", ...more, path(name)]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      return stdout;
    };

    test("a signature without its content", async () => {
      const signer = ["-signer", own.certificateFile, "-inkey", own.keyFile];
      await opensslCms(
        "-sign",
        ...signer,
        "-outform",
        "DER",
        "-in",
        path("content"),
        "-out",
        path("detached"),
      );
      const text = await shown("detached");
      expect(text).toContain("; its content is not in it; nothing was verified");
      expect(text).toMatch(/\n1 signed, the content is elsewhere\n {2}signer .*\n.*rsa-pkcs1, sha256\n/);
      expect(text).toContain(own.subject);
    });

    test("data encrypted with a key that was agreed elsewhere", async () => {
      const key = ["-secretkey", "00".repeat(32), "-outform", "DER"];
      await opensslCms(
        "-EncryptedData_encrypt",
        "-aes256",
        ...key,
        "-in",
        path("content"),
        "-out",
        path("keyless"),
      );
      const text = await shown("keyless", "--key", partner.store);
      expect(text).toContain("; what is in it is encrypted with a key that was agreed elsewhere;");
      expect(text).toMatch(/\n1 encrypted, for nobody by name\n {2}cipher +aes-256-cbc\n$/);
      expect(JSON.parse(await shown("keyless", "--json"))).toMatchObject({
        layers: [{ kind: "encrypted", cipher: "aes-256-cbc", recipients: [], detached: false }],
      });
    });

    test("a digest, and another type than data in a signature", async () => {
      await opensslCms(
        "-digest_create",
        "-md",
        "sha256",
        "-outform",
        "DER",
        "-in",
        path("content"),
        "-out",
        path("digest"),
      );
      const text = await shown("digest");
      expect(text).toContain(`; content ${content.length} bytes, not shown;`);
      expect(text).toMatch(/\n1 digested: with a hash that anybody can make\n {2}hash +sha256\n$/);
      const signer = ["-signer", own.certificateFile, "-inkey", own.keyFile, "-nodetach"];
      const type = ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-outform", "DER"];
      await opensslCms("-sign", ...signer, ...type, "-in", path("content"), "-out", path("stamp"));
      expect(await shown("stamp")).toMatch(
        /\n1 signed\n.*\n {2}content type +time stamp \(1\.2\.840\.113549\.1\.9\.16\.1\.4\)\n$/s,
      );
    });

    test("certificates and a revocation list", async () => {
      const list = path("list.pem");
      await writeFile(path("index"), "");
      await writeFile(
        path("ca.cnf"),
        `[ca]\ndefault_ca=x\n[x]\ndatabase=${path("index")}\ndefault_md=sha256\n`,
      );
      const files = ["-cert", own.certificateFile, "-keyfile", own.keyFile, "-crlhours", "1", "-out", list];
      expect((await runProgram(openssl, ["ca", "-gencrl", "-config", path("ca.cnf"), ...files])).code).toBe(
        0,
      );
      const both = ["-in", list, "-certfile", own.certificateFile, "-out", path("both.p7b")];
      expect((await runProgram(openssl, ["crl2pkcs7", ...both])).code).toBe(0);
      expect(await shown("both.p7b")).toMatch(
        /\n1 certificates only, signed by nobody\n.*\n {2}revocation lists +1\n$/s,
      );
    });
  });
});
