import { constants, randomBytes } from "node:crypto";
import { createSecureContext, getCiphers, type SecureContext } from "node:tls";
import { checkTimeMs } from "./option-checks.js";
import {
  type CheckedCertificates,
  checkCertificates,
  checkCrls,
  checkTrust,
  type TlsCertificate,
} from "./tls-certificates.js";
import { settingsError } from "./tls-errors.js";
import type { TlsPeer } from "./tls-peer.js";

/** The versions that are spoken. Older ones are broken (RFC 8996). */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** Decides about a peer: `true` lets it in, anything else, an error too, refuses it. */
export type TlsVerify = (peer: TlsPeer) => boolean | Promise<boolean>;

/** What both sides of a TLS connection can set. Everything wrong in it is `ERR_TLS_SETTINGS`. */
export interface TlsSettings {
  /** Our own certificates, one per kind of key (RSA, EC); the other side's abilities choose. */
  readonly certificates?: readonly TlsCertificate[] | undefined;
  /**
   * PEM files, each with one or more certificates, roots or not: the peer's certificate must be among them or lead to
   * one of them, and nothing else counts. Default: the roots that Node trusts.
   */
  readonly trust?: readonly (string | Buffer)[] | undefined;
  /**
   * Revocation lists (PEM). When given, every certificate of a chain needs a list of its issuer that is in date, or is
   * not trusted.
   */
  readonly crls?: readonly (string | Buffer)[] | undefined;
  /** Default `TLSv1.2`. */
  readonly minimumVersion?: TlsVersion | undefined;
  /** Default `TLSv1.3`. */
  readonly maximumVersion?: TlsVersion | undefined;
  /**
   * The cipher suites to use, the preferred first, by OpenSSL's names (`ECDHE-RSA-AES256-GCM-SHA384`,
   * `TLS_AES_256_GCM_SHA384`). A version that none of them belongs to is not spoken. Default: Node's.
   */
  readonly cipherSuites?: readonly string[] | undefined;
  /** Key exchange groups by OpenSSL's names (`X25519`, `P-256`), the preferred first. Default: OpenSSL's. */
  readonly ecdhCurves?: readonly string[] | undefined;
  /** Application protocols (ALPN, RFC 7301), the preferred first. A server that gets only others refuses. */
  readonly alpn?: readonly string[] | undefined;
  /** How long handshake and `verify` may take together. Default 30 s. */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * Asked about every peer after the handshake and before a byte of the application goes either way; its answer
   * replaces the default decision, which {@link TlsPeer.authorized} tells.
   */
  readonly verify?: TlsVerify | undefined;
}

/** {@link TlsSettings}, checked and with the defaults in. */
export interface CheckedTlsSettings {
  readonly certificates: CheckedCertificates;
  readonly trust: readonly string[] | undefined;
  readonly crls: readonly string[] | undefined;
  readonly minimumVersion: TlsVersion;
  readonly maximumVersion: TlsVersion;
  readonly cipherSuites: string | undefined;
  readonly ecdhCurves: string | undefined;
  readonly alpn: readonly string[] | undefined;
  readonly handshakeTimeoutMs: number;
}

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 30_000;
const MAX_ALPN_OCTETS = 255;
// Suites that rest on a shared key or password: there is no certificate to look at.
const WITHOUT_CERTIFICATE = /psk|srp|null|^(aecdh|adh)-/;
const TLS13_SUITE = /^TLS_/;

/** Fills in the defaults. Errors: `ERR_TLS_SETTINGS`, `ERR_OPTION_INVALID`. */
export function checkTlsSettings(settings: TlsSettings): CheckedTlsSettings {
  const minimumVersion = checkVersion("minimumVersion", settings.minimumVersion ?? "TLSv1.2");
  const maximumVersion = checkVersion("maximumVersion", settings.maximumVersion ?? "TLSv1.3");
  if (minimumVersion > maximumVersion) {
    throw settingsError("minimumVersion", `${minimumVersion} is above the maximumVersion ${maximumVersion}`);
  }
  return {
    certificates: checkCertificates(settings.certificates ?? []),
    trust: settings.trust && checkTrust(settings.trust),
    crls: settings.crls && checkCrls(settings.crls),
    minimumVersion,
    maximumVersion,
    cipherSuites: settings.cipherSuites && checkSuites(settings.cipherSuites, minimumVersion, maximumVersion),
    ecdhCurves: settings.ecdhCurves && checkCurves(settings.ecdhCurves),
    alpn: settings.alpn && checkAlpn(settings.alpn),
    handshakeTimeoutMs: checkTimeMs(
      "tls.handshakeTimeoutMs",
      settings.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
      1,
    ),
  };
}

/**
 * What OpenSSL needs for connections with these settings. `fullHandshakes`: no session is resumed, so that every
 * connection shows its whole certificate chain and has it checked at its own time.
 */
export function createTlsContext(
  settings: CheckedTlsSettings,
  { fullHandshakes }: { readonly fullHandshakes: boolean },
): SecureContext {
  const { certificates, trust, crls, cipherSuites, ecdhCurves } = settings;
  // Renegotiation could bring another certificate after the decision about the first one.
  const noTickets = fullHandshakes ? constants.SSL_OP_NO_TICKET : 0;
  try {
    return createSecureContext({
      ...certificates.contextOptions,
      ...(trust === undefined ? {} : { ca: [...trust] }),
      ...(crls === undefined ? {} : { crl: [...crls] }),
      ...(cipherSuites === undefined ? {} : { ciphers: cipherSuites }),
      ...(ecdhCurves === undefined ? {} : { ecdhCurve: ecdhCurves }),
      // What the user trusts is an end of the chain, a partner's own certificate or an intermediate one too.
      allowPartialTrustChain: trust !== undefined,
      minVersion: settings.minimumVersion,
      maxVersion: settings.maximumVersion,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | noTickets,
      sessionIdContext: randomBytes(16).toString("hex"),
    });
  } catch (error) {
    throw settingsError(certificates.hasPfx ? "certificates" : "tls", "OpenSSL does not take them", error);
  }
}

function checkVersion(setting: string, version: TlsVersion): TlsVersion {
  if (version === "TLSv1.2" || version === "TLSv1.3") return version;
  throw settingsError(setting, "must be TLSv1.2 or TLSv1.3");
}

function checkSuites(names: readonly string[], minimum: TlsVersion, maximum: TlsVersion): string {
  const known = new Set(getCiphers().filter((name) => !WITHOUT_CERTIFICATE.test(name)));
  for (const name of names) {
    if (!known.has(String(name).toLowerCase())) {
      throw settingsError(
        "cipherSuites",
        `${JSON.stringify(name)} is no cipher suite that this machine's OpenSSL has`,
      );
    }
  }
  const upper = names.map((name) => name.toUpperCase());
  const usable = upper.some((name) =>
    TLS13_SUITE.test(name) ? maximum === "TLSv1.3" : minimum === "TLSv1.2",
  );
  if (!usable) throw settingsError("cipherSuites", `has no suite of the versions ${minimum} to ${maximum}`);
  return upper.join(":");
}

function checkCurves(names: readonly string[]): string {
  const wrong = names.find((name) => !/^[\w.-]{1,64}$/.test(String(name)));
  if (wrong !== undefined)
    throw settingsError("ecdhCurves", `${JSON.stringify(wrong)} is no name of a curve`);
  if (names.length === 0) throw settingsError("ecdhCurves", "is empty");
  const joined = names.join(":");
  try {
    createSecureContext({ ecdhCurve: joined });
  } catch (error) {
    throw settingsError("ecdhCurves", `OpenSSL does not know all of ${joined}`, error);
  }
  return joined;
}

function checkAlpn(names: readonly string[]): readonly string[] {
  for (const name of names) {
    const octets = typeof name === "string" ? Buffer.byteLength(name) : 0;
    if (octets < 1 || octets > MAX_ALPN_OCTETS) {
      throw settingsError("alpn", `each protocol must have 1 to ${MAX_ALPN_OCTETS} octets`);
    }
  }
  return names.length === 0 ? names : [...names];
}
