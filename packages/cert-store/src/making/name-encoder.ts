import { checkAsn1 } from "../certificate/asn1-guard.js";
import { ASN1_TAG } from "../certificate/asn1-values.js";
import { attributeOid, parseNameText, type TypedAttribute } from "../certificate/name-text.js";
import { encodeDer } from "../der.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import { derOid, derSequence, derSetOf } from "./der-writer.js";

/**
 * A subject: as RFC 4514 writes it (`CN=host,O=Company`, last part first), or its attributes in the order of the
 * certificate, by short name (`CN`, `serialNumber` …) or OID.
 */
export type SubjectInput = string | readonly { readonly type: string; readonly value: string }[];

/** Those that RFC 5280 appendix A.1 gives no choice of a string type. */
const STRING_TAGS: ReadonlyMap<string, number> = new Map([
  ["2.5.4.6", ASN1_TAG.printableString],
  ["2.5.4.5", ASN1_TAG.printableString],
  ["2.5.4.46", ASN1_TAG.printableString],
  ["0.9.2342.19200300.100.1.25", ASN1_TAG.ia5String],
  ["1.2.840.113549.1.9.1", ASN1_TAG.ia5String],
]);

const COUNTRY = "2.5.4.6";
/** The upper bounds of RFC 5280 appendix A.1 that people meet. */
const MAX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["2.5.4.3", 64],
  ["2.5.4.5", 64],
  ["2.5.4.10", 64],
  ["2.5.4.11", 64],
  ["2.5.4.7", 128],
  ["2.5.4.8", 128],
  ["1.2.840.113549.1.9.1", 255],
]);
/** For all others. */
const MAX_LENGTH = 32_768;

/** The DER of a name. Errors: `ERR_CERT_OPTIONS`. */
export function encodeName(
  subject: SubjectInput,
  source: ErrorSource = errorSource(undefined, "subject"),
): Buffer {
  const parts =
    typeof subject === "string"
      ? parseNameText(subject, source)
      : subject.map(({ type, value }) => [{ oid: attributeOid(type, source), value }]);
  return derSequence(
    ...parts.map((part) => derSetOf(...part.map((attribute) => encodeAttribute(attribute, source)))),
  );
}

function encodeAttribute({ oid, value }: TypedAttribute, source: ErrorSource): Buffer {
  if (typeof value !== "string") {
    checkAsn1(value, { ...source, damaged: (problem) => source.error("ERR_CERT_OPTIONS", problem) });
    return derSequence(derOid(oid), value);
  }
  const refuse = (problem: string) =>
    source.error("ERR_CERT_OPTIONS", `the value "${value.slice(0, 100)}" ${problem}`);
  const tag = STRING_TAGS.get(oid) ?? ASN1_TAG.utf8String;
  if (value === "" || /\p{Surrogate}/u.test(value)) throw refuse("is no text");
  if ([...value].length > (MAX_LENGTHS.get(oid) ?? MAX_LENGTH))
    throw refuse(`is too long for the attribute ${oid}`);
  if (oid === COUNTRY && !/^[A-Za-z]{2}$/.test(value))
    throw refuse("is no country: it takes two letters (ISO 3166)");
  if (tag === ASN1_TAG.printableString && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) {
    throw refuse(`has characters that the attribute ${oid} does not allow`);
  }
  if (tag === ASN1_TAG.ia5String && !/^[\x20-\x7e]*$/.test(value)) throw refuse("is not ASCII");
  return derSequence(derOid(oid), encodeDer(tag, Buffer.from(value, "utf8")));
}
