import { TAG } from "./ber/ber-header.js";
import { BerParts, type BerValue, oidOf } from "./ber/ber-value.js";
import { cmsError } from "./cms-error.js";
import { type HashAlgorithm, hashWithOid } from "./hashes.js";

/** An AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: BerValue | undefined;
}

export function algorithmOf(value: BerValue): AlgorithmIdentifier {
  const parts = new BerParts(value, TAG.sequence, "an algorithm");
  const oid = oidOf(parts.next());
  const parameters = parts.hasMore ? parts.next() : undefined;
  parts.end();
  return { oid, parameters };
}

/** Algorithms whose parameters are absent or NULL. Errors: `ERR_CMS_ALGORITHM`. */
export function requireNoParameters(algorithm: AlgorithmIdentifier): void {
  const { parameters } = algorithm;
  if (parameters === undefined || (parameters.tag === TAG.null && parameters.contents.length === 0)) return;
  throw cmsError("ERR_CMS_ALGORITHM", `the algorithm ${algorithm.oid} has parameters that it must not have`);
}

/** Errors: `ERR_CMS_ALGORITHM`. */
export function hashOf(algorithm: AlgorithmIdentifier): HashAlgorithm {
  const found = hashWithOid(algorithm.oid);
  if (found === undefined) throw unknownAlgorithm("hash", algorithm.oid);
  requireNoParameters(algorithm);
  return found;
}

export function unknownAlgorithm(what: string, oid: string): Error {
  return cmsError("ERR_CMS_ALGORITHM", `the ${what} algorithm ${oid} is not supported`, { details: { oid } });
}
