import type { HashName } from "@waybill/cert-store";

/** A hash algorithm and the signature algorithms with it (RFC 4055, RFC 5754, RFC 5758, RFC 8692, RFC 8702). */
export interface HashAlgorithm {
  readonly name: HashName;
  readonly oid: string;
  readonly bytes: number;
  readonly rsaSignatureOid: string;
  readonly ecdsaSignatureOid: string;
}

export const HASH_ALGORITHMS: readonly HashAlgorithm[] = [
  hash("sha1", 20, "1.3.14.3.2.26", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"),
  hash("sha256", 32, "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"),
  hash("sha384", 48, "2.16.840.1.101.3.4.2.2", "1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"),
  hash("sha512", 64, "2.16.840.1.101.3.4.2.3", "1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"),
  hash("sha3-256", 32, "2.16.840.1.101.3.4.2.8", "2.16.840.1.101.3.4.3.14", "2.16.840.1.101.3.4.3.10"),
  hash("sha3-384", 48, "2.16.840.1.101.3.4.2.9", "2.16.840.1.101.3.4.3.15", "2.16.840.1.101.3.4.3.11"),
  hash("sha3-512", 64, "2.16.840.1.101.3.4.2.10", "2.16.840.1.101.3.4.3.16", "2.16.840.1.101.3.4.3.12"),
];

function hash(
  name: HashName,
  bytes: number,
  oid: string,
  rsaSignatureOid: string,
  ecdsaSignatureOid: string,
): HashAlgorithm {
  return { name, bytes, oid, rsaSignatureOid, ecdsaSignatureOid };
}

/** The algorithm of a name. */
export function hashNamed(name: HashName): HashAlgorithm {
  const found = HASH_ALGORITHMS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new RangeError(`unknown hash ${name}`);
  return found;
}

/** The algorithm of an object identifier, if it is known. */
export function hashWithOid(oid: string): HashAlgorithm | undefined {
  return HASH_ALGORITHMS.find((candidate) => candidate.oid === oid);
}
