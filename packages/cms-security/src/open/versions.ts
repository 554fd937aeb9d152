import { type BerValue, smallIntegerOf } from "../ber/ber-value.js";
import { damaged } from "../cms-error.js";

/*
 * The versions that the specifications define for each structure, PKCS #7 among them. Which of them it must be follows
 * from what is in the structure, which is what everybody reads instead: OpenSSL and Bouncy Castle do not compare, and
 * Bouncy Castle itself writes 2 where RFC 5652 asks for 3 or 4. So any of these is taken, whatever else is there: no
 * signature and no encryption is over a version, and nothing depends on it. Others are no version of this structure.
 */
const VERSIONS = {
  /** RFC 5652 section 5.1. */
  "signed data": [1, 3, 4, 5],
  /** RFC 5652 section 5.3. */
  "a signer": [1, 3],
  /** RFC 5652 section 6.1. */
  "encrypted data": [0, 2, 3, 4],
  /** RFC 5083 section 2.1; Bouncy Castle insists on it, too. */
  "authenticated encrypted data": [0],
  /** RFC 5652 section 6.2.1. */
  "a recipient": [0, 2],
  /** RFC 5652 section 6.2.2. */
  "a recipient of key agreement": [3],
  /** RFC 3274 section 1.1. */
  "compressed data": [0],
  /** RFC 5652 section 7. */
  "digested data": [0, 2],
  /** RFC 5652 section 8. */
  "data encrypted with a known key": [0, 2],
  /** RFC 5652 section 9.1. */
  "authenticated data": [0, 1, 3],
} as const;

/** Errors: `ERR_CMS_DAMAGED` when no specification defines such a version of `what`. */
export function requireVersion(value: BerValue, what: keyof typeof VERSIONS): void {
  const version = smallIntegerOf(value);
  const known: readonly number[] = VERSIONS[what];
  if (!known.includes(version)) throw damaged(`${what} of an unknown version`);
}
