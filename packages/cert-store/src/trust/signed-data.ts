import { constants, type KeyObject, verify } from "node:crypto";
import {
  asn1Oid,
  asn1Parts,
  asn1Sequence,
  asn1SmallInteger,
  asn1Value,
  CONSTRUCTED,
  contextTag,
} from "../certificate/asn1-values.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";

/** How a list or a response was signed (RFC 5280 section 4.1.1.2). */
export interface SignatureMethod {
  /** As node:crypto names it; undefined for those with a hash of their own. */
  readonly hash: string | undefined;
  readonly keyTypes: readonly string[];
  /** RSASSA-PSS only, in bytes. */
  readonly saltLength?: number;
}

const RSA = ["rsa"];
const EC = ["ec"];
const RSASSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";

const METHODS: Readonly<Record<string, SignatureMethod>> = {
  "1.2.840.113549.1.1.5": { hash: "sha1", keyTypes: RSA },
  "1.3.14.3.2.29": { hash: "sha1", keyTypes: RSA },
  "1.2.840.113549.1.1.14": { hash: "sha224", keyTypes: RSA },
  "1.2.840.113549.1.1.11": { hash: "sha256", keyTypes: RSA },
  "1.2.840.113549.1.1.12": { hash: "sha384", keyTypes: RSA },
  "1.2.840.113549.1.1.13": { hash: "sha512", keyTypes: RSA },
  "1.2.840.10045.4.1": { hash: "sha1", keyTypes: EC },
  "1.2.840.10045.4.3.1": { hash: "sha224", keyTypes: EC },
  "1.2.840.10045.4.3.2": { hash: "sha256", keyTypes: EC },
  "1.2.840.10045.4.3.3": { hash: "sha384", keyTypes: EC },
  "1.2.840.10045.4.3.4": { hash: "sha512", keyTypes: EC },
  "1.3.101.112": { hash: undefined, keyTypes: ["ed25519"] },
  "1.3.101.113": { hash: undefined, keyTypes: ["ed448"] },
};

const HASHES: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.4": "sha224",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** Saltier than any hash is long. */
const MAX_SALT_BYTES = 512;

/** The method that an AlgorithmIdentifier names, or undefined when it is not one of ours. Errors: those of `source`. */
export function signatureMethod(algorithm: Buffer, source: ErrorSource): SignatureMethod | undefined {
  const [oid, parameters] = asn1Sequence(asn1Value(algorithm, source), source);
  const name = asn1Oid(oid, source);
  return name === RSASSA_PSS ? pssMethod(parameters, source) : METHODS[name];
}

/** Whether `key` made `signature` over `data`. Never throws. */
export function isSignature(
  method: SignatureMethod,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!method.keyTypes.includes(key.asymmetricKeyType ?? "")) return false;
  try {
    return method.saltLength === undefined
      ? verify(method.hash, data, key, signature)
      : verify(
          method.hash,
          data,
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: method.saltLength },
          signature,
        );
  } catch {
    return false;
  }
}

/** RSASSA-PSS-params (RFC 4055 section 3.1). The mask must use the same hash as the message. */
function pssMethod(parameters: DerValue | undefined, source: ErrorSource): SignatureMethod | undefined {
  const fields = parameters === undefined ? [] : asn1Sequence(parameters, source);
  const field = (number: number): DerValue | undefined => {
    const found = fields.find((part) => part.tag === (contextTag(number) | CONSTRUCTED));
    return found === undefined ? undefined : asn1Parts(found, source)[0];
  };
  const hash = hashOf(field(0), source);
  const saltLength = field(2) === undefined ? 20 : asn1SmallInteger(field(2), source);
  if (hash === undefined || saltLength > MAX_SALT_BYTES) return undefined;
  if (maskHash(field(1), source) !== hash) return undefined;
  if (field(3) !== undefined && asn1SmallInteger(field(3), source) !== 1) return undefined;
  return { hash, keyTypes: ["rsa", "rsa-pss"], saltLength };
}

function maskHash(value: DerValue | undefined, source: ErrorSource): string | undefined {
  if (value === undefined) return "sha1";
  const [oid, hash] = asn1Sequence(value, source);
  return asn1Oid(oid, source) === MGF1 ? hashOf(hash, source) : undefined;
}

function hashOf(value: DerValue | undefined, source: ErrorSource): string | undefined {
  return value === undefined ? "sha1" : hashByOid(asn1Oid(asn1Sequence(value, source)[0], source));
}

/** The name in node:crypto of a hash algorithm; undefined for those that are not ours. */
export function hashByOid(oid: string): string | undefined {
  return HASHES[oid];
}
