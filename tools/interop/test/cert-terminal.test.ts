import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openStore, writePem, writePkcs12 } from "@waybill/cert-store";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { fileIn, type Identity, issue, makeRoot } from "../src/cert-pki.js";
import { scriptProgram, startOnTerminal } from "../src/pseudo-terminal.js";
import { waybillCommand, waybillEnvironment } from "../src/waybill-command.js";

const PASSWORD = "größer als 7";
const iterations = 1000;

describeWithPeers("waybill cert on a terminal", [scriptProgram], () => {
  let folder: TemporaryFolder;
  let root: Identity;
  let host: Identity;
  let p12: string;
  const here = (name: string) => join(folder.path, name);
  const start = (args: readonly string[], columns = 80) =>
    startOnTerminal(waybillCommand(["cert", ...args]), { env: waybillEnvironment(), columns });
  const linesOf = (shown: string) => shown.replaceAll("\r", "").trimEnd().split("\n");
  beforeAll(async () => {
    folder = await temporaryFolder("waybill-cert-");
    root = await makeRoot();
    host = await issue("CN=files.example.com,O=A company with a rather long name for one line,C=DE", root);
    const { certificate, key: privateKey } = host;
    const entries = [{ alias: "host", certificate, chain: [root.certificate], privateKey }];
    p12 = await fileIn(
      folder.path,
      "host.p12",
      await writePkcs12({ entries, passphrase: PASSWORD, iterations }),
    );
  });
  afterAll(() => folder.remove());

  test("the password is asked for, not shown, and a wrong one is told", async () => {
    const right = start(["show", p12]);
    await right.shows(`Enter the password of ${p12}: `);
    right.type(`${PASSWORD}\r`);
    const { code, shown } = await right.ended;
    expect(code).toBe(0);
    expect(shown).not.toContain(PASSWORD);
    expect(shown).toContain("private key  yes");
    const wrong = start(["show", p12]);
    await wrong.shows("Enter the password");
    wrong.type("wrong\r");
    const refused = await wrong.ended;
    expect(refused.code).toBe(1);
    expect(refused.shown).toMatch(/the password is wrong/);
    const stopped = start(["show", p12]);
    await stopped.shows("Enter the password");
    stopped.type("\u0003");
    expect((await stopped.ended).code).toBe(1);
  });

  test("a new passphrase is asked for twice", async () => {
    const convert = (name: string) => start(["convert", p12, "--to", "pkcs12", "--out", here(name)]);
    const answer = async (name: string, first: string, second: string) => {
      const command = convert(name);
      await command.shows("Enter the password of");
      command.type(`${PASSWORD}\r`);
      await command.shows(`Enter a passphrase for ${here(name)}: `);
      command.type(`${first}\r`);
      if (first !== "") {
        await command.shows("Enter it again: ");
        command.type(`${second}\r`);
      }
      return command.ended;
    };
    expect(await answer("same.p12", "new one", "new one")).toMatchObject({ code: 0 });
    const store = await openStore({ path: here("same.p12") }, { password: "new one" });
    expect(store.entries[0]?.privateKey?.publicKey.equals(host.key.publicKey)).toBe(true);
    expect((await answer("other.p12", "new one", "another")).shown).toMatch(/the passphrases differ/);
    expect(await answer("empty.p12", "", "")).toMatchObject({ code: 2 });
  });

  test("the password of a key in a file that needs none itself", async () => {
    const key = await writePem({ entries: [{ privateKey: host.key }], passphrase: PASSWORD, iterations });
    const locked = await fileIn(folder.path, "locked.pem", key);
    const args = [
      "request",
      "--profile",
      "plain",
      "--subject",
      "CN=x",
      "--key",
      locked,
      "--out",
      here("x.csr"),
    ];
    const command = start(args);
    await command.shows(/Enter the password of .*locked\.pem/);
    command.type(`${PASSWORD}\r`);
    expect((await command.ended).code).toBe(0);
  });

  test.each([60, 80, 132])("nothing is wider than a terminal of %i columns", async (columns) => {
    const pem = await fileIn(
      folder.path,
      "many.pem",
      await writePem({ entries: [{ ...host, chain: [root.certificate] }] }),
    );
    for (const args of [
      ["show", pem],
      ["show", pem, "--list"],
      ["verify", pem, "--trust", pem],
    ]) {
      const { code, shown } = await start(args, columns).ended;
      expect(code).toBe(0);
      const lines = linesOf(shown);
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThan(columns);
      expect(lines.length).toBeGreaterThan(2);
    }
  });

  test("a list is a table with a header", async () => {
    const pem = await fileIn(
      folder.path,
      "table.pem",
      await writePem({ entries: [{ certificate: host.certificate, chain: [root.certificate] }] }),
    );
    const { shown } = await start(["show", pem, "--list"]).ended;
    const [head, header, first, second] = linesOf(shown);
    expect(head).toMatch(/table\.pem: PEM, 2 entries$/);
    expect(header).toMatch(/^subject +valid until +key$/);
    expect(first).toMatch(
      /^CN=files\.example\.com,O=A company with a rath\S*.*… +20\d\d-\d\d-\d\d +EC P-256$/,
    );
    expect(second).toMatch(/^CN=Test Root +20\d\d-\d\d-\d\d +EC P-256$/);
  });
});
