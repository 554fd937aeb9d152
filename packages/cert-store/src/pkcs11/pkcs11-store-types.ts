import type { CertificateStore } from "../store-types.js";

/** Settings of `openPkcs11Store`. Of the token's, what is given must match; without any there must be one token. */
export interface Pkcs11StoreOptions {
  /** The PKCS #11 library of the token's maker, for example `/usr/lib/softhsm/libsofthsm2.so`. */
  readonly module: string;
  /** The number of the slot. Some modules number anew whenever they start; labels stay. */
  readonly slot?: number | undefined;
  /** The label of the token. */
  readonly tokenLabel?: string | undefined;
  /** The serial number of the token. */
  readonly tokenSerial?: string | undefined;
  /**
   * The PIN of the user, or a function that is asked for it: once when the store is opened, again when the token has to be
   * logged in to anew, and before each use of a key that the token guards so. Without it only what is public shows.
   */
  readonly pin?: string | (() => string | Promise<string>) | undefined;
  /**
   * How many operations run at the same time; the others wait. Each takes a thread of Node.js's pool, which has four
   * that files need, too. Default 2.
   */
  readonly maxSessions?: number | undefined;
}

/** A token's certificates and keys. */
export interface Pkcs11Store extends CertificateStore {
  readonly format: "pkcs11";
  /** The label of the token. */
  readonly tokenLabel: string;
  /** Waits for what is under way and logs out. The keys cannot be used any more: `ERR_PKCS11_CLOSED`. */
  close(): Promise<void>;
}
