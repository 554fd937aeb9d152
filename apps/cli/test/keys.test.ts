import { readFile, stat, writeFile } from "node:fs/promises";
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
import { waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe("keygen", () => {
  test("makes a pair that only the owner can read, and never overwrites one", async () => {
    const path = join(folder.path, "plain");
    const made = await waybill(["keygen", "-f", path, "--no-passphrase", "-C", "for the test"]);
    expect(made.stderr).toBe("");
    expect(made.stdout).toMatch(/type +ssh-ed25519\nbits +256\ncomment +for the test\nfingerprint +SHA256:/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(path);
    const again = await waybill(["keygen", "-f", path, "--no-passphrase"]);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr.trim().split("\n")).toHaveLength(1);
    expect(await readFile(path)).toEqual(before);
  });

  test("takes the passphrase from a file or the environment; key show needs it only for the private key", async () => {
    const path = join(folder.path, "locked");
    const passwordFile = join(folder.path, "passphrase");
    await writeFile(passwordFile, "open sesame\n");
    await waybill(["keygen", "-f", path, "-t", "ecdsa-p384", "--password-file", passwordFile]);
    const without = await waybill(["key", "show", path]);
    expect(without).toMatchObject({ code: 2, stdout: "" });
    expect(without.stderr).toMatch(/passphrase of .*locked is needed/);
    const wrong = await waybill(["key", "show", path], { env: { WAYBILL_PASSWORD: "wrong" } });
    expect(wrong.code).toBe(1);
    const right = await waybill(["key", "show", path], { env: { WAYBILL_PASSWORD: "open sesame" } });
    expect(right.stdout).toMatch(/^kind +private key\ntype +ecdsa-sha2-nistp384\nbits +384\n/);
    const publicKey = await waybill(["key", "show", `${path}.pub`]);
    expect(publicKey.stdout).toBe(right.stdout.replace("private key", "public key"));
  });

  test("key show says what is wrong with a file, in one line", async () => {
    const path = join(folder.path, "no-key");
    await writeFile(path, "this is no key\n");
    for (const file of [path, join(folder.path, "missing")]) {
      const { code, stderr } = await waybill(["key", "show", file]);
      expect(code).toBe(1);
      expect(stderr).toContain(file);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });
});

describeWithPeers("ssh-keygen", [peers.sshKeygen], () => {
  test.each(["ed25519", "ecdsa-p256", "rsa"])(
    "reads our %s key and sees the same fingerprint",
    async (type) => {
      const path = join(folder.path, `for-openssh-${type}`);
      const { stdout } = await waybill(["keygen", "-f", path, "-t", type, "--no-passphrase"]);
      const listed = await runProgram(peerPath(peers.sshKeygen), ["-l", "-f", path]);
      const fingerprint = /SHA256:\S+/.exec(listed.stdout)?.[0];
      expect(fingerprint).toBeDefined();
      expect(stdout).toContain(fingerprint);
    },
  );
});
