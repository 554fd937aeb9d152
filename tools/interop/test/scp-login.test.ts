import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { generateHostKey } from "@waybill/cert-store";
import type { AuthenticationHooks, SshServer } from "@waybill/ssh-core";
import {
  describeWithPeers,
  type Peer,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { oneLine } from "../src/one-line.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { ownServerFingerprint, runInShell, startOwnServer } from "../src/own-server.js";
import { scriptProgram, startOnTerminal } from "../src/pseudo-terminal.js";
import { type SshPeer, scpProgram } from "../src/ssh-peer.js";
import {
  remote,
  runWaybill,
  type WaybillOptions,
  waybillCommand,
  waybillEnvironment,
} from "../src/waybill-command.js";

const sshKeyscan: Peer = { program: "ssh-keyscan", debianPackage: "openssh-client" };
const sshAdd: Peer = { program: "ssh-add", debianPackage: "openssh-client" };
const OK = { code: 0, stderr: "" };

let folder: TemporaryFolder;
const here = (...parts: string[]) => join(folder.path, ...parts);

beforeEach(async () => {
  folder = await temporaryFolder("waybill-scp-");
  await writeFile(here("file"), "content");
});
afterEach(() => folder.remove());

describeWithPeers(
  "waybill scp logs in to OpenSSH's server",
  [...opensshPrograms, peers.sshKeygen, peers.sshAgent, sshAdd, sshKeyscan],
  () => {
    let server: SshPeer;
    /** Uploads the file with the options given; what arrived is looked at by {@link arrived}. */
    const send = (options: readonly string[], more?: WaybillOptions) =>
      runWaybill(
        ["scp", "-P", String(server.port), ...options, here("file"), remote(server, here("copy"))],
        more,
      );
    const arrived = () =>
      readFile(here("copy"), "utf8").then(
        (text) => text === "content",
        () => false,
      );
    const trust = () => ["--known-hosts", server.knownHostsFile];
    const key = () => ["-i", server.identityFile];

    beforeAll(async () => {
      server = await startOpensshServer();
    });
    afterAll(() => server.stop());

    describe("knowing the server", () => {
      test.each([
        ["not known", (path: string) => writeFile(path, "")],
        [
          "known for another port",
          async (path: string) => {
            const line = await readFile(server.knownHostsFile, "utf8");
            await writeFile(path, line.replace(`:${server.port}`, `:${server.port - 1}`));
          },
        ],
        ["known nowhere, as there is no such file", async () => {}],
      ])("a host key that is %s is refused, with its fingerprint", async (_what, prepare) => {
        await prepare(here("known_hosts"));
        const { code, stderr, stdout } = await send([...key(), "--known-hosts", here("known_hosts")]);
        expect([code, stdout, await arrived()]).toEqual([1, "", false]);
        expect(oneLine(stderr)).toContain(server.fingerprint);
        expect(stderr).toContain(here("known_hosts"));
      });

      test("a host key that has changed is refused, and said to have changed", async () => {
        const other = await generateHostKey(here("other"));
        const line = `[${server.host}]:${server.port} ssh-ed25519 ${other.publicKey.blob.toString("base64")}\n`;
        await writeFile(here("known_hosts"), line);
        const { code, stderr } = await send([...key(), "--known-hosts", here("known_hosts")]);
        expect([code, await arrived()]).toEqual([1, false]);
        expect(oneLine(stderr)).toMatch(/differs/);
        expect(stderr).toContain(server.fingerprint);
      });

      test("a host key that is marked as revoked is refused", async () => {
        const line = await readFile(server.knownHostsFile, "utf8");
        await writeFile(here("known_hosts"), `${line}@revoked ${line}`);
        const { code, stderr } = await send([...key(), "--known-hosts", here("known_hosts")]);
        expect([code, await arrived()]).toEqual([1, false]);
        expect(oneLine(stderr)).toMatch(/revoked/);
      });

      test("what ssh-keyscan writes is understood, hashed or not", async () => {
        for (const hash of [[], ["-H"]]) {
          const args = [...hash, "-p", String(server.port), server.host];
          const { stdout } = await runProgram(peerPath(sshKeyscan), args);
          await writeFile(here("known_hosts"), stdout);
          expect(await send([...key(), "--known-hosts", here("known_hosts")])).toMatchObject(OK);
          expect(await arrived()).toBe(true);
        }
      });

      test("a pinned fingerprint is enough, and only the right one", async () => {
        expect(await send([...key(), "--host-key-fingerprint", server.fingerprint])).toMatchObject(OK);
        expect(await arrived()).toBe(true);
        const { code, stderr } = await send([...key(), "--host-key-fingerprint", ownServerFingerprint]);
        expect(code).toBe(1);
        expect(oneLine(stderr)).toContain(server.fingerprint);
      });

      test("~/.ssh/known_hosts is used without being named", async () => {
        await mkdir(here("home", ".ssh"), { recursive: true });
        await copyFile(server.knownHostsFile, here("home", ".ssh", "known_hosts"));
        expect(await send(key(), { home: here("home") })).toMatchObject(OK);
        expect(await arrived()).toBe(true);
      });
    });

    describe("keys", () => {
      test.each(["ed25519", "ecdsa", "rsa"])(
        "the usual %s key in ~/.ssh is used without being named",
        async (kind) => {
          await mkdir(here("home", ".ssh"), { recursive: true });
          const file = here("home", ".ssh", `id_${kind}`);
          await runProgram(peerPath(peers.sshKeygen), ["-q", "-t", kind, "-N", "", "-f", file]);
          const strict = await startOpensshServer({ config: [`AuthorizedKeysFile ${file}.pub`] });
          try {
            const args = ["scp", "-P", String(strict.port), "--known-hosts", strict.knownHostsFile];
            const run = runWaybill([...args, here("file"), remote(strict, here("copy"))], {
              home: here("home"),
            });
            expect(await run).toMatchObject(OK);
            expect(await arrived()).toBe(true);
          } finally {
            await strict.stop();
          }
        },
      );

      test("the right one is found among several", async () => {
        await generateHostKey(here("wrong"));
        expect(await send([...trust(), "-i", here("wrong"), ...key()])).toMatchObject(OK);
        expect(await arrived()).toBe(true);
      });

      test("an agent is used", async () => {
        const agent = spawn(peerPath(peers.sshAgent), ["-D", "-a", here("agent")], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        try {
          await once(agent.stdout, "data");
          const env = { SSH_AUTH_SOCK: here("agent") };
          await runProgram(peerPath(sshAdd), ["-q", server.identityFile], {
            env: { ...process.env, ...env },
          });
          expect(await send(trust(), { env })).toMatchObject(OK);
          expect(await arrived()).toBe(true);
        } finally {
          agent.kill();
          await once(agent, "close");
        }
      });

      test("an encrypted one is opened with the passphrase that is given, and without one the command says so", async () => {
        await copyFile(server.identityFile, here("encrypted"));
        await runProgram(peerPath(peers.sshKeygen), [
          "-q",
          "-p",
          "-N",
          "open sesame",
          "-f",
          here("encrypted"),
        ]);
        const options = [...trust(), "-i", here("encrypted")];
        const without = await send(options);
        expect(without.code).toBeGreaterThan(0);
        expect(without.stderr).toContain(here("encrypted"));
        expect(without.stderr).toMatch(/passphrase.*--password-file.*WAYBILL_PASSWORD/);
        const wrong = await send(options, { env: { WAYBILL_PASSWORD: "wrong" } });
        expect(wrong.code).toBe(1);
        expect(oneLine(wrong.stderr)).toContain(here("encrypted"));
        expect(await arrived()).toBe(false);
        expect(await send(options, { env: { WAYBILL_PASSWORD: "open sesame" } })).toMatchObject(OK);
        expect(await arrived()).toBe(true);
      });

      test.each([
        ["is not there", async () => {}],
        ["may not be read", (path: string) => writeFile(path, "x", { mode: 0o000 })],
        ["is no key", (path: string) => writeFile(path, "not a key")],
      ])("one that %s is named in the reason", async (_what, prepare) => {
        await prepare(here("key"));
        const { code, stderr } = await send([...trust(), "-i", here("key")]);
        expect([code, await arrived()]).toEqual([1, false]);
        expect(oneLine(stderr)).toContain(here("key"));
      });

      test("a wrong one is refused at once, with what the server would take", async () => {
        await generateHostKey(here("wrong"));
        const { code, stderr } = await send([...trust(), "-i", here("wrong")]);
        expect([code, await arrived()]).toEqual([1, false]);
        expect(oneLine(stderr)).toMatch(/publickey/);
      });

      test("without a key, a password or a terminal the command says what is missing", async () => {
        const asks = await startOpensshServer({ config: ["PasswordAuthentication yes"] });
        try {
          await generateHostKey(here("wrong"));
          const args = [
            "scp",
            "-P",
            String(asks.port),
            "--known-hosts",
            asks.knownHostsFile,
            "-i",
            here("wrong"),
          ];
          const { code, stderr } = await runWaybill([...args, here("file"), remote(asks, here("copy"))]);
          expect(code).toBeGreaterThan(0);
          expect(stderr).toMatch(/password of .* is needed.*--password-file.*WAYBILL_PASSWORD/);
          expect(await arrived()).toBe(false);
        } finally {
          await asks.stop();
        }
      });
    });
  },
);

describeWithPeers("waybill scp logs in with a password", [scpProgram, scriptProgram], () => {
  const PASSWORD = "correct horse \u00e4\u20ac";
  let server: SshServer;
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

  afterEach(() => server.close());

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
