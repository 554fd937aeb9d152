import { createHash, randomBytes } from "node:crypto";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { expect } from "@jest/globals";
import { readPrivateKey } from "@waybill/cert-store";
import { connectSsh, type SshClient, type SshClientOptions } from "@waybill/ssh-core";
import { peerPath, peers, runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { SshPeer } from "./ssh-peer.js";

/** Kinds of user keys, and how ssh-keygen is asked for them. */
export const KEYS = [
  ["Ed25519", ["-t", "ed25519"]],
  ["ECDSA P-256", ["-t", "ecdsa", "-b", "256"]],
  ["ECDSA P-384", ["-t", "ecdsa", "-b", "384"]],
  ["ECDSA P-521", ["-t", "ecdsa", "-b", "521"]],
  ["RSA", ["-t", "rsa", "-b", "2048"]],
] as const;

/** Our client against somebody's server, and what it needs on the disk. */
export class ClientFixture {
  readonly #folder: TemporaryFolder;
  readonly #clients: SshClient[] = [];

  static async make(): Promise<ClientFixture> {
    return new ClientFixture(await temporaryFolder("waybill-client-"));
  }

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /** A new path in a folder of the tests. */
  path(kind: string): string {
    return join(this.#folder.path, `${kind}-${randomBytes(6).toString("hex")}`);
  }

  /** Connects as the user of a server, with its key unless `options` say otherwise. */
  async connect(peer: SshPeer, options: Partial<SshClientOptions> = {}): Promise<SshClient> {
    const client = await connectSsh({
      host: peer.host,
      port: peer.port,
      user: peer.user,
      hostKey: { knownHostsFiles: [peer.knownHostsFile] },
      ...(options.agent === undefined && { privateKeys: [await readPrivateKey(peer.identityFile)] }),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A key pair made by OpenSSH, which the server lets in. Resolves to the file's path. */
  async makeKey(peer: SshPeer, args: readonly string[]): Promise<string> {
    const file = this.path("key");
    const { code, stderr } = await runProgram(peerPath(peers.sshKeygen), [
      "-q",
      "-N",
      "",
      "-f",
      file,
      ...args,
    ]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const folderOfKeys = peer.home === undefined ? dirname(peer.identityFile) : join(peer.home, ".ssh");
    await appendFile(join(folderOfKeys, "authorized_keys"), await readFile(`${file}.pub`));
    return file;
  }

  async writeKnownHosts(content: string): Promise<string> {
    const file = this.path("known-hosts");
    await writeFile(file, `${content.trimEnd()}\n`);
    return file;
  }

  /** To be called after each test. */
  async disconnectAll(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  remove(): Promise<void> {
    return this.#folder.remove();
  }
}

/** Runs a command to its end. */
export async function run(client: SshClient, command: string, input?: string) {
  const channel = await client.exec(command);
  // Without input nothing is written: the command may have ended already.
  channel.end(input);
  const [stdout, stderr, exit] = await Promise.all([text(channel), text(channel.stderr), channel.exited]);
  return { stdout, stderr, exit };
}

/** Sends bytes through `cat` and gets them back while it sends. */
export async function expectEcho(client: SshClient, bytes: number): Promise<void> {
  const data = randomBytes(bytes);
  const channel = await client.exec("cat");
  channel.end(data);
  const back = await buffer(channel);
  const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  expect(sha256(back)).toBe(sha256(data));
  expect(await channel.exited).toEqual({ code: 0 });
}
