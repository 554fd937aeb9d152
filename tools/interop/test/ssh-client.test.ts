import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  formatKnownHostsLine,
  generatePrivateKey,
  readKnownHosts,
  readPrivateKey,
} from "@waybill/cert-store";
import type { SshClientChannel } from "@waybill/ssh-core";
import { describeWithPeers, peerPath, peers, runProgram } from "@waybill/testing";
import { dropbearPrograms, startDropbearServer } from "../src/dropbear-server.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { ClientFixture, expectEcho, KEYS, run } from "../src/ssh-client-fixture.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { MIB } from "../src/test-files.js";

let fixture: ClientFixture;

beforeAll(async () => {
  fixture = await ClientFixture.make();
});
afterEach(() => fixture.disconnectAll());
afterAll(() => fixture.remove());

/** What every SSH server must be able to do with our client. */
function describeServer(name: string, programs: typeof opensshPrograms, start: () => Promise<SshPeer>): void {
  describeWithPeers(`our client and ${name}`, [...programs, peers.sshKeygen], () => {
    let peer: SshPeer;
    beforeAll(async () => {
      peer = await start();
    }, 60_000);
    afterAll(() => peer?.stop());

    test.each(KEYS)("logs in by a key: %s; not by one that is not let in", async (_name, args) => {
      const file = await fixture.makeKey(peer, args);
      const client = await fixture.connect(peer, { privateKeys: [await readPrivateKey(file)] });
      expect(await run(client, "echo in")).toEqual({ stdout: "in\n", stderr: "", exit: { code: 0 } });
      const stranger = fixture.connect(peer, { privateKeys: [await generatePrivateKey("ed25519")] });
      await expect(stranger).rejects.toMatchObject({
        code: "ERR_SSH_AUTH_FAILED",
        details: { methods: expect.arrayContaining(["publickey"]) },
      });
    });

    test("runs commands: output, errors, exit codes and signals", async () => {
      const client = await fixture.connect(peer);
      expect(await run(client, "cat; echo problem >&2; exit 3", "input")).toEqual({
        stdout: "input",
        stderr: "problem\n",
        exit: { code: 3 },
      });
      expect((await run(client, "kill -TERM $$")).exit).toEqual({ signal: "TERM" });
      const both = await Promise.all([run(client, "cat", "one"), run(client, "cat", "two")]);
      expect(both.map(({ stdout }) => stdout)).toEqual(["one", "two"]);
    });

    test("sends and gets 20 MiB at the same time, unchanged", async () => {
      const client = await fixture.connect(peer);
      await expectEcho(client, 20 * MIB);
    });

    test("agrees on new keys on the way, again and again", async () => {
      const client = await fixture.connect(peer, { rekeyBytes: MIB });
      await expectEcho(client, 10 * MIB);
    });

    test("refuses a server that is not known, has another key, or a revoked one", async () => {
      const { entries } = await readKnownHosts(peer.knownHostsFile);
      const key = entries[0]?.key;
      const other = (await generatePrivateKey("ed25519")).publicKey;
      const empty = await fixture.writeKnownHosts("");
      const changed = await fixture.writeKnownHosts(formatKnownHostsLine(peer.host, peer.port, other));
      const revoked = await fixture.writeKnownHosts(
        `@revoked ${formatKnownHostsLine(peer.host, peer.port, key!)}`,
      );
      const code = (knownHostsFile: string) =>
        fixture.connect(peer, { hostKey: { knownHostsFiles: [knownHostsFile] } }).then(
          () => "connected",
          (error) => error.code,
        );
      expect(await code(empty)).toBe("ERR_HOST_KEY_UNKNOWN");
      expect(await code(changed)).toBe("ERR_HOST_KEY_CHANGED");
      expect(await code(revoked)).toBe("ERR_HOST_KEY_REVOKED");
      await expect(fixture.connect(peer, { hostKey: { knownHostsFiles: [empty] } })).rejects.toMatchObject({
        details: { fingerprint: peer.fingerprint },
      });
      const pinned = { hostKey: { fingerprints: [other.fingerprint()] } };
      await expect(fixture.connect(peer, pinned)).rejects.toMatchObject({ code: "ERR_HOST_KEY_MISMATCH" });
    });

    test("knows it by its fingerprint, or by a hashed name that ssh-keygen has made", async () => {
      const hashed = await fixture.writeKnownHosts(await readFile(peer.knownHostsFile, "utf8"));
      const { code } = await runProgram(peerPath(peers.sshKeygen), ["-H", "-f", hashed]);
      expect(code).toBe(0);
      expect(await readFile(hashed, "utf8")).toMatch(/^\|1\|/);
      for (const hostKey of [{ knownHostsFiles: [hashed] }, { fingerprints: [peer.fingerprint] }]) {
        expect((await run(await fixture.connect(peer, { hostKey }), "echo in")).stdout).toBe("in\n");
      }
    });

    test("is told when the server goes away in the middle of a command", async () => {
      const client = await fixture.connect(peer);
      const channel = await client.exec("echo ready; cat");
      const failed = failureOf(channel);
      await new Promise((resolve) => channel.once("data", resolve));
      peer.killSessions();
      expect(await failed).toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
      await expect(channel.exited).rejects.toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
      await client.session.closed;
    });
  });
}

describeServer("OpenSSH's sshd", opensshPrograms, () =>
  startOpensshServer({ config: ["Subsystem sftp internal-sftp"] }),
);
describeServer("Dropbear", dropbearPrograms, startDropbearServer);

function failureOf(channel: SshClientChannel): Promise<unknown> {
  return new Promise((resolve) => channel.once("error", resolve));
}
