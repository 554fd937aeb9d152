import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { DecryptionScheme, PrivateKey, SignatureScheme } from "@waybill/cert-store";
import { peerPath, peers } from "@waybill/testing";

export const HASHES = ["sha1", "sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"] as const;

/** Runs openssl; gives its standard output as it is, or fails with what it said. */
export async function openssl(args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Buffer> {
  const child = spawn(peerPath(peers.openssl), args, { stdio: "pipe" });
  const closed = once(child, "close");
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [output, errors] = await Promise.all([buffer(child.stdout), buffer(child.stderr), closed]);
  if (child.exitCode !== 0) throw new Error(`openssl ${args.join(" ")} failed: ${errors.toString()}`);
  return output;
}

async function publicFile(folder: string, key: PrivateKey): Promise<string> {
  const path = join(folder, "public.pem");
  await writeFile(path, key.publicKey.keyObject.export({ format: "pem", type: "spki" }));
  return path;
}

/** Whether openssl takes a signature of `signWith`. */
export async function opensslVerifies(
  folder: string,
  key: PrivateKey,
  data: Uint8Array,
  signature: Uint8Array,
  { hash, padding }: SignatureScheme,
): Promise<boolean> {
  const pub = await publicFile(folder, key);
  const signatureFile = join(folder, "signature");
  const dataFile = join(folder, "data");
  await writeFile(signatureFile, signature);
  await writeFile(dataFile, data);
  const pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
  const args =
    key.type === "ssh-ed25519"
      ? ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pub, "-sigfile", signatureFile, "-in", dataFile]
      : [
          "dgst",
          `-${hash}`,
          ...(padding === "pss" ? pss : []),
          "-verify",
          pub,
          "-signature",
          signatureFile,
          dataFile,
        ];
  try {
    await openssl(args);
    return true;
  } catch {
    return false;
  }
}

/** Encrypts for an RSA key. */
export async function opensslEncrypts(
  folder: string,
  key: PrivateKey,
  message: Uint8Array,
  scheme: DecryptionScheme,
): Promise<Buffer> {
  const options = ["rsa_padding_mode:pkcs1"];
  if (scheme.padding === "oaep") {
    options.splice(0, 1, "rsa_padding_mode:oaep", `rsa_oaep_md:${scheme.hash}`, `rsa_mgf1_md:${scheme.hash}`);
    if (scheme.label !== undefined)
      options.push(`rsa_oaep_label:${Buffer.from(scheme.label).toString("hex")}`);
  }
  const pub = await publicFile(folder, key);
  const pkeyopts = options.flatMap((option) => ["-pkeyopt", option]);
  return await openssl(["pkeyutl", "-encrypt", "-pubin", "-inkey", pub, ...pkeyopts], message);
}

/** What a private key of openssl's and this key have in common. */
export async function opensslDerives(folder: string, key: PrivateKey, otherKeyFile: string): Promise<Buffer> {
  const pub = await publicFile(folder, key);
  return await openssl(["pkeyutl", "-derive", "-inkey", otherKeyFile, "-peerkey", pub]);
}

/** A certification authority of openssl's, to certify keys that it cannot sign with. */
export class OpensslAuthority {
  readonly #folder: string;
  readonly #keyFile: string;
  readonly #certificateFile: string;
  readonly certificate: Buffer;

  static async make(folder: string): Promise<OpensslAuthority> {
    const keyFile = join(folder, "authority.key");
    const certificateFile = join(folder, "authority.pem");
    const subject = ["-subj", "/CN=Authority", "-days", "2"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
    await openssl(["req", "-x509", ...key, ...subject, "-out", certificateFile]);
    const der = await openssl(["x509", "-in", certificateFile, "-outform", "DER"]);
    return new OpensslAuthority(folder, keyFile, certificateFile, der);
  }

  private constructor(folder: string, keyFile: string, certificateFile: string, certificate: Buffer) {
    this.#folder = folder;
    this.#keyFile = keyFile;
    this.#certificateFile = certificateFile;
    this.certificate = certificate;
  }

  get certificateFile(): string {
    return this.#certificateFile;
  }

  /** The certificate of a key, in DER. */
  async certify(key: Pick<PrivateKey, "publicKey">, name: string): Promise<Buffer> {
    const publicKey = join(this.#folder, "subject.pem");
    await writeFile(publicKey, key.publicKey.keyObject.export({ format: "pem", type: "spki" }));
    const request = join(this.#folder, "request.pem");
    await openssl(["req", "-new", "-key", this.#keyFile, "-subj", `/CN=${name}`, "-out", request]);
    const issuer = ["-CA", this.#certificateFile, "-CAkey", this.#keyFile, "-days", "2"];
    return await openssl([
      "x509",
      "-req",
      "-in",
      request,
      "-force_pubkey",
      publicKey,
      ...issuer,
      "-outform",
      "DER",
    ]);
  }
}
