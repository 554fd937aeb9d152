import type { Certificate } from "../certificate-types.js";
import { errorSource } from "../error-source.js";
import type { PrivateKey, SoftwarePrivateKey } from "../key-types.js";
import { requireExportable } from "./exportable-key.js";

/**
 * What is written of one entry of a store; a `StoreEntry` is one. Without `chain` the certificate stands alone. Public
 * keys alone are left out of every format but JWK.
 */
export interface WrittenEntry {
  readonly alias?: string | undefined;
  readonly certificate?: Certificate | undefined;
  /** With or without the certificate itself at its start. */
  readonly chain?: readonly Certificate[] | undefined;
  readonly privateKey?: PrivateKey | undefined;
}

/** The entry's certificates without repetition: its own first, then its chain. */
export function certificatesOf(entry: WrittenEntry): Certificate[] {
  return distinct([...(entry.certificate === undefined ? [] : [entry.certificate]), ...(entry.chain ?? [])]);
}

export function distinct(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Set<string>();
  return certificates.filter((certificate) => {
    const thumbprint = certificate.thumbprint();
    return !seen.has(thumbprint) && seen.add(thumbprint);
  });
}

/**
 * The key of an entry, ready to be written, or undefined when it has none.
 * Errors: `ERR_KEY_NOT_EXPORTABLE`, `ERR_CERT_KEY_MISMATCH` when it is not that of the certificate.
 */
export function exportableKeyOf(entry: WrittenEntry): SoftwarePrivateKey | undefined {
  const { privateKey, certificate } = entry;
  if (privateKey === undefined) return undefined;
  if (certificate !== undefined && certificate.sshKey?.equals(privateKey.publicKey) !== true) {
    throw errorSource(undefined, "entry").error(
      "ERR_CERT_KEY_MISMATCH",
      `the private key does not belong to the certificate ${certificate.subject.text}`,
    );
  }
  return requireExportable(privateKey);
}

/** Errors: `ERR_CERT_OPTIONS` when there is nothing that the format can hold. */
export function requireContent(count: number, format: string): void {
  if (count === 0) {
    throw errorSource(undefined, "store").error(
      "ERR_CERT_OPTIONS",
      `there is nothing to write that a ${format} file can hold`,
    );
  }
}
