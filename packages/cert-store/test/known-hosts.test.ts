import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  formatKnownHostsLine,
  generatePrivateKey,
  type PublicKey,
  parseKnownHosts,
  readKnownHosts,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { runPeer } from "./key-fixtures.js";

let one: PublicKey;
let two: PublicKey;
let elliptic: PublicKey;
let folder: TemporaryFolder;
const text = (key: PublicKey) => `${key.type} ${key.blob.toString("base64")}`;

beforeAll(async () => {
  folder = await temporaryFolder();
  one = (await generatePrivateKey("ed25519")).publicKey;
  two = (await generatePrivateKey("ed25519")).publicKey;
  elliptic = (await generatePrivateKey("ecdsa-p256")).publicKey;
});
afterAll(() => folder.remove());

describe("parseKnownHosts", () => {
  test("hosts by name, address and port", () => {
    const known = parseKnownHosts(
      [
        `alpha,192.0.2.1 ${text(one)} a comment`,
        `[beta]:2222,[2001:db8::1]:2222 ${text(two)}`,
        `2001:db8::2 ${text(elliptic)}`,
      ].join("\n"),
    );
    expect(known.problems).toEqual([]);
    expect(known.entries[0]).toMatchObject({
      line: 1,
      marker: "none",
      hosts: "alpha,192.0.2.1",
      comment: "a comment",
    });
    expect(known.check("alpha", 22, one)).toBe("trusted");
    expect(known.check("ALPHA", 22, one)).toBe("trusted");
    expect(known.check("192.0.2.1", 22, one)).toBe("trusted");
    expect(known.check("alpha", 22, two)).toBe("changed");
    expect(known.check("alphabet", 22, one)).toBe("unknown");
    expect(known.check("beta", 2222, two)).toBe("trusted");
    expect(known.check("beta", 22, two)).toBe("unknown");
    expect(known.check("beta", 2223, two)).toBe("unknown");
    expect(known.check("2001:db8::1", 2222, two)).toBe("trusted");
    expect(known.check("[2001:db8::1]", 2222, two)).toBe("trusted");
    expect(known.check("2001:db8::2", 22, elliptic)).toBe("trusted");
    expect(known.keysFor("alpha").map((key) => key.fingerprint())).toEqual([one.fingerprint()]);
    expect(known.keysFor("beta", 2222)).toHaveLength(1);
    expect(known.keysFor("gamma")).toEqual([]);
  });

  test("a host with several keys, and a key of another type than the known one", () => {
    const known = parseKnownHosts(`alpha ${text(one)}\nalpha ${text(elliptic)}\n`);
    expect(known.check("alpha", 22, one)).toBe("trusted");
    expect(known.check("alpha", 22, elliptic)).toBe("trusted");
    expect(known.check("alpha", 22, two)).toBe("changed");
    expect(parseKnownHosts(`alpha ${text(one)}`).check("alpha", 22, elliptic)).toBe("changed");
  });

  test("another port of a host whose key is known", () => {
    const known = parseKnownHosts(`alpha ${text(one)}\n[alpha]:2222 ${text(two)}\n`);
    expect(known.check("alpha", 2022, one)).toBe("trusted");
    expect(known.check("alpha", 2022, elliptic)).toBe("unknown");
    expect(known.check("alpha", 2222, one)).toBe("changed");
  });

  test("wildcards and exceptions", () => {
    const known = parseKnownHosts(
      `*.example.com,!bad.example.com,host? ${text(one)}\n[*.example.org]:* ${text(two)}`,
    );
    expect(known.check("a.example.com", 22, one)).toBe("trusted");
    expect(known.check("bad.example.com", 22, one)).toBe("unknown");
    expect(known.check("host7", 22, one)).toBe("trusted");
    expect(known.check("host77", 22, one)).toBe("unknown");
    expect(known.check("a.example.org", 99, two)).toBe("trusted");
  });

  test("revoked keys", () => {
    const known = parseKnownHosts(
      `@revoked * ${text(two)}\nalpha ${text(one)}\nalpha ${text(two)}\n@revoked beta ${text(one)}`,
    );
    expect(known.check("alpha", 22, two)).toBe("revoked");
    expect(known.check("gamma", 22, two)).toBe("revoked");
    expect(known.check("gamma", 2222, two)).toBe("revoked");
    expect(known.check("alpha", 22, one)).toBe("trusted");
    expect(known.check("beta", 22, one)).toBe("revoked");
    expect(known.check("beta", 2222, one)).toBe("revoked");
    expect(known.check("gamma", 22, one)).toBe("unknown");
    expect(known.keysFor("alpha").map((key) => key.fingerprint())).toEqual([one.fingerprint()]);
  });

  test("authorities are reported and trusted for nothing", () => {
    const known = parseKnownHosts(`@cert-authority *.example.com ${text(one)}`);
    expect(known.entries).toMatchObject([{ marker: "cert-authority", hosts: "*.example.com" }]);
    expect(known.entries[0]?.matches("a.example.com")).toBe(true);
    expect(known.check("a.example.com", 22, one)).toBe("unknown");
    expect(known.keysFor("a.example.com")).toEqual([]);
  });

  test.each([
    ["an unknown marker", "@trusted alpha KEY", "marker"],
    ["no key", "alpha", "no key"],
    ["a key of SSH 1", "alpha 1024 35 1234567", "no key"],
    ["a damaged key", "alpha ssh-ed25519 AAAA", "ends too early"],
    ["an unknown kind", "alpha ssh-dss AAAAB3NzaC1kc3MAAAAA", "ssh-dss"],
    ["a malformed hash", "|1|AAAA|AAAA KEY", "hashed"],
    ["an unknown hash", `|2|${"A".repeat(27)}=|${"A".repeat(27)}= KEY`, "hashed"],
    ["no host", ",, KEY", "no host"],
  ])("%s is a problem", (_, template, reason) => {
    const content = `alpha ${text(one)}\n${template.replace("KEY", text(two))}\n`;
    const known = parseKnownHosts(content, { fileName: "hosts" });
    expect(known.entries).toHaveLength(1);
    expect(known.problems).toEqual([{ line: 2, message: expect.stringMatching(/^hosts, line 2: /) }]);
    expect(known.problems[0]?.message).toContain(reason);
  });
});

describe("formatKnownHostsLine", () => {
  test.each([
    ["alpha", 22, "alpha"],
    ["Alpha.example.com", 2222, "[alpha.example.com]:2222"],
    ["2001:db8::1", 22, "2001:db8::1"],
    ["[2001:db8::1]", 2222, "[2001:db8::1]:2222"],
  ])("%s port %d", (host, port, name) => {
    const line = formatKnownHostsLine(host, port, one);
    expect(line).toBe(`${name} ${text(one)}`);
    expect(parseKnownHosts(line).check(host, port, one)).toBe("trusted");
    const hashed = formatKnownHostsLine(host, port, one, { hash: true, comment: "a\nb" });
    expect(hashed).toMatch(/^\|1\|\S+ \S+ \S+ a b$/);
    expect(parseKnownHosts(hashed).check(host, port, one)).toBe("trusted");
  });

  test.each([
    ["", 22],
    ["a b", 22],
    ["a,b", 22],
    ["a\nb", 22],
    ["*", 22],
    ["!a", 22],
    ["|1|a", 22],
    ["@revoked", 22],
    ["#a", 22],
    ["a", 0],
    ["a", 65536],
    ["a", 1.5],
  ])("%j port %d is refused", (host, port) => {
    expect(() => formatKnownHostsLine(host, port, one)).toThrow(
      expect.objectContaining({ code: "ERR_KNOWN_HOSTS_NAME" }),
    );
  });
});

describeWithPeers("known_hosts and ssh-keygen", [peers.sshKeygen], () => {
  test("what ssh-keygen hashes is found", async () => {
    const path = `${folder.path}/known_hosts`;
    await writeFile(
      path,
      `alpha,192.0.2.1 ${text(one)}\n[beta]:2222 ${text(two)}\n@revoked gamma ${text(elliptic)}\n`,
    );
    await runPeer("sshKeygen", ["-H", "-f", path]);
    expect(await readFile(path, "utf8")).not.toContain("alpha");
    const known = await readKnownHosts(path);
    expect(known.problems).toEqual([]);
    expect(known.entries.filter((entry) => entry.isHashed).length).toBeGreaterThanOrEqual(3);
    expect(known.check("alpha", 22, one)).toBe("trusted");
    expect(known.check("192.0.2.1", 22, one)).toBe("trusted");
    expect(known.check("beta", 2222, two)).toBe("trusted");
    expect(known.check("beta", 2222, one)).toBe("changed");
    expect(known.check("beta", 22, two)).toBe("unknown");
    expect(known.check("gamma", 22, elliptic)).toBe("revoked");
  });

  test("ssh-keygen finds what we write", async () => {
    const path = `${folder.path}/written`;
    const lines = [
      formatKnownHostsLine("alpha", 22, one),
      formatKnownHostsLine("beta", 2222, two, { hash: true }),
      formatKnownHostsLine("2001:db8::1", 22, elliptic, { hash: true, comment: "c" }),
    ];
    await writeFile(path, `${lines.join("\n")}\n`);
    for (const [name, key] of [
      ["alpha", one],
      ["[beta]:2222", two],
      ["2001:db8::1", elliptic],
    ] as const) {
      expect(await runPeer("sshKeygen", ["-F", name, "-f", path])).toContain(text(key));
    }
  });

  test("a missing file is told apart", async () => {
    await expect(readKnownHosts(`${folder.path}/none`)).rejects.toMatchObject({ code: "ERR_KEY_NOT_FOUND" });
  });
});
