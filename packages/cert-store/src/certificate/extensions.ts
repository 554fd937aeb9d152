import {
  type ExtendedKeyUsage,
  type GeneralName,
  KEY_USAGES,
  type KeyUsage,
  type NameConstraints,
} from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import {
  ASN1_TAG,
  asn1BitString,
  asn1Boolean,
  asn1Oid,
  asn1Parts,
  asn1Sequence,
  asn1SmallInteger,
  asn1Value,
  CONSTRUCTED,
  contextTag,
  optionalParts,
  requireTag,
} from "./asn1-values.js";
import { readGeneralName } from "./general-name.js";

/** The extensions of RFC 5280 section 4.2 that are read. */
export const EXTENSION_OID = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  issuerAltName: "2.5.29.18",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  crlDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
} as const;

/** Purposes by the names of RFC 5280 section 4.2.1.12 and RFC 8398's registry. */
export const PURPOSE_OIDS: ReadonlyMap<string, string> = new Map([
  ["serverAuth", "1.3.6.1.5.5.7.3.1"],
  ["clientAuth", "1.3.6.1.5.5.7.3.2"],
  ["codeSigning", "1.3.6.1.5.5.7.3.3"],
  ["emailProtection", "1.3.6.1.5.5.7.3.4"],
  ["timeStamping", "1.3.6.1.5.5.7.3.8"],
  ["OCSPSigning", "1.3.6.1.5.5.7.3.9"],
  ["any", "2.5.29.37.0"],
]);
const PURPOSE_NAMES: ReadonlyMap<string, string> = new Map(
  [...PURPOSE_OIDS].map(([name, oid]) => [oid, name]),
);

const OCSP_METHOD = "1.3.6.1.5.5.7.48.1";
const CA_ISSUERS_METHOD = "1.3.6.1.5.5.7.48.2";

/** Policies are no concern of ours; a certificate that insists on one of them is nevertheless taken. */
const KNOWN: ReadonlySet<string> = new Set(Object.values(EXTENSION_OID));

/** The extensions of a certificate or of a certificate request, read. */
export interface CertificateExtensions {
  readonly subjectAltNames: readonly GeneralName[];
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[] | undefined;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly crlUrls: readonly string[];
  readonly ocspUrls: readonly string[];
  readonly caIssuerUrls: readonly string[];
  readonly unknownCriticalExtensions: readonly string[];
}

/** Reads Extensions (RFC 5280 section 4.1); undefined stands for none. One that comes twice is damage. */
export function readExtensions(list: DerValue | undefined, source: ErrorSource): CertificateExtensions {
  const values = new Map<string, DerValue>();
  const unknownCriticalExtensions: string[] = [];
  for (const extension of list === undefined ? [] : asn1Sequence(list, source)) {
    const parts = asn1Sequence(extension, source);
    const oid = asn1Oid(parts[0], source);
    const isCritical = parts.length === 3 && asn1Boolean(parts[1], source);
    const octets = requireTag(parts[parts.length === 3 ? 2 : 1], ASN1_TAG.octetString, source).contents;
    if (parts.length > 3 || values.has(oid))
      throw source.damaged(`the extension ${oid} is malformed or comes twice`);
    if (isCritical && !KNOWN.has(oid)) unknownCriticalExtensions.push(oid);
    // What is in those that are not read is not ours to judge.
    values.set(oid, KNOWN.has(oid) ? asn1Value(octets, source) : extension);
  }
  const read = <T>(oid: string, reader: (value: DerValue, source: ErrorSource) => T): T | undefined => {
    const value = values.get(oid);
    return value === undefined ? undefined : reader(value, source);
  };
  const access = read(EXTENSION_OID.authorityInfoAccess, readAuthorityInfoAccess) ?? [];
  const urlsOf = (method: string) =>
    access.filter((entry) => entry.method === method).map((entry) => entry.url);
  return {
    subjectAltNames: read(EXTENSION_OID.subjectAltName, readGeneralNames) ?? [],
    keyUsage: read(EXTENSION_OID.keyUsage, readKeyUsage),
    extendedKeyUsage: read(EXTENSION_OID.extendedKeyUsage, readExtendedKeyUsage),
    basicConstraints: read(EXTENSION_OID.basicConstraints, readBasicConstraints),
    nameConstraints: read(EXTENSION_OID.nameConstraints, readNameConstraints),
    subjectKeyId: read(EXTENSION_OID.subjectKeyId, readSubjectKeyId),
    authorityKeyId: read(EXTENSION_OID.authorityKeyId, readAuthorityKeyId),
    crlUrls: read(EXTENSION_OID.crlDistributionPoints, readDistributionPoints) ?? [],
    ocspUrls: urlsOf(OCSP_METHOD),
    caIssuerUrls: urlsOf(CA_ISSUERS_METHOD),
    unknownCriticalExtensions,
  };
}

function readGeneralNames(value: DerValue, source: ErrorSource): GeneralName[] {
  return asn1Sequence(value, source).map((name) => readGeneralName(name, source));
}

function readKeyUsage(value: DerValue, source: ErrorSource): KeyUsage[] {
  const { bytes } = asn1BitString(value, source);
  return KEY_USAGES.filter((_, index) => ((bytes[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0);
}

function readExtendedKeyUsage(value: DerValue, source: ErrorSource): ExtendedKeyUsage[] {
  return asn1Sequence(value, source).map((part) => {
    const oid = asn1Oid(part, source);
    return { oid, name: PURPOSE_NAMES.get(oid) ?? oid };
  });
}

function readBasicConstraints(value: DerValue, source: ErrorSource) {
  const parts = asn1Sequence(value, source);
  const isStated = parts[0]?.tag === ASN1_TAG.boolean;
  const ca = isStated && asn1Boolean(parts[0], source);
  const [length, ...rest] = parts.slice(isStated ? 1 : 0);
  if (rest.length > 0) throw source.damaged("the basic constraints are malformed");
  return { ca, pathLength: length === undefined ? undefined : asn1SmallInteger(length, source) };
}

function readNameConstraints(value: DerValue, source: ErrorSource): NameConstraints {
  const [permitted, excluded] = optionalParts(asn1Sequence(value, source), [0, 1], source);
  const subtrees = (list: DerValue | undefined) =>
    (list === undefined ? [] : asn1Parts(list, source)).map((subtree): GeneralName => {
      const [base, ...bounds] = asn1Sequence(subtree, source);
      if (base === undefined) throw source.damaged("the name constraints are malformed");
      // RFC 5280 section 4.2.1.10 allows no bounds; as a kind that nobody checks, the constraint fails closed.
      if (bounds.length > 0) return { kind: "other", value: `#${subtree.raw.toString("hex")}` };
      return readGeneralName(base, source, true);
    });
  return { permitted: subtrees(permitted), excluded: subtrees(excluded) };
}

function readSubjectKeyId(value: DerValue, source: ErrorSource): string {
  return upperHex(requireTag(value, ASN1_TAG.octetString, source).contents);
}

function readAuthorityKeyId(value: DerValue, source: ErrorSource): string | undefined {
  const id = asn1Sequence(value, source).find((part) => part.tag === contextTag(0));
  return id === undefined ? undefined : upperHex(id.contents);
}

/** The addresses of the full names (RFC 5280 section 4.2.1.13). */
function readDistributionPoints(value: DerValue, source: ErrorSource): string[] {
  const inside = (part: DerValue | undefined): DerValue[] =>
    part?.tag === (contextTag(0) | CONSTRUCTED) ? asn1Parts(part, source) : [];
  return asn1Sequence(value, source)
    .flatMap((point) => inside(asn1Sequence(point, source)[0]))
    .flatMap((name) => inside(name))
    .map((name) => readGeneralName(name, source))
    .filter((name) => name.kind === "uri")
    .map((name) => name.value);
}

function readAuthorityInfoAccess(value: DerValue, source: ErrorSource): { method: string; url: string }[] {
  return asn1Sequence(value, source).flatMap((description) => {
    const [method, location] = asn1Sequence(description, source);
    const name = location === undefined ? undefined : readGeneralName(location, source);
    return name?.kind === "uri" ? [{ method: asn1Oid(method, source), url: name.value }] : [];
  });
}

function upperHex(bytes: Buffer): string {
  return bytes.toString("hex").toUpperCase();
}
