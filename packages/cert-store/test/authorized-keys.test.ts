import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type AuthorizedKey,
  checkAuthorizedKey,
  formatOpenSshPublicKey,
  generatePrivateKey,
  type PublicKey,
  parseAuthorizedKeys,
  readAuthorizedKeys,
} from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";

let key: PublicKey;
let line: string;
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  key = (await generatePrivateKey("ed25519")).publicKey;
  line = formatOpenSshPublicKey(key, "ann's key");
});
afterAll(() => folder.remove());

/** The one entry of a line that must be fine. */
function parseOne(text: string): AuthorizedKey {
  const { keys, problems } = parseAuthorizedKeys(text);
  expect(problems).toEqual([]);
  expect(keys).toHaveLength(1);
  return keys[0] as AuthorizedKey;
}

describe("parseAuthorizedKeys", () => {
  test("keys, comments, empty lines and Windows line ends", async () => {
    const other = (await generatePrivateKey("ecdsa-p521")).publicKey;
    const text = `\uFEFF# a comment\r\n\r\n${line}\r\n   \t\n\t${formatOpenSshPublicKey(other)}\n`;
    const { keys, problems } = parseAuthorizedKeys(text, { fileName: "keys" });
    expect(problems).toEqual([]);
    expect(keys.map((entry) => [entry.line, entry.comment, entry.key.type])).toEqual([
      [3, "ann's key", "ssh-ed25519"],
      [5, "", "ecdsa-sha2-nistp521"],
    ]);
    expect(keys[0]?.options).toMatchObject({
      all: [],
      permitPty: true,
      permitPortForwarding: true,
      permitOpen: [],
    });
    expect(parseAuthorizedKeys(Buffer.from(text)).keys).toHaveLength(2);
  });

  test("options with values in quotes", () => {
    const { options } = parseOne(
      `from="10.0.0.0/8,!10.1.2.3",command="echo \\"a, b\\" # c",environment="A=1",Environment="B=x=y",environment="A=2",permitopen="h:80",permitopen="[::1]:*",permitlisten="8080",tunnel="1" ${line}`,
    );
    expect(options).toMatchObject({
      from: "10.0.0.0/8,!10.1.2.3",
      command: 'echo "a, b" # c',
      permitOpen: ["h:80", "[::1]:*"],
      permitListen: ["8080"],
      tunnel: "1",
    });
    expect([...options.environment]).toEqual([
      ["A", "1"],
      ["B", "x=y"],
    ]);
    expect(options.all.map(({ name }) => name)).toContain("environment");
  });

  test("permissions, in their order", () => {
    const permissionsOf = (text: string) => {
      const { options } = parseOne(`${text} ${line}`);
      return [
        options.permitPty,
        options.permitPortForwarding,
        options.permitAgentForwarding,
        options.permitX11Forwarding,
        options.permitUserRc,
      ];
    };
    expect(permissionsOf("no-pty")).toEqual([false, true, true, true, true]);
    expect(permissionsOf("No-Port-Forwarding,no-agent-forwarding")).toEqual([true, false, false, true, true]);
    expect(permissionsOf("restrict")).toEqual([false, false, false, false, false]);
    expect(permissionsOf("restrict,pty,user-rc")).toEqual([true, false, false, false, true]);
    expect(permissionsOf("pty,restrict,X11-forwarding")).toEqual([false, false, false, true, false]);
  });

  test.each([
    ["an unknown option", "no-fun KEY", "no-fun"],
    ["an unknown option with a value", 'fun="1" KEY', "fun"],
    ["a flag with a value", 'no-pty="1" KEY', "no-pty"],
    ["a value left out", "from KEY", "needs a value"],
    ["a value without quotes", "from=10.0.0.1 KEY", "malformed"],
    ["an open quote", 'from="10.0.0.1 KEY', "quote"],
    ["text behind a quote", 'from="10.0.0.1"x KEY', "malformed"],
    ["an escaped quote at the end", 'command="a\\",from="10.0.0.1" KEY', ""],
    ["a comma at the end", "no-pty, KEY", "comma"],
    ["an empty option", "no-pty,,restrict KEY", "malformed"],
    ["two commands", 'command="a",command="b" KEY', "twice"],
    ["two froms", 'from="1.2.3.4",from="*" KEY', "twice"],
    ["an invalid range", 'from="10.0.0.0/33" KEY', "range"],
    ["a range with host bits", 'from="10.0.0.1/8" KEY', "range"],
    ["an empty pattern", 'from="" KEY', "empty pattern"],
    ["an impossible date", 'expiry-time="20260231" KEY', "expiry-time"],
    ["a malformed date", 'expiry-time="tomorrow" KEY', "expiry-time"],
    ["a malformed environment", 'environment="A" KEY', "environment"],
    ["an authority", "cert-authority KEY", "cert-authority"],
    ["no key", "restrict", "no key"],
    ["a damaged key", "restrict ssh-ed25519 AAAA", "ends too early"],
    ["a cut key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== x", "ends too early"],
    ["a key without content", "ssh-ed25519", "base64"],
    ["a kind that is not supported", "ssh-dss AAAAB3NzaC1kc3MAAAAA x", "ssh-dss"],
    ["a line without end", `${"x".repeat(70_000)}`, "too long"],
  ])("%s is a problem and gives no key", (_, template, reason) => {
    const text = `${line}\n${template.replace("KEY", line)}\n${line}`;
    const { keys, problems } = parseAuthorizedKeys(text, { fileName: "the-file" });
    expect(keys.map((entry) => entry.line)).toEqual([1, 3]);
    expect(problems).toEqual([{ line: 2, message: expect.stringContaining(`the-file, line 2: `) }]);
    expect(problems[0]?.message).toContain(reason);
  });

  test("from a file", async () => {
    const path = `${folder.path}/authorized_keys`;
    await writeFile(path, `${line}\nnonsense\n`);
    const { keys, problems } = await readAuthorizedKeys(path);
    expect(keys).toHaveLength(1);
    expect(problems[0]?.message).toContain(path);
    await expect(readAuthorizedKeys(`${path}.missing`)).rejects.toMatchObject({ code: "ERR_KEY_NOT_FOUND" });
  });
});

describe("checkAuthorizedKey", () => {
  const verdict = (options: string, address: string, host?: string) =>
    checkAuthorizedKey(parseOne(`${options} ${line}`), host === undefined ? { address } : { address, host });

  test.each([
    ["192.168.1.7", "192.168.1.7", true],
    ["192.168.1.7", "192.168.1.70", false],
    ["192.168.1.?", "192.168.1.7", true],
    ["192.168.*", "192.168.200.1", true],
    ["10.0.0.0/8", "10.255.1.2", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.0/8", "::ffff:10.1.1.1", true],
    ["10.0.0.*", "::ffff:10.0.0.9", true],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["0.0.0.0/0", "::1", false],
    ["2001:db8::/32", "2001:db8:1::5", true],
    ["2001:db8::/32", "2001:db9::5", false],
    ["::1", "0:0:0:0:0:0:0:1", true],
    ["fe80::1", "fe80::1%eth0", true],
    ["10.0.0.0/8,!10.1.2.3", "10.1.2.3", false],
    ["!10.1.2.3,10.0.0.0/8", "10.1.2.3", false],
    ["!10.1.2.3,10.0.0.0/8", "10.1.2.4", true],
    ["!10.1.0.0/16,*", "10.1.9.9", false],
    ["!10.1.2.3", "10.1.2.4", false],
    ["*", "::1", true],
  ])("from=%j and %s: %s", (from, address, isAllowed) => {
    expect(verdict(`from="${from}"`, address)).toBe(isAllowed ? "allowed" : "wrong-origin");
  });

  test("host names count only when they are known", () => {
    expect(verdict('from="*.example.com"', "10.0.0.1")).toBe("wrong-origin");
    expect(verdict('from="*.example.com"', "10.0.0.1", "A.Example.com")).toBe("allowed");
    expect(verdict('from="*.example.com,!b.example.com"', "10.0.0.1", "b.example.com")).toBe("wrong-origin");
  });

  test("expiry", () => {
    const entry = parseOne(`expiry-time="20260102030405Z",expiry-time="20270101Z" ${line}`);
    expect(entry.options.expiresAt).toEqual(new Date("2026-01-02T03:04:05Z"));
    const at = (time: string) => checkAuthorizedKey(entry, { address: "::1" }, new Date(time));
    expect(at("2026-01-02T03:04:05Z")).toBe("allowed");
    expect(at("2026-01-02T03:04:06Z")).toBe("expired");
    expect(parseOne(`expiry-time="20240229" ${line}`).options.expiresAt).toEqual(new Date(2024, 1, 29));
    expect(parseOne(`expiry-time="202402291405" ${line}`).options.expiresAt).toEqual(
      new Date(2024, 1, 29, 14, 5),
    );
    expect(verdict('expiry-time="20240229"', "::1")).toBe("expired");
    expect(verdict("restrict", "::1")).toBe("allowed");
  });
});
