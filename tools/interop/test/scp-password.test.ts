import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { generateHostKey } from "@waybill/cert-store";
import type { AuthenticationHooks, SshServer } from "@waybill/ssh-core";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { oneLine } from "../src/one-line.js";
import { ownServerFingerprint, runInShell, startOwnServer } from "../src/own-server.js";
import { scriptProgram, startOnTerminal } from "../src/pseudo-terminal.js";
import { scpProgram } from "../src/ssh-peer.js";
import { runWaybill, waybillCommand, waybillEnvironment } from "../src/waybill-command.js";

const OK = { code: 0, stderr: "" };

describeWithPeers("waybill scp logs in with a password", [scpProgram, scriptProgram], () => {
  const PASSWORD = "correct horse \u00e4\u20ac";
  let folder: TemporaryFolder;
  let server: SshServer;
  const here = (...parts: string[]) => join(folder.path, ...parts);
  const start = async (authentication: AuthenticationHooks) => {
    server = await startOwnServer(authentication, runInShell);
  };
  const byPassword: AuthenticationHooks = {
    password: ({ user, password }) => user === "ann" && password === PASSWORD,
  };
  const args = () => {
    const trust = ["-P", String(server.port), "--host-key-fingerprint", ownServerFingerprint];
    return ["scp", ...trust, here("file"), `ann@127.0.0.1:${here("copy")}`];
  };
  const onTerminal = () => startOnTerminal(waybillCommand(args()), { env: waybillEnvironment() });
  const copy = () => readFile(here("copy"), "utf8").catch(() => undefined);

  beforeEach(async () => {
    folder = await temporaryFolder("waybill-scp-");
    await writeFile(here("file"), "content");
  });
  afterEach(async () => {
    await server.close();
    await folder.remove();
  });

  test("from WAYBILL_PASSWORD, or from the first line of a file", async () => {
    await start(byPassword);
    expect(await runWaybill(args(), { env: { WAYBILL_PASSWORD: PASSWORD } })).toMatchObject(OK);
    expect(await copy()).toBe("content");
    for (const text of [PASSWORD, `${PASSWORD}\n`, `${PASSWORD}\r\nsecond line\n`]) {
      await writeFile(here("password"), text);
      const run = runWaybill([...args(), "--password-file", here("password")]);
      expect(await run).toMatchObject(OK);
    }
  });

  test("a file that cannot be read, a wrong password, and none at all: the reason, and no waiting", async () => {
    await start(byPassword);
    const noFile = await runWaybill([...args(), "--password-file", here("nowhere")]);
    expect(noFile.code).toBe(1);
    expect(oneLine(noFile.stderr)).toContain(here("nowhere"));
    const wrong = await runWaybill(args(), { env: { WAYBILL_PASSWORD: "wrong" } });
    expect(wrong.code).toBe(1);
    expect(oneLine(wrong.stderr)).toMatch(/does not let ann in/);
    expect(wrong.stderr).not.toContain("wrong");
    const none = await runWaybill(args());
    expect(none.code).toBeGreaterThan(0);
    expect(none.stderr).toMatch(/password of ann@127\.0\.0\.1 is needed.*--password-file.*WAYBILL_PASSWORD/);
    expect(await copy()).toBeUndefined();
  });

  test("from a prompt on a terminal, where it does not show", async () => {
    await start(byPassword);
    const program = onTerminal();
    await program.shows("the password of ann@127.0.0.1: ");
    program.type(`${PASSWORD}\r`);
    const { code, shown } = await program.ended;
    expect(code).toBe(0);
    expect(shown).not.toContain("horse");
    expect(shown).toMatch(/100%/);
    expect(await copy()).toBe("content");
  });

  test("to the questions of a server that asks its own, shown or hidden as it says", async () => {
    await start({
      keyboardInteractive: async ({ prompt }) => {
        const answers = await prompt(
          [
            { prompt: "Badge number: ", echo: true },
            { prompt: "Code\u001b[31m: ", echo: false },
          ],
          { title: "Two \u001b]0;evil\u0007questions" },
        );
        return answers[0] === "4711" && answers[1] === PASSWORD;
      },
    });
    const program = onTerminal();
    await program.shows("Badge number: ");
    program.type("4711\r");
    await program.shows("Code");
    program.type(`${PASSWORD}\r`);
    const { code, shown } = await program.ended;
    expect(code).toBe(0);
    expect(shown).toContain("4711");
    expect(shown).not.toContain("horse");
    expect(shown).not.toContain("\u001b[31m");
    expect(shown).not.toContain("\u001b]0;evil");
    expect(await copy()).toBe("content");
  });

  test("a server that asks one hidden question is given the password", async () => {
    await start({
      keyboardInteractive: async ({ prompt }) =>
        (await prompt([{ prompt: "Password: ", echo: false }]))[0] === PASSWORD,
    });
    expect(await runWaybill(args(), { env: { WAYBILL_PASSWORD: PASSWORD } })).toMatchObject(OK);
    expect(await copy()).toBe("content");
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s at the prompt ends the command", async (_what, typed) => {
    await start(byPassword);
    const program = onTerminal();
    await program.shows("the password of ann@127.0.0.1: ");
    program.type(typed);
    const { code } = await program.ended;
    expect(code).toBeGreaterThan(0);
    expect(await copy()).toBeUndefined();
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s from elsewhere ends it at the prompt too", async (signal) => {
    await start(byPassword);
    const program = onTerminal();
    await program.shows("the password of ann@127.0.0.1: ");
    program.signal(signal);
    const { code } = await program.ended;
    expect(code).toBeGreaterThan(0);
    expect(await copy()).toBeUndefined();
  });

  test("a key and then a password, for a server that wants both", async () => {
    const key = await generateHostKey(here("key"));
    await start({
      publicKey: (attempt) => attempt.key.equals(key.publicKey) && { next: ["password"] },
      password: ({ completed, password }) => completed.includes("publickey") && password === PASSWORD,
    });
    const run = runWaybill([...args(), "-i", here("key")], { env: { WAYBILL_PASSWORD: PASSWORD } });
    expect(await run).toMatchObject(OK);
    expect(await copy()).toBe("content");
  });
});
