import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { cmsHere, type FiledIdentity, filedIdentity } from "./cms-fixtures.js";

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
});
