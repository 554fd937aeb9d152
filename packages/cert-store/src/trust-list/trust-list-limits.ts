/*
 * What a trust list may cost. One that asks for more is refused with `ERR_TRUST_LIST_LIMIT` before it is parsed. A list of
 * 1000 services has some 3 MB and 40,000 elements; Odette's is far smaller.
 */

/** The largest list, in bytes. */
export const MAX_TRUST_LIST_BYTES = 16 * 1024 * 1024;

/** How deep elements may be nested. The schema needs some 20. */
export const MAX_XML_DEPTH = 64;

/** How many elements, attributes, comments and processing instructions there may be. */
export const MAX_XML_NODES = 200_000;

/** How many attributes an element may have. */
export const MAX_XML_ATTRIBUTES = 32;

/** How many certificates one service may have. */
export const MAX_SERVICE_CERTIFICATES = 32;

/** How many different certificates the whole list may have. */
export const MAX_LIST_CERTIFICATES = 5000;

/** How many references a signature may have. XAdES needs two. */
export const MAX_SIGNATURE_REFERENCES = 4;

/** How many certificates `KeyInfo` may have. */
export const MAX_KEY_INFO_CERTIFICATES = 16;

/** The smallest RSA key that may sign a list, in bits. */
export const MIN_SIGNER_RSA_BITS = 2048;
