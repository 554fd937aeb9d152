/** The largest CRL that is read, in bytes. Lists are walked, not taken apart, so that one of 500,000 entries takes less than a second. */
export const MAX_CRL_BYTES = 64 * 1024 * 1024;

/** The largest OCSP response that is read, in bytes. With the certificates of its signer one has some 2 KiB. */
export const MAX_OCSP_BYTES = 128 * 1024;
