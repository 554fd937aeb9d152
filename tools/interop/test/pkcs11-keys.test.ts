import { existsSync } from "node:fs";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  formatOpenSshPublicKey,
  openPkcs11Store,
  type Pkcs11Store,
  type PrivateKey,
  remoteKey,
} from "@waybill/cert-store";
import { connectSsh } from "@waybill/ssh-core";
import {
  describeWithPeers,
  type Peer,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { ownServerKey, runInShell, startOwnServer } from "../src/own-server.js";
import { ClientFixture, run } from "../src/ssh-client-fixture.js";
import type { SshPeer } from "../src/ssh-peer.js";

const MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
const PIN = "1234";

/** Jest gives tests a copy of the environment; SoftHSM reads the real one. */
const { env: realEnvironment } = Uint8Array.constructor("return process")() as NodeJS.Process;

const KINDS = [
  ["RSA", "rsa:2048"],
  ["ECDSA P-256", "EC:prime256v1"],
  ["ECDSA P-384", "EC:secp384r1"],
  ["Ed25519", "EC:edwards25519"],
] as const;
const LABELS = KINDS.map(([label]) => label);

describeWithPeers(
  "SSH with keys in a token",
  [...opensshPrograms, peers.softhsmUtil, peers.pkcs11Tool],
  () => {
    let folder: TemporaryFolder;
    let fixture: ClientFixture;
    let sshd: SshPeer;
    let store: Pkcs11Store;
    const module = MODULES.find((path) => existsSync(path)) ?? "libsofthsm2.so";
    const keyNamed = (name: string): PrivateKey => {
      const key = store.entries.find(({ alias }) => alias === name)?.privateKey;
      if (key === undefined) throw new Error(`no private key "${name}" in the token`);
      return key;
    };

    beforeAll(async () => {
      folder = await temporaryFolder("waybill-token-");
      fixture = await ClientFixture.make();
      await mkdir(join(folder.path, "tokens"));
      const conf = join(folder.path, "softhsm2.conf");
      await writeFile(conf, `directories.tokendir = ${join(folder.path, "tokens")}\nlog.level = ERROR\n`);
      realEnvironment.SOFTHSM2_CONF = conf;
      const env = { ...process.env, SOFTHSM2_CONF: conf };
      const succeed = async (peer: Peer, args: readonly string[]) => {
        const { code, stderr } = await runProgram(peerPath(peer), args, { env });
        expect({ code, stderr }).toMatchObject({ code: 0 });
      };
      await succeed(peers.softhsmUtil, [
        "--init-token",
        "--free",
        "--label",
        "login",
        "--pin",
        PIN,
        "--so-pin",
        "987654",
      ]);
      const login = ["--module", module, "--token-label", "login", "--login", "--pin", PIN];
      for (const [index, [label, type]] of KINDS.entries())
        await succeed(peers.pkcs11Tool, [
          ...login,
          "--keypairgen",
          "--key-type",
          type,
          "--id",
          `0${index}`,
          "--label",
          label,
        ]);
      store = await openPkcs11Store({ module, tokenLabel: "login", pin: PIN });
      sshd = await startOpensshServer();
      const allowed = KINDS.map(([label]) => `${formatOpenSshPublicKey(keyNamed(label).publicKey)}\n`);
      await appendFile(join(dirname(sshd.identityFile), "authorized_keys"), allowed.join(""));
    });
    afterEach(() => fixture.disconnectAll());
    afterAll(async () => {
      await sshd?.stop();
      await store?.close();
      delete realEnvironment.SOFTHSM2_CONF;
      await fixture?.remove();
      await folder?.remove();
    });

    test.each(LABELS)("OpenSSH's sshd lets a login with %s in", async (label) => {
      const key = keyNamed(label);
      const client = await fixture.connect(sshd, { privateKeys: [key] });
      expect((await run(client, "echo in")).stdout).toBe("in\n");
      // sshd says which key it was, and that it was the token's alone.
      expect(sshd.log).toContain(`Accepted publickey for ${sshd.user} from 127.0.0.1`);
      expect(sshd.log).toContain(key.publicKey.fingerprint());
    });

    test.each(LABELS)("our server lets a login with %s in", async (label) => {
      const key = keyNamed(label);
      const server = await startOwnServer(
        { publicKey: (login) => login.key.equals(key.publicKey) },
        runInShell,
      );
      try {
        const { port } = server;
        const client = await connectSsh({
          host: "127.0.0.1",
          port,
          user: "ann",
          hostKey: ownServerKey,
          privateKeys: [key],
        });
        const channel = await client.exec("echo in");
        channel.end();
        expect(await text(channel)).toBe("in\n");
        await client.close();
      } finally {
        await server.close();
      }
    });

    test("a key of the application's own functions", async () => {
      const token = keyNamed("ECDSA P-256");
      const key = remoteKey({
        publicKey: token.publicKey,
        sign: ({ data, hash = "sha256" }) => token.signWith(data, { hash }),
      });
      const client = await fixture.connect(sshd, { privateKeys: [key] });
      expect((await run(client, "echo in")).stdout).toBe("in\n");
    });

    test("a key that fails is named as the reason, and the next one goes on", async () => {
      const cause = new Error("the service is closed today");
      const failing = remoteKey({ publicKey: keyNamed("RSA").publicKey, sign: () => Promise.reject(cause) });
      await expect(fixture.connect(sshd, { privateKeys: [failing] })).rejects.toMatchObject({
        code: "ERR_KEY_SIGN",
        cause,
      });
      const client = await fixture.connect(sshd, { privateKeys: [failing, keyNamed("Ed25519")] });
      expect((await run(client, "echo in")).stdout).toBe("in\n");
    });
  },
);
