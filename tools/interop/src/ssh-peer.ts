import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  formatKnownHostsLine,
  formatOpenSshPublicKey,
  generateHostKey,
  type PublicKey,
  parsePublicKey,
} from "@waybill/cert-store";
import { type Peer, temporaryFolder } from "@waybill/testing";
import { PeerServer, type PeerServerOptions } from "./peer-server.js";

/** What runs at the server's end of a copy. */
export const scpProgram: Peer = { program: "scp", debianPackage: "openssh-client" };

/** Someone else's SSH server, and what it takes to log in there. */
export interface SshPeer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A private key, without a passphrase, that it lets in. */
  readonly identityFile: string;
  /** Has its host key. */
  readonly knownHostsFile: string;
  /** `SHA256:…` of its host key. */
  readonly fingerprint: string;
  /** The user's home folder on it, when it is one for this test; undefined when it is a real one, not to be touched. */
  readonly home: string | undefined;
  /** Everything that it has printed so far. */
  readonly log: string;
  /** Cuts every connection off. */
  killSessions(): void;
  /** Ends the server and its sessions, and removes its files. */
  stop(): Promise<void>;
}

/** What is particular to one server program. */
export interface SshPeerSetup extends PeerServerOptions {
  readonly user: string;
  readonly home: string | undefined;
  readonly hostKey: PublicKey;
}

/** A login key that was made for a server: the file, and the line for its `authorized_keys`. */
export interface LoginKey {
  readonly identityFile: string;
  readonly authorizedKeysLine: string;
}

/** Makes a folder and a login key, lets `prepare` write what the server needs there, and starts it. */
export async function startSshPeer(
  prepare: (folder: string, login: LoginKey) => Promise<SshPeerSetup>,
): Promise<SshPeer> {
  const folder = await temporaryFolder("waybill-peer-");
  try {
    const identityFile = join(folder.path, "login-key");
    const key = await generateHostKey(identityFile);
    const authorizedKeysLine = `${formatOpenSshPublicKey(key.publicKey)}\n`;
    const setup = await prepare(folder.path, { identityFile, authorizedKeysLine });
    const server = await PeerServer.start(setup);
    const host = "127.0.0.1";
    const knownHostsFile = join(folder.path, "known_hosts");
    await writeFile(knownHostsFile, `${formatKnownHostsLine(host, server.port, setup.hostKey)}\n`);
    return {
      host,
      port: server.port,
      user: setup.user,
      identityFile,
      knownHostsFile,
      fingerprint: setup.hostKey.fingerprint(),
      home: setup.home,
      get log() {
        return server.log;
      },
      killSessions: () => server.killSessions(),
      async stop() {
        await server.stop();
        await folder.remove();
      },
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** The first public key in what a key generator printed. */
export function publicKeyIn(text: string): PublicKey {
  return parsePublicKey(/^(ssh|ecdsa)-\S+ \S+/m.exec(text)?.[0] ?? text);
}
