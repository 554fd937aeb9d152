/** Content types (RFC 5652 section 14, RFC 3274 section 2, RFC 5083 section 5). */
export const CONTENT_TYPE = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  envelopedData: "1.2.840.113549.1.7.3",
  digestedData: "1.2.840.113549.1.7.5",
  encryptedData: "1.2.840.113549.1.7.6",
  authenticatedData: "1.2.840.113549.1.9.16.1.2",
  compressedData: "1.2.840.113549.1.9.16.1.9",
  authEnvelopedData: "1.2.840.113549.1.9.16.1.23",
} as const;

/** Attributes (RFC 5652 section 11). */
export const ATTRIBUTE = {
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
} as const;

/** Public-key algorithms (RFC 3370, RFC 4055, RFC 5480, RFC 8410). */
export const KEY_ALGORITHM = {
  rsa: "1.2.840.113549.1.1.1",
  rsaOaep: "1.2.840.113549.1.1.7",
  mgf1: "1.2.840.113549.1.1.8",
  pSpecified: "1.2.840.113549.1.1.9",
  rsaPss: "1.2.840.113549.1.1.10",
  ec: "1.2.840.10045.2.1",
  ed25519: "1.3.101.112",
} as const;

/** RFC 3274 section 2. */
export const ZLIB_COMPRESSION = "1.2.840.113549.1.9.16.3.8";
