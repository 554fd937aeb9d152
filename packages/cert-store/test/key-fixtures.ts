import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyType } from "@waybill/cert-store";
import { peerPath, peers, runProgram } from "@waybill/testing";

/** Not only ASCII, so that a wrong encoding shows. */
export const PASSPHRASE = "zwölf Boxkämpfer";
export const COMMENT = "ann@example.com größe";

export interface KeyKind {
  readonly name: string;
  readonly type: KeyType;
  readonly bits: number;
  readonly keygenArgs: readonly string[];
}

export const KINDS: readonly KeyKind[] = [
  { name: "ed25519", type: "ssh-ed25519", bits: 256, keygenArgs: ["-t", "ed25519"] },
  { name: "p256", type: "ecdsa-sha2-nistp256", bits: 256, keygenArgs: ["-t", "ecdsa", "-b", "256"] },
  { name: "p384", type: "ecdsa-sha2-nistp384", bits: 384, keygenArgs: ["-t", "ecdsa", "-b", "384"] },
  { name: "p521", type: "ecdsa-sha2-nistp521", bits: 521, keygenArgs: ["-t", "ecdsa", "-b", "521"] },
  { name: "rsa", type: "ssh-rsa", bits: 2048, keygenArgs: ["-t", "rsa", "-b", "2048"] },
];

/** Runs a peer; fails with what it said unless it ended well. Gives its standard output. */
export async function runPeer(
  peer: keyof typeof peers,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const result = await runProgram(peerPath(peers[peer]), args, input === undefined ? {} : { input });
  if (result.code !== 0)
    throw new Error(`${peer} ${args.join(" ")} ended with ${result.code}: ${result.stderr}`);
  return result.stdout;
}

/** A new unencrypted key of ssh-keygen's, named after its kind, with its `.pub` file beside it. */
export async function makeKey(folder: string, kind: KeyKind): Promise<string> {
  const path = join(folder, kind.name);
  await runPeer("sshKeygen", ["-q", ...kind.keygenArgs, "-C", COMMENT, "-N", "", "-f", path]);
  return path;
}

/** A copy of an unencrypted key, encrypted by ssh-keygen (and perhaps in another format). */
export async function encryptedCopy(
  path: string,
  suffix: string,
  args: readonly string[] = [],
): Promise<string> {
  const copy = `${path}-${suffix.replace(/[^a-z0-9-]/gi, "_")}`;
  await copyFile(path, copy);
  await runPeer("sshKeygen", ["-q", "-p", "-a", "1", "-P", "", "-N", PASSPHRASE, ...args, "-f", copy]);
  return copy;
}

/** The base64 word of the `.pub` file beside a key. */
export async function publicBase64(path: string): Promise<string> {
  return (await readFile(`${path}.pub`, "utf8")).split(" ")[1] ?? "";
}

/** A file that holds the passphrase, as puttygen wants it. */
export async function passphraseFile(folder: string): Promise<string> {
  const path = join(folder, "passphrase");
  await writeFile(path, PASSPHRASE);
  return path;
}
