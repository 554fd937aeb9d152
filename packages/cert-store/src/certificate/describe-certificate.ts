import type { Certificate, DistinguishedName, GeneralName, KeyUsage } from "../certificate-types.js";
import { keyUsageFlags } from "./key-usage-flags.js";

/** A name in {@link CertificateDescription}. */
export interface NameDescription {
  readonly text: string;
  readonly attributes: readonly { readonly type: string; readonly oid: string; readonly value: string }[];
}

/** Everything that a certificate says, as plain values for JSON: absent fields are not there. */
export interface CertificateDescription {
  readonly subject: NameDescription;
  readonly issuer: NameDescription;
  readonly serialNumber: string;
  readonly version: number;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly selfIssued: boolean;
  readonly subjectAltNames: readonly GeneralName[];
  readonly keyUsage?: readonly KeyUsage[];
  /** The same as a number: see `keyUsageFlags`. */
  readonly keyUsageFlags?: number;
  /** By their names, or OIDs where they have none. */
  readonly extendedKeyUsage?: readonly string[];
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly nameConstraints?: {
    readonly permitted: readonly GeneralName[];
    readonly excluded: readonly GeneralName[];
  };
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: string;
  readonly crlUrls: readonly string[];
  readonly ocspUrls: readonly string[];
  readonly caIssuerUrls: readonly string[];
  readonly unknownCriticalExtensions: readonly string[];
  readonly keyAlgorithm: string;
  readonly keyBits: number;
  readonly signatureAlgorithm: string;
  readonly thumbprints: { readonly md5: string; readonly sha1: string; readonly sha256: string };
  /** Of keys that SSH has. */
  readonly sshKey?: {
    readonly type: string;
    readonly fingerprints: { readonly md5: string; readonly sha1: string; readonly sha256: string };
  };
  readonly pem: string;
}

/** Describes a certificate in plain values, for `--json` and for logs. */
export function describeCertificate(certificate: Certificate): CertificateDescription {
  const {
    keyUsage,
    extendedKeyUsage,
    basicConstraints,
    nameConstraints,
    subjectKeyId,
    authorityKeyId,
    sshKey,
  } = certificate;
  return {
    subject: describeName(certificate.subject),
    issuer: describeName(certificate.issuer),
    serialNumber: certificate.serialNumber,
    version: certificate.version,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    selfIssued: certificate.selfIssued,
    subjectAltNames: certificate.subjectAltNames.map((name) => ({ ...name })),
    ...(keyUsage !== undefined && { keyUsage: [...keyUsage], keyUsageFlags: keyUsageFlags(keyUsage) }),
    ...(extendedKeyUsage !== undefined && {
      extendedKeyUsage: extendedKeyUsage.map((purpose) => purpose.name),
    }),
    ...(basicConstraints !== undefined && {
      basicConstraints: {
        ca: basicConstraints.ca,
        ...(basicConstraints.pathLength !== undefined && { pathLength: basicConstraints.pathLength }),
      },
    }),
    ...(nameConstraints !== undefined && {
      nameConstraints: {
        permitted: nameConstraints.permitted.map((name) => ({ ...name })),
        excluded: nameConstraints.excluded.map((name) => ({ ...name })),
      },
    }),
    ...(subjectKeyId !== undefined && { subjectKeyId }),
    ...(authorityKeyId !== undefined && { authorityKeyId }),
    crlUrls: [...certificate.crlUrls],
    ocspUrls: [...certificate.ocspUrls],
    caIssuerUrls: [...certificate.caIssuerUrls],
    unknownCriticalExtensions: [...certificate.unknownCriticalExtensions],
    keyAlgorithm: certificate.keyAlgorithm,
    keyBits: certificate.keyBits,
    signatureAlgorithm: certificate.signatureAlgorithm,
    thumbprints: {
      md5: certificate.thumbprint("md5"),
      sha1: certificate.thumbprint("sha1"),
      sha256: certificate.thumbprint("sha256"),
    },
    ...(sshKey !== undefined && {
      sshKey: {
        type: sshKey.type,
        fingerprints: {
          md5: sshKey.fingerprint("md5"),
          sha1: sshKey.fingerprint("sha1"),
          sha256: sshKey.fingerprint("sha256"),
        },
      },
    }),
    pem: certificate.pem,
  };
}

export function describeName(name: DistinguishedName): NameDescription {
  return {
    text: name.text,
    attributes: name.attributes.map(({ type, oid, value }) => ({ type, oid, value })),
  };
}
