import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { generateHostKey } from "@waybill/cert-store";
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
import { ownServerFingerprint } from "../src/own-server.js";
import { SshAgent, sshAdd } from "../src/ssh-agent.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { remote, runWaybill, type WaybillOptions } from "../src/waybill-command.js";

const sshKeyscan: Peer = { program: "ssh-keyscan", debianPackage: "openssh-client" };
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
        const agent = await SshAgent.start(folder.path);
        try {
          await agent.add(server.identityFile);
          expect(await send(trust(), { env: { SSH_AUTH_SOCK: agent.socket } })).toMatchObject(OK);
          expect(await arrived()).toBe(true);
        } finally {
          await agent.stop();
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
