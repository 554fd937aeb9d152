import type { Certificate } from "../certificate-types.js";
import { errorSource } from "../error-source.js";
import type { PrivateKey } from "../key-types.js";
import type { StoreEntry } from "../store-types.js";
import { CertificatePool } from "../stores/issuer-chain.js";

/** Options of {@link joinCertificate}. */
export interface JoinCertificateOptions {
  /** What the authority sent: the certificate, perhaps with its issuers, in any order. */
  readonly certificates: readonly Certificate[];
  /** The key that was waiting: the one that signed the request. */
  readonly key: PrivateKey;
  /** The name that the entry gets in stores. */
  readonly alias?: string | undefined;
  /** Stands in the messages of errors. */
  readonly fileName?: string | undefined;
}

/**
 * Brings an issued certificate together with the key that was waiting for it: an entry that can be written to a store,
 * with the chain in its order. Of several certificates of the key (a renewed one beside the old one) it takes the one
 * that is valid the longest.
 *
 * Errors: `ERR_CERT_KEY_MISMATCH` when none of the certificates is the key's.
 */
export function joinCertificate(options: JoinCertificateOptions): StoreEntry {
  const { certificates, key, alias, fileName } = options;
  const own = certificates
    .filter((certificate) => certificate.sshKey?.equals(key.publicKey) === true)
    .sort((one, other) => other.notAfter.getTime() - one.notAfter.getTime());
  const [certificate] = own;
  if (certificate === undefined) {
    const subjects = certificates.slice(0, 10).map((candidate) => candidate.subject.text);
    throw errorSource(fileName, "certificate").error(
      "ERR_CERT_KEY_MISMATCH",
      subjects.length === 0
        ? "there is no certificate to join with the key"
        : `the key ${key.publicKey.fingerprint()} does not belong to ${subjects.join("; ")}: join it with the certificate that was issued for its request`,
    );
  }
  return {
    alias,
    fileName,
    certificate,
    chain: new CertificatePool(certificates).chainOf(certificate),
    privateKey: key,
    keyProblem: undefined,
    publicKey: key.publicKey,
  };
}
