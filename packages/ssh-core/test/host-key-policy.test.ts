import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { formatKnownHostsLine, generatePrivateKey } from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { HostKeyPolicy, HostKeyQuestion, SshServer } from "../src/index.js";
import { closeAll, connect, hostKey, serve } from "./server-fixture.js";

const otherKey = await generatePrivateKey("ed25519");
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());
afterEach(closeAll);

/** A known_hosts file with these lines, each made for the server. */
async function knownHosts(server: SshServer, lines: (line: (key?: typeof hostKey) => string) => string[]) {
  const path = join(folder.path, `known_hosts_${server.port}`);
  const line = (key = hostKey) => formatKnownHostsLine(server.host, server.port, key.publicKey);
  await writeFile(path, lines(line).join("\n"));
  return { knownHostsFiles: [join(folder.path, "missing"), path] };
}

describe("known_hosts", () => {
  test("a known key is trusted", async () => {
    const server = await serve();
    await expect(
      connect(server, { hostKey: await knownHosts(server, (line) => [line()]) }),
    ).resolves.toBeDefined();
  });

  test("an unknown key is refused with its fingerprint", async () => {
    const server = await serve();
    const refused = connect(server, { hostKey: await knownHosts(server, () => []) });
    await expect(refused).rejects.toMatchObject({
      code: "ERR_HOST_KEY_UNKNOWN",
      details: { fingerprint: hostKey.publicKey.fingerprint() },
    });
    await expect(refused).rejects.toThrow(hostKey.publicKey.fingerprint());
  });

  test("a changed key is refused", async () => {
    const server = await serve();
    await expect(
      connect(server, { hostKey: await knownHosts(server, (line) => [line(otherKey)]) }),
    ).rejects.toMatchObject({ code: "ERR_HOST_KEY_CHANGED" });
  });

  test("a revoked key is refused even when it is known too", async () => {
    const server = await serve();
    await expect(
      connect(server, { hostKey: await knownHosts(server, (line) => [line(), `@revoked ${line()}`]) }),
    ).rejects.toMatchObject({ code: "ERR_HOST_KEY_REVOKED" });
  });
});

describe("pinned", () => {
  const fingerprint = hostKey.publicKey.fingerprint();
  test.each<[string, HostKeyPolicy]>([
    ["key", { keys: [otherKey.publicKey, hostKey.publicKey] }],
    ["SHA-256 fingerprint", { fingerprints: [fingerprint] }],
    ["MD5 fingerprint", { fingerprints: [hostKey.publicKey.fingerprint("md5", "hex")] }],
  ])("the right %s is trusted", async (_name, policy) => {
    await expect(connect(await serve(), { hostKey: policy })).resolves.toBeDefined();
  });

  test.each<[string, HostKeyPolicy]>([
    ["key", { keys: [otherKey.publicKey] }],
    ["no key", { keys: [] }],
    ["fingerprint", { fingerprints: [otherKey.publicKey.fingerprint()] }],
  ])("another %s is refused", async (_name, policy) => {
    await expect(connect(await serve(), { hostKey: policy })).rejects.toMatchObject({
      code: "ERR_HOST_KEY_MISMATCH",
    });
  });
});

describe("callback", () => {
  test("decides, with everything that there is to know", async () => {
    const server = await serve();
    const questions: HostKeyQuestion[] = [];
    const verify = (answer: boolean) => (question: HostKeyQuestion) => {
      questions.push(question);
      return Promise.resolve(answer);
    };
    await connect(server, { hostKey: { verify: verify(true) } });
    expect(questions).toMatchObject([
      { host: server.host, port: server.port, fingerprint: hostKey.publicKey.fingerprint() },
    ]);
    await expect(connect(server, { hostKey: { verify: verify(false) } })).rejects.toMatchObject({
      code: "ERR_HOST_KEY_REFUSED",
    });
  });

  test("its error is the caller's", async () => {
    const failure = new Error("no answer");
    const verify = () => Promise.reject(failure);
    await expect(connect(await serve(), { hostKey: { verify } })).rejects.toBe(failure);
  });
});
