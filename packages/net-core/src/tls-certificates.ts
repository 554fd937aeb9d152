import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates, type SecureContextOptions } from "node:tls";
import { settingsError } from "./tls-errors.js";

/** A certificate with its private key, as two PEM texts (they may be the same one). */
export interface TlsPemCertificate {
  /** PEM: our own certificate first, then those that lead to the root. */
  readonly certificate: string | Buffer;
  /** PEM: PKCS#8, PKCS#1 or SEC 1. */
  readonly privateKey: string | Buffer;
  /** Of the private key, when it is encrypted. */
  readonly passphrase?: string | undefined;
}

/** A certificate with its private key in one PKCS#12 file (RFC 7292). */
export interface TlsPfxCertificate {
  readonly pfx: Buffer;
  readonly passphrase?: string | undefined;
}

export type TlsCertificate = TlsPemCertificate | TlsPfxCertificate;

/** {@link TlsCertificate}s that are whole and belong to their keys. */
export interface CheckedCertificates {
  readonly count: number;
  readonly hasPfx: boolean;
  readonly contextOptions: Pick<SecureContextOptions, "cert" | "key" | "pfx">;
}

/** Errors: `ERR_TLS_SETTINGS`, naming the entry. */
export function checkCertificates(entries: readonly TlsCertificate[]): CheckedCertificates {
  const cert: string[] = [];
  const key: { pem: string; passphrase?: string }[] = [];
  const pfx: { buf: Buffer; passphrase?: string }[] = [];
  const kinds = new Map<string | undefined, string>();
  entries.forEach((entry, at) => {
    const setting = `certificates[${at}]`;
    const passphrase = entry.passphrase === undefined ? {} : { passphrase: entry.passphrase };
    if ("pfx" in entry) {
      checkPfx(setting, entry);
      pfx.push({ buf: entry.pfx, ...passphrase });
      return;
    }
    const { chain, kind } = checkPair(setting, entry);
    // OpenSSL keeps one certificate per kind of key, and would use the last one only.
    const other = kinds.get(kind);
    if (other !== undefined)
      throw settingsError(setting, `has a ${kind} key, and so has ${other}: give one per kind`);
    kinds.set(kind, setting);
    cert.push(chain);
    key.push({ pem: String(entry.privateKey), ...passphrase });
  });
  return {
    count: entries.length,
    hasPfx: pfx.length > 0,
    contextOptions: { ...(cert.length === 0 ? {} : { cert, key }), ...(pfx.length === 0 ? {} : { pfx }) },
  };
}

/** The certificates of PEM files, one text each. Errors: `ERR_TLS_SETTINGS`. */
export function checkTrust(files: readonly (string | Buffer)[]): readonly string[] {
  return files.flatMap((file, at) => {
    const setting = `trust[${at}]`;
    const blocks = pemBlocks(setting, file, "CERTIFICATE");
    for (const block of blocks) parseCertificate(setting, block);
    return blocks;
  });
}

/** The revocation lists of PEM files, one text each. Errors: `ERR_TLS_SETTINGS`. */
export function checkCrls(files: readonly (string | Buffer)[]): readonly string[] {
  return files.flatMap((file, at) => {
    const setting = `crls[${at}]`;
    const blocks = pemBlocks(setting, file, "X509 CRL");
    for (const crl of blocks) {
      try {
        createSecureContext({ crl });
      } catch (error) {
        throw settingsError(setting, "is no revocation list, or a damaged one", error);
      }
    }
    return blocks;
  });
}

let roots: readonly X509Certificate[] | undefined;

/**
 * Whether a peer's chain leads to one of the `trust`ed certificates (default: Node's roots). A second
 * opinion that is needed beside a PKCS#12 file: Node trusts every certificate in it, our own issuer's too.
 */
export function leadsToTrust(
  chain: readonly X509Certificate[],
  trust: readonly string[] | undefined,
): boolean {
  if (trust === undefined) roots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  const anchors = trust === undefined ? (roots ?? []) : trust.map((pem) => new X509Certificate(pem));
  const left = new Set(chain);
  let current = chain[0];
  while (current !== undefined) {
    const subject = current;
    left.delete(subject);
    const { fingerprint256 } = subject;
    if (anchors.some((anchor) => anchor.fingerprint256 === fingerprint256 || isIssuer(anchor, subject)))
      return true;
    current = [...left].find((candidate) => isIssuer(candidate, subject));
  }
  return false;
}

function isIssuer(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    // A key or signature that OpenSSL cannot handle proves nothing.
    return false;
  }
}

function checkPair(setting: string, entry: TlsPemCertificate): { chain: string; kind: string | undefined } {
  const blocks = pemBlocks(`${setting}.certificate`, entry.certificate, "CERTIFICATE");
  const [leaf] = blocks.map((block) => parseCertificate(`${setting}.certificate`, block));
  const { passphrase } = entry;
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey({ key: entry.privateKey, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    const advice =
      "is no private key in PEM that can be read: it is damaged, or its passphrase is missing or wrong";
    throw settingsError(`${setting}.privateKey`, advice, error);
  }
  if (leaf?.checkPrivateKey(key) !== true) {
    throw settingsError(
      `${setting}.privateKey`,
      "does not belong to the first certificate of the chain (our own certificate must come first)",
    );
  }
  return { chain: blocks.join("\n"), kind: key.asymmetricKeyType };
}

function checkPfx(setting: string, { pfx, passphrase }: TlsPfxCertificate): void {
  try {
    createSecureContext({ pfx: [{ buf: pfx, ...(passphrase === undefined ? {} : { passphrase }) }] });
  } catch (error) {
    throw settingsError(
      `${setting}.pfx`,
      "cannot be opened: it is damaged, or its passphrase is missing or wrong",
      error,
    );
  }
}

/** The blocks of a PEM text that carry `label`; at least one, and every one that begins ends too. */
function pemBlocks(setting: string, pem: string | Buffer, label: string): string[] {
  const text = String(pem);
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks = text.split(begin).slice(1);
  if (blocks.length === 0) throw settingsError(setting, `has no PEM block "${label}"`);
  return blocks.map((block) => {
    const length = block.indexOf(end);
    if (length === -1) throw settingsError(setting, `has a PEM block "${label}" without an end`);
    return `${begin}${block.slice(0, length)}${end}\n`;
  });
}

function parseCertificate(setting: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw settingsError(setting, "has a damaged certificate", error);
  }
}
