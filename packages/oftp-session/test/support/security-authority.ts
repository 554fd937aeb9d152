import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import { peerPath, peers, runProgram } from "@waybill/testing";
import type { TestIdentity } from "./identities.js";

/** A small authority, whose lists of revoked certificates OpenSSL makes. */
export class TestAuthority {
  readonly certificate: Certificate;
  readonly #key: SoftwarePrivateKey;
  readonly #folder: string;

  private constructor(certificate: Certificate, key: SoftwarePrivateKey, folder: string) {
    this.certificate = certificate;
    this.#key = key;
    this.#folder = folder;
  }

  /** `folder`: for its files. */
  static async create(folder: string): Promise<TestAuthority> {
    const key = await generateKeyPair({ type: "rsa", bits: 2048 });
    const certificate = await createSelfSignedCertificate({
      subject: "CN=authority,O=Waybill",
      key,
      ca: {},
      notBefore: new Date(Date.now() - 24 * 3600 * 1000),
    });
    return new TestAuthority(certificate, key, folder);
  }

  /** A new key with a certificate of this authority. */
  async issue(name: string): Promise<TestIdentity> {
    const key = await generateKeyPair({ type: "rsa", bits: 2048 });
    const certificate = await issueCertificate({
      issuer: { certificate: this.certificate, key: this.#key },
      subject: `CN=${name},O=Waybill`,
      publicKeyDer: key.publicKey.keyObject.export({ format: "der", type: "spki" }),
    });
    return { certificate, key };
  }

  /** The list, in PEM. */
  async revoke(...revoked: readonly Certificate[]): Promise<Uint8Array> {
    const yesterday = opensslTime(new Date(Date.now() - 24 * 3600 * 1000));
    const lines = revoked.map(({ notAfter, serialNumber }) =>
      ["R", opensslTime(notAfter), `${yesterday},keyCompromise`, serialNumber, "unknown", "/CN=x"].join("\t"),
    );
    const { keyObject } = this.#key;
    const [index, config, certificate, key, list] = await Promise.all([
      this.#file("index.txt", lines.map((line) => `${line}\n`).join("")),
      this.#file("ca.cnf", ""),
      this.#file("ca.pem", this.certificate.pem),
      this.#file("ca.key", keyObject.export({ format: "pem", type: "pkcs8" }).toString()),
      this.#file("list.pem", ""),
    ]);
    await writeFile(
      config,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\ndefault_md=sha256\n[crl]\nauthorityKeyIdentifier=keyid:always\n`,
    );
    const args = ["ca", "-gencrl", "-config", config, "-crlexts", "crl", "-crlhours", "24"];
    const files = ["-cert", certificate, "-keyfile", key, "-out", list];
    const { code, stderr } = await runProgram(peerPath(peers.openssl), [...args, ...files], {
      timeoutMs: 20_000,
    });
    if (code !== 0) throw new Error(`openssl ca failed: ${stderr}`);
    return readFile(list);
  }

  async #file(name: string, content: string): Promise<string> {
    const path = join(this.#folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }
}

function opensslTime(date: Date): string {
  return `${date.toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`;
}
