import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  type KeyPairOptions,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import { type Peer, peerPath, runProgram } from "@waybill/testing";

/** A certificate and its key. */
export interface Identity {
  readonly certificate: Certificate;
  readonly key: SoftwarePrivateKey;
}

/** Every kind of key. */
export const KEY_KINDS = {
  rsa: { type: "rsa", bits: 2048 },
  p256: { type: "ec", curve: "P-256" },
  p384: { type: "ec", curve: "P-384" },
  p521: { type: "ec", curve: "P-521" },
  ed25519: { type: "ed25519" },
} as const satisfies Record<string, KeyPairOptions>;
export type KeyKind = keyof typeof KEY_KINDS;
export const KEY_KIND_NAMES = Object.keys(KEY_KINDS) as KeyKind[];

export async function makeRoot(subject = "CN=Test Root"): Promise<Identity> {
  const key = await generateKeyPair({ type: "ec" });
  return {
    key,
    certificate: await createSelfSignedCertificate({ key, subject, ca: {}, notBefore: yesterday() }),
  };
}

const yesterday = () => new Date(Date.now() - 24 * 60 * 60 * 1000);

export async function issue(
  subject: string,
  issuer: Identity,
  options: { readonly kind?: KeyKind; readonly ca?: Record<string, never> } = {},
): Promise<Identity> {
  const { kind = "p256", ca } = options;
  const key = await generateKeyPair(KEY_KINDS[kind]);
  const publicKeyDer = key.publicKey.keyObject.export({ format: "der", type: "spki" });
  return {
    key,
    certificate: await issueCertificate({ subject, issuer, publicKeyDer, ca, notBefore: yesterday() }),
  };
}

/** Runs a program; fails with what it said unless it ended well. Gives its standard output. */
export async function runPeer(
  peer: Peer,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(peerPath(peer), args, { env });
  if (code === 0) return stdout;
  throw new Error(`${peer.program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
}

/** Writes a file in `folder` and gives its path. */
export async function fileIn(folder: string, name: string, data: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, data);
  return path;
}

/** SubjectPublicKeyInfo in PEM, as openssl prints it. */
export function publicPem(key: SoftwarePrivateKey): string {
  return key.publicKey.keyObject.export({ format: "pem", type: "spki" }).toString();
}
