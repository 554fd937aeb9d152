/*
 * What a key file may cost. A file that asks for more is refused with `ERR_KEY_UNSUPPORTED` before any work is
 * done. The times are those of one core of a small server.
 */

/** The largest key file that is read, in bytes. */
export const MAX_KEY_FILE_BYTES = 1024 * 1024;

/** The largest `authorized_keys` or `known_hosts` file that is read, in bytes. */
export const MAX_KEY_LIST_BYTES = 16 * 1024 * 1024;

/**
 * The longest line of `authorized_keys` and `known_hosts`, in characters; a longer one is reported as a problem.
 */
export const MAX_KEY_LIST_LINE = 64 * 1024;

/** RSA moduli, in bits. OpenSSH's maximum is the same; below 1024 a key protects nothing. */
export const MIN_RSA_BITS = 1024;
export const MAX_RSA_BITS = 16384;

/**
 * Rounds of bcrypt_pbkdf in an OpenSSH private key: about 20 ms each, so some five seconds. ssh-keygen writes 16 or
 * 24.
 */
export const MAX_BCRYPT_ROUNDS = 256;

/** Memory of Argon2 in a PPK version 3 file, in KiB: 64 MiB. puttygen writes 8 MiB. */
export const MAX_ARGON2_MEMORY_KIB = 64 * 1024;

/** Memory times passes of Argon2, in KiB: 4 GiB, some four seconds. puttygen's 100 ms are about 0.2 GiB. */
export const MAX_ARGON2_WORK_KIB = 4 * 1024 * 1024;

/** Passes of Argon2, whatever the memory. */
export const MAX_ARGON2_PASSES = 100_000;

/** Lanes of Argon2. */
export const MAX_ARGON2_PARALLELISM = 64;

/** Iterations of PBKDF2, and of the PKCS#12 derivation, in an encrypted PKCS#8 key: some three seconds. */
export const MAX_PBKDF2_ITERATIONS = 5_000_000;

/** Memory of scrypt in an encrypted PKCS#8 key, in bytes. It is OpenSSL's own limit, too. */
export const MAX_SCRYPT_MEMORY_BYTES = 32 * 1024 * 1024;

/** N times r times p of scrypt: some two seconds. OpenSSL writes 16384 times 8 times 1. */
export const MAX_SCRYPT_WORK = 4 * 1024 * 1024;

/** The longest salt of any derivation, in bytes. */
export const MAX_SALT_BYTES = 1024;
