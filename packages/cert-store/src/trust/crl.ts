import { AsnConvert } from "@peculiar/asn1-schema";
import { IssuingDistributionPoint } from "@peculiar/asn1-x509";
import { errorMessage } from "@waybill/net-core";
import { checkAsn1, readAsn1Header } from "../certificate/asn1-guard.js";
import {
  ASN1_TAG,
  asn1BitString,
  asn1Boolean,
  asn1Oid,
  asn1Parts,
  asn1Sequence,
  asn1SmallInteger,
  asn1Time,
  asn1Value,
  CONSTRUCTED,
  contextTag,
  requireTag,
} from "../certificate/asn1-values.js";
import { readName } from "../certificate/distinguished-name.js";
import type { DistinguishedName } from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { MAX_CRL_BYTES } from "./revocation-limits.js";
import { REVOCATION_REASONS, type RevocationReason } from "./trust-types.js";

const DELTA_INDICATOR = "2.5.29.27";
const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
const REASON_CODE = "2.5.29.21";
/** Extensions of a list that change nothing for us, should they be critical: authorityKeyIdentifier, issuerAltName, cRLNumber. */
const HARMLESS = new Set(["2.5.29.35", "2.5.29.18", "2.5.29.20"]);
/** Of an entry: reasonCode, invalidityDate, the old instruction for certificates on hold. */
const KNOWN_IN_ENTRY = new Set([REASON_CODE, "2.5.29.24", "2.5.29.23"]);

/** The certificates that a list is about (RFC 5280 section 5.2.5). */
export interface CrlScope {
  /** The list's own addresses; undefined when it does not say. */
  readonly urls: readonly string[] | undefined;
  readonly only: "all" | "users" | "authorities";
  /** Not all reasons: who is not listed may be revoked nevertheless. */
  readonly isPartial: boolean;
}

/** What a list says about one certificate. */
export interface CrlEntry {
  readonly date: Date;
  readonly reason: RevocationReason;
}

/** A certificate revocation list (RFC 5280 section 5). Nothing about it is trusted by being read. */
export interface CertificateRevocationList {
  /** What is signed. */
  readonly signedData: Buffer;
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  readonly scope: CrlScope;
  /** Why the list cannot be used for anything: a delta, an indirect one, an extension that is critical and not known. */
  readonly unusable: string | undefined;
  /** The entry of a serial number (hexadecimal, upper case, without leading zero octets). Walks the list. */
  find(serialNumber: string): CrlEntry | undefined;
}

/** Reads a list from DER. Errors: those of `source`, damaged or unsupported. */
export function readCrl(der: Buffer, source: ErrorSource): CertificateRevocationList {
  checkAsn1(der, source, { maxBytes: MAX_CRL_BYTES, maxDepth: 64, maxValues: MAX_CRL_BYTES });
  const [list, algorithm, signature, ...rest] = asn1Sequence(asn1Value(der, source), source);
  if (list === undefined || algorithm === undefined || rest.length > 0) throw source.damaged("it is no CRL");
  const parts = asn1Sequence(list, source);
  const next = (tags: readonly number[]): DerValue | undefined =>
    parts[0] !== undefined && tags.includes(parts[0].tag) ? parts.shift() : undefined;
  const version = next([ASN1_TAG.integer]);
  if (version !== undefined && asn1SmallInteger(version, source) !== 1) {
    throw source.unsupported("the CRL has a version that is not supported");
  }
  const innerAlgorithm = requireTag(next([ASN1_TAG.sequence]), ASN1_TAG.sequence, source);
  if (!innerAlgorithm.raw.equals(algorithm.raw))
    throw source.damaged("the CRL names two signature algorithms");
  const issuer = readName(next([ASN1_TAG.sequence]), source);
  const thisUpdate = asn1Time(parts.shift(), source);
  const nextTime = next([ASN1_TAG.utcTime, ASN1_TAG.generalizedTime]);
  const entries = next([ASN1_TAG.sequence]);
  const extensionList = next([contextTag(0) | CONSTRUCTED]);
  if (parts.length > 0) throw source.damaged("the CRL has parts that do not belong there");
  const extensions =
    extensionList === undefined ? [] : readExtensions(asn1Parts(extensionList, source)[0], source);
  const entriesProblem = entries === undefined ? undefined : entryProblem(entries.contents, source);
  const { scope, problem } = scopeOf(extensions, source);
  return {
    signedData: list.raw,
    signatureAlgorithm: algorithm.raw,
    signature: asn1BitString(signature, source).bytes,
    issuer,
    thisUpdate,
    nextUpdate: nextTime === undefined ? undefined : asn1Time(nextTime, source),
    scope,
    unusable: problem ?? entriesProblem,
    find: (serialNumber) =>
      entries === undefined ? undefined : findEntry(entries.contents, serialNumber, source),
  };
}

interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Buffer;
}

function readExtensions(list: DerValue | undefined, source: ErrorSource): Extension[] {
  return asn1Sequence(list, source).map((extension) => {
    const [oid, ...rest] = asn1Sequence(extension, source);
    const isCritical = rest.length === 2 && asn1Boolean(rest[0], source);
    return {
      oid: asn1Oid(oid, source),
      isCritical,
      value: requireTag(rest.at(-1), ASN1_TAG.octetString, source).contents,
    };
  });
}

function scopeOf(
  extensions: readonly Extension[],
  source: ErrorSource,
): { scope: CrlScope; problem: string | undefined } {
  let scope: CrlScope = { urls: undefined, only: "all", isPartial: false };
  let problem: string | undefined;
  for (const { oid, isCritical, value } of extensions) {
    if (oid === DELTA_INDICATOR) problem ??= "it lists only what changed (a delta CRL)";
    else if (oid === ISSUING_DISTRIBUTION_POINT) {
      const point = readDistributionPoint(value, source);
      if (point.indirectCRL) problem ??= "it is for certificates of several authorities (an indirect CRL)";
      if (point.onlyContainsAttributeCerts) problem ??= "it is for attribute certificates";
      if (point.distributionPoint?.nameRelativeToCRLIssuer !== undefined) {
        problem ??= "it names its distribution point in a way that is not supported";
      }
      scope = {
        urls: point.distributionPoint?.fullName?.map((name) => name.uniformResourceIdentifier ?? ""),
        only: point.onlyContainsUserCerts ? "users" : point.onlyContainsCACerts ? "authorities" : "all",
        isPartial: point.onlySomeReasons !== undefined,
      };
    } else if (isCritical && !HARMLESS.has(oid))
      problem ??= `it has a critical extension that is not known: ${oid}`;
  }
  return { scope, problem };
}

function readDistributionPoint(value: Buffer, source: ErrorSource): IssuingDistributionPoint {
  try {
    return AsnConvert.parse(value, IssuingDistributionPoint);
  } catch (error) {
    throw source.damaged(`the CRL's distribution point is malformed (${errorMessage(error)})`, error);
  }
}

/** A view of one entry, without its reading. */
interface RawEntry {
  readonly serial: Buffer;
  readonly rest: Buffer;
}

/** Lists have a million entries: no objects are made of those that nobody asks for. */
function* walkEntries(entries: Buffer, source: ErrorSource): Generator<RawEntry> {
  for (let position = 0; position < entries.length; ) {
    const entry = readAsn1Header(entries, position, entries.length, source);
    const start = position + entry.headerBytes;
    const end = start + entry.contentBytes;
    const serial = readAsn1Header(entries, start, end, source);
    if (entry.tag !== ASN1_TAG.sequence || serial.tag !== ASN1_TAG.integer) {
      throw source.damaged("an entry of the CRL is malformed");
    }
    const serialStart = start + serial.headerBytes;
    const serialEnd = serialStart + serial.contentBytes;
    yield { serial: entries.subarray(serialStart, serialEnd), rest: entries.subarray(serialEnd, end) };
    position = end;
  }
}

/**
 * A critical extension of any entry that is not known makes the whole list unusable (RFC 5280 section 5.3): it may say
 * that the entries from here on are another authority's.
 */
function entryProblem(entries: Buffer, source: ErrorSource): string | undefined {
  for (const { rest } of walkEntries(entries, source)) {
    const time = readAsn1Header(rest, 0, rest.length, source);
    const extensions = rest.subarray(time.headerBytes + time.contentBytes);
    if (extensions.length === 0) continue;
    const isQuick =
      extensions.length === REASON_ENTRY_BYTES &&
      extensions.subarray(0, REASON_ENTRY.length).equals(REASON_ENTRY);
    if (isQuick) continue;
    for (const { oid, isCritical } of readExtensions(asn1Value(extensions, source), source)) {
      if (isCritical && !KNOWN_IN_ENTRY.has(oid)) {
        return `an entry has a critical extension that is not known: ${oid}`;
      }
    }
  }
  return undefined;
}

/** The extensions of nearly all entries: a reason code that is not critical, whose last octet is the reason. */
const REASON_ENTRY = Buffer.from("300c300a0603551d1504030a01", "hex");
const REASON_ENTRY_BYTES = REASON_ENTRY.length + 1;

function findEntry(entries: Buffer, serialNumber: string, source: ErrorSource): CrlEntry | undefined {
  const wanted = Buffer.from(serialNumber, "hex");
  for (const { serial, rest } of walkEntries(entries, source)) {
    if (!withoutZeros(serial).equals(wanted)) continue;
    const time = readAsn1Header(rest, 0, rest.length, source);
    const timeEnd = time.headerBytes + time.contentBytes;
    const date = asn1Time(asn1Value(rest.subarray(0, timeEnd), source), source);
    const reason = timeEnd === rest.length ? "unspecified" : reasonOf(rest.subarray(timeEnd), source);
    // It belongs into deltas only; what it says is that the certificate is well again.
    if (reason === "removeFromCRL") continue;
    return { date, reason };
  }
  return undefined;
}

function reasonOf(extensions: Buffer, source: ErrorSource): RevocationReason {
  const found = readExtensions(asn1Value(extensions, source), source).find(({ oid }) => oid === REASON_CODE);
  if (found === undefined) return "unspecified";
  return revocationReason(requireTag(asn1Value(found.value, source), ENUMERATED, source).contents.at(-1));
}

const ENUMERATED = 0x0a;

/** A CRLReason by its number; one that nobody knows revokes all the same. */
export function revocationReason(number: number | undefined): RevocationReason {
  return REVOCATION_REASONS[number ?? 0] ?? "unspecified";
}

/** Serial numbers are compared without the octets that only say that they are not negative. */
export function withoutZeros(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  return bytes.subarray(start);
}
