import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  generatePrivateKey,
  readPrivateKey,
  type SoftwarePrivateKey,
  writeKeyPair,
} from "@waybill/cert-store";
import { LEGACY_ALGORITHMS, MODERN_ALGORITHMS } from "@waybill/ssh-core";
import { describeWithPeers, peers } from "@waybill/testing";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { RawSftpSession } from "../src/raw-sftp-session.js";
import { SshAgent, sshAdd } from "../src/ssh-agent.js";
import { ClientFixture, expectEcho, KEYS, run } from "../src/ssh-client-fixture.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { MIB } from "../src/test-files.js";

let fixture: ClientFixture;

beforeAll(async () => {
  fixture = await ClientFixture.make();
});
afterEach(() => fixture.disconnectAll());
afterAll(() => fixture.remove());

describeWithPeers("our client and what only sshd can do", [...opensshPrograms, peers.sshKeygen], () => {
  let peer: SshPeer | undefined;
  afterEach(async () => {
    await peer?.stop();
    peer = undefined;
  });
  const startWith = async (...config: string[]) => {
    peer = await startOpensshServer({ config });
    return peer;
  };

  test("every algorithm that is on by default", async () => {
    const server = await startWith();
    const lists: [keyof typeof MODERN_ALGORITHMS, string][] = [
      ...[...MODERN_ALGORITHMS.kex, "diffie-hellman-group-exchange-sha256"].map(
        (name) => ["kex", name] as const,
      ),
      ...MODERN_ALGORITHMS.cipher.map((name) => ["cipher", name] as const),
      ...MODERN_ALGORITHMS.mac.map((name) => ["mac", name] as const),
      ["compression", "zlib@openssh.com"] as const,
    ].map(([list, name]) => [list, name]);
    for (const [list, name] of lists) {
      const only = { [list]: [name], ...(list === "mac" && { cipher: ["aes256-ctr"] }) };
      const client = await fixture.connect(server, { algorithms: { only } });
      const { kex, clientToServer, serverToClient } = client.session.negotiated;
      const used =
        list === "kex" ? [kex, kex] : [clientToServer[list as "cipher"], serverToClient[list as "cipher"]];
      expect(used).toEqual([name, name]);
      await expectEcho(client, MIB / 2);
    }
  });

  test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"] as const)(
    "a host key of the kind %s",
    async (kind) => {
      const key = await generatePrivateKey(kind);
      const server = await startWith(`HostKey ${await hostKeyFile(key)}`);
      const client = await fixture.connect(server, { hostKey: { keys: [key.publicKey] } });
      expect(client.session.negotiated.hostKey).toMatch(kind === "rsa" ? "rsa-sha2-512" : key.type);
      expect((await run(client, "echo in")).stdout).toBe("in\n");
    },
  );

  // Those that this sshd still knows.
  test.each([
    ["KexAlgorithms", "diffie-hellman-group14-sha1", LEGACY_ALGORITHMS.kex],
    ["Ciphers", "aes256-cbc", LEGACY_ALGORITHMS.cipher],
    ["Ciphers", "3des-cbc", LEGACY_ALGORITHMS.cipher],
    ["HostKeyAlgorithms", "ssh-rsa", LEGACY_ALGORITHMS.hostKey],
  ])("%s %s: not by default, but by name", async (setting, name, list) => {
    expect(list).toContain(name);
    const key = await generatePrivateKey("rsa");
    const server = await startWith(`${setting} ${name}`, `HostKey ${await hostKeyFile(key)}`);
    const hostKey = { keys: [key.publicKey] };
    await expect(fixture.connect(server, { hostKey })).rejects.toMatchObject({
      code: "ERR_SSH_NO_COMMON_ALGORITHM",
    });
    const client = await fixture.connect(server, { hostKey, algorithms: { legacy: [name] } });
    expect((await run(client, "echo in")).stdout).toBe("in\n");
  });

  test("MACs hmac-sha1: not by default, but by name", async () => {
    const server = await startWith("MACs hmac-sha1", "Ciphers aes128-ctr");
    await expect(fixture.connect(server)).rejects.toMatchObject({ code: "ERR_SSH_NO_COMMON_ALGORITHM" });
    await expectEcho(await fixture.connect(server, { algorithms: { legacy: ["hmac-sha1"] } }), MIB);
  });

  test.each([
    ["the server", ["RekeyLimit 1M"], {}],
    ["the client", [], { rekeyBytes: MIB }],
  ])("new keys as %s wishes, again and again during a transfer", async (_who, config, options) => {
    const server = await startWith(...config, "LogLevel DEBUG1");
    await expectEcho(await fixture.connect(server, options), 20 * MIB);
    expect(server.log.match(/SSH2_MSG_NEWKEYS received/g)?.length).toBeGreaterThan(10);
  });

  test("a banner, and a public key as the first of two factors: what is left is told", async () => {
    const banner = fixture.path("banner");
    await writeFile(banner, "Only for friends.\n");
    const server = await startWith(`Banner ${banner}`, "AuthenticationMethods publickey,publickey");
    const banners: string[] = [];
    const onBanner = (words: string) => banners.push(words);
    // One key counts as one factor, however many times it is shown.
    await expect(fixture.connect(server, { onBanner })).rejects.toMatchObject({
      code: "ERR_SSH_AUTH_FAILED",
      details: { methods: ["publickey"] },
    });
    expect(banners).toEqual(["Only for friends.\n"]);
    const file = await fixture.makeKey(server, ["-t", "ed25519"]);
    const privateKeys = [await readPrivateKey(server.identityFile), await readPrivateKey(file)];
    const client = await fixture.connect(server, { privateKeys });
    expect((await run(client, "echo in")).stdout).toBe("in\n");
  });

  test("its SFTP server through a subsystem channel", async () => {
    const server = await startWith("Subsystem sftp internal-sftp");
    const client = await fixture.connect(server);
    const session = await RawSftpSession.open(client);
    const path = fixture.path("seen");
    await mkdir(path);
    expect(await session.request({ kind: "realpath", id: 5, path })).toMatchObject({
      names: [{ name: path }],
    });
    await session.end();
    await expect(client.subsystem("nothing")).rejects.toMatchObject({ code: "ERR_SSH_CHANNEL_REFUSED" });
  });

  describeWithPeers("an agent", [peers.sshAgent, sshAdd], () => {
    test.each(KEYS)("signs for the client: %s", async (_name, args) => {
      const server = await startWith();
      const agent = await SshAgent.start(dirname(server.identityFile));
      try {
        await agent.add(await fixture.makeKey(server, args));
        const client = await fixture.connect(server, { agent: agent.socket });
        expect((await run(client, "echo in")).stdout).toBe("in\n");
      } finally {
        await agent.stop();
      }
    });
  });

  async function hostKeyFile(key: SoftwarePrivateKey): Promise<string> {
    const file = fixture.path("host-key");
    await writeKeyPair(file, key);
    return file;
  }
});
