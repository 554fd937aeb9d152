import { formatPem } from "../pem.js";
import { encryptPkcs8, requireIterations, requirePassphrase } from "./pbes2.js";
import { certificatesOf, exportableKeyOf, requireContent, type WrittenEntry } from "./written-entry.js";

/** Options of {@link writePem}. */
export interface WritePemOptions {
  readonly entries: readonly WrittenEntry[];
  /** Encrypts the private keys. Without it they are in the clear. */
  readonly passphrase?: string | undefined;
  /** Of PBKDF2 with HMAC-SHA-256, 1,000 to 5,000,000. Default 600,000, some 0.3 s for each key. */
  readonly iterations?: number | undefined;
}

export const DEFAULT_PEM_ITERATIONS = 600_000;

/**
 * A PEM bundle (RFC 7468): of each entry the private key in PKCS #8, encrypted with PBES2 (AES-256-CBC) under a
 * passphrase, then the certificate, then its chain; certificates that stood before are not repeated.
 *
 * Errors: `ERR_KEY_NOT_EXPORTABLE`, `ERR_CERT_KEY_MISMATCH`, `ERR_CERT_OPTIONS`.
 */
export async function writePem(options: WritePemOptions): Promise<string> {
  const { entries, passphrase, iterations = DEFAULT_PEM_ITERATIONS } = options;
  requireIterations(iterations);
  if (passphrase !== undefined) requirePassphrase(passphrase);
  const blocks: string[] = [];
  const written = new Set<string>();
  for (const entry of entries) {
    const key = exportableKeyOf(entry);
    if (key !== undefined) {
      const pkcs8 = key.keyObject.export({ format: "der", type: "pkcs8" });
      blocks.push(
        passphrase === undefined
          ? formatPem("PRIVATE KEY", pkcs8)
          : formatPem("ENCRYPTED PRIVATE KEY", await encryptPkcs8(pkcs8, passphrase, iterations)),
      );
    }
    for (const certificate of certificatesOf(entry)) {
      // An entry's own certificate stands behind its key even when it was in another's chain before.
      if (written.has(certificate.thumbprint()) && !(key !== undefined && certificate === entry.certificate))
        continue;
      written.add(certificate.thumbprint());
      blocks.push(certificate.pem);
    }
  }
  requireContent(blocks.length, "PEM");
  return blocks.join("");
}
