import { TransferError } from "@waybill/net-core";

/** Which key TLS is to use. */
export interface Pkcs11TlsKeyOptions {
  readonly tokenLabel: string;
  /** `CKA_LABEL` of the key, `CKA_ID` of the key, or both. */
  readonly keyLabel?: string | undefined;
  readonly keyId?: Uint8Array | undefined;
  readonly pin?: string | undefined;
}

/** What `tls.createSecureContext`, `tls.createServer` and `tls.connect` take instead of `key`. */
export interface Pkcs11TlsKey {
  readonly privateKeyEngine: string;
  /** A PKCS #11 URI (RFC 7512). It holds the PIN: not for logs. */
  readonly privateKeyIdentifier: string;
}

/**
 * The options with which Node.js itself does TLS with a key in a token. It cannot call a {@link PrivateKey}: handshakes run
 * inside of OpenSSL, which reaches tokens only through its engine `pkcs11` of libp11 (Debian's
 * `libengine-pkcs11-openssl`). The environment has to name the folder of engines, as `openssl version -e` prints it, in
 * `OPENSSL_ENGINES`, and the token's module in `PKCS11_MODULE_PATH`. Signing then blocks the event loop.
 *
 * OpenSSL 3 calls engines deprecated, and version 4 has none, so a later Node.js will not have this either. What stays
 * then is a TLS terminator in front.
 *
 * Errors: `ERR_KEY_OPTIONS` when neither label nor ID is given. A missing engine or key is OpenSSL's error, from
 * `createSecureContext`.
 */
export function pkcs11TlsKey(options: Pkcs11TlsKeyOptions): Pkcs11TlsKey {
  const { tokenLabel, keyLabel, keyId, pin } = options;
  if (keyLabel === undefined && (keyId === undefined || keyId.length === 0)) {
    throw new TransferError(
      "ERR_KEY_OPTIONS",
      "say which key of the token is meant: give its label or its ID",
    );
  }
  const path = [
    `token=${escaped(tokenLabel)}`,
    ...(keyLabel === undefined ? [] : [`object=${escaped(keyLabel)}`]),
    ...(keyId === undefined ? [] : [`id=${Array.from(keyId, percent).join("")}`]),
    "type=private",
  ];
  const query = pin === undefined ? "" : `?pin-value=${escaped(pin)}`;
  return { privateKeyEngine: "pkcs11", privateKeyIdentifier: `pkcs11:${path.join(";")}${query}` };
}

/** Everything but the unreserved characters of RFC 3986. */
function escaped(text: string): string {
  return Array.from(Buffer.from(text, "utf8"), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(character) ? character : percent(byte);
  }).join("");
}

function percent(byte: number): string {
  return `%${byte.toString(16).padStart(2, "0").toUpperCase()}`;
}
