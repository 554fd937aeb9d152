/*
 * What opening a store may cost. What asks for more is refused with `ERR_STORE_UNSUPPORTED` before any work is done.
 */

/** The largest store that is read, in bytes. The bundles of operating systems have less than 1 MiB. */
export const MAX_STORE_BYTES = 16 * 1024 * 1024;

/** The largest JSON, XML or list of keys that is read, in bytes: they become values that are many times larger. */
export const MAX_STORE_TREE_BYTES = 1024 * 1024;

/** The largest PEM block, in characters: a PKCS#7 of some 500 certificates. */
export const MAX_PEM_BLOCK_CHARACTERS = 1024 * 1024;

/** Entries of one store: certificates, keys and public keys together. */
export const MAX_STORE_ENTRIES = 10_000;

/** Entries between two turns of the event loop: some 10 ms. */
export const ENTRIES_PER_TURN = 100;

/** Files of a folder. */
export const MAX_FOLDER_FILES = 4096;

/** Certificates of a chain. */
export const MAX_CHAIN_LENGTH = 32;

/** Certificates of the same subject that are tried as the issuer of one. */
export const MAX_ISSUER_CANDIDATES = 8;

/**
 * Iterations of all derivations of one store together, as hash calls: some ten to twenty seconds beside other work. It
 * is what keytool's stores of 50 keys (JCEKS) to 600 keys (PKCS#12) need.
 */
export const MAX_STORE_DERIVATION_WORK = 20_000_000;

/** Iterations of one derivation of PKCS#12 (RFC 7292 appendix B), which is slower than PBKDF2: some two seconds. */
export const MAX_PKCS12_ITERATIONS = 500_000;
