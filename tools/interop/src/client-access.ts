import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatKnownHostsLine, generatePrivateKey, type PublicKey } from "@waybill/cert-store";

/** All that a client needs to log in, and to know that it talks to the right server. */
export interface Access {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A private key in OpenSSH's format; its public key is beside it, with `.pub`. */
  readonly keyFile: string;
  /** What the client uses of the two. */
  readonly method: "password" | "key";
  /** The key that the server must have. */
  readonly hostKey: PublicKey;
  /** The same, as a file. */
  readonly knownHostsFile: string;
  /** An empty folder that the client sees as the user's home: no configuration of this machine plays a part. */
  readonly home: string;
}

/** The same access, for a client that expects another host key. */
export async function expectingAnotherHostKey(access: Access): Promise<Access> {
  const hostKey = (await generatePrivateKey("ed25519")).publicKey;
  const knownHostsFile = join(access.home, "wrong_known_hosts");
  await writeFile(knownHostsFile, `${formatKnownHostsLine(access.host, access.port, hostKey)}\n`);
  return { ...access, hostKey, knownHostsFile };
}

/** The environment of client programs. */
export function clientEnvironment(access: Access): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: access.home, LC_ALL: "C.UTF-8", TZ: "UTC" };
}
