import { isTransferError } from "@waybill/net-core";
import type { BaseBlock } from "asn1js";
import { BasicOCSPResponse, type Extension, OCSPResponse, type SingleResponse } from "pkijs";
import { checkAsn1 } from "../certificate/asn1-guard.js";
import {
  ASN1_TAG,
  asn1Parts,
  asn1Time,
  asn1Value,
  CONSTRUCTED,
  contextTag,
  requireTag,
} from "../certificate/asn1-values.js";
import { readName } from "../certificate/distinguished-name.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate, DistinguishedName } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import { revocationReason, withoutZeros } from "./crl.js";
import { MAX_OCSP_BYTES } from "./revocation-limits.js";
import type { RevocationReason } from "./trust-types.js";

const MAX_VALUES = 16_384;
/** Certificates that come with a response: the signer's, and those above it that some add. */
const MAX_CERTIFICATES = 8;

const BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
const NONCE = "1.3.6.1.5.5.7.48.1.2";

/** OCSPResponseStatus (RFC 6960 section 4.2.1). */
export const OCSP_STATUS = [
  "successful",
  "malformedRequest",
  "internalError",
  "tryLater",
  "unused",
  "sigRequired",
  "unauthorized",
] as const;
export type OcspStatus = (typeof OCSP_STATUS)[number];

/** What a response says about one certificate (RFC 6960 section 4.2.1). */
export interface OcspSingleResponse {
  readonly hashOid: string;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  /** Hexadecimal, upper case, without leading zero octets. */
  readonly serialNumber: string;
  readonly status: "good" | "revoked" | "unknown";
  readonly revocation: { readonly date: Date; readonly reason: RevocationReason } | undefined;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  readonly hasUnknownCritical: boolean;
}

/** A response that has an answer. Nothing about it is trusted by being read. */
export interface OcspAnswer {
  readonly signedData: Buffer;
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  /** Who signed, by name or by the SHA-1 of the key. */
  readonly responder: { readonly name: DistinguishedName } | { readonly keyHash: Buffer };
  /** Those that could be read. */
  readonly certificates: readonly Certificate[];
  readonly producedAt: Date;
  readonly responses: readonly OcspSingleResponse[];
  readonly nonce: Buffer | undefined;
  readonly hasUnknownCritical: boolean;
}

/** Reads an OCSPResponse: the answer, or the status of one without. Errors: those of `source`, damaged or unsupported. */
export function readOcspResponse(
  der: Buffer,
  source: ErrorSource,
): OcspAnswer | Exclude<OcspStatus, "successful"> {
  checkAsn1(der, source, { maxBytes: MAX_OCSP_BYTES, maxDepth: 32, maxValues: MAX_VALUES });
  try {
    const response = OCSPResponse.fromBER(copyOf(der));
    const status = OCSP_STATUS[response.responseStatus.valueBlock.valueDec];
    if (status === undefined) throw source.damaged("the OCSP response has a status that is not known");
    if (status !== "successful") return status;
    const { responseBytes } = response;
    if (responseBytes === undefined) throw source.damaged("the OCSP response has no answer");
    if (responseBytes.responseType !== BASIC_RESPONSE) {
      throw source.unsupported("the OCSP response is of a type that is not supported");
    }
    const basic = Buffer.from(responseBytes.response.valueBlock.valueHexView);
    checkAsn1(basic, source, { maxBytes: MAX_OCSP_BYTES, maxDepth: 32, maxValues: MAX_VALUES });
    return readAnswer(BasicOCSPResponse.fromBER(copyOf(basic)), source);
  } catch (error) {
    if (isTransferError(error)) throw error;
    throw source.damaged("the OCSP response is malformed", error);
  }
}

function readAnswer(basic: BasicOCSPResponse, source: ErrorSource): OcspAnswer {
  const data = basic.tbsResponseData;
  const extensions = data.responseExtensions ?? [];
  const nonce = extensions.find(({ extnID }) => extnID === NONCE);
  return {
    signedData: Buffer.from(data.tbsView),
    signatureAlgorithm: derOf(basic.signatureAlgorithm.toSchema()),
    signature: Buffer.from(basic.signature.valueBlock.valueHexView),
    responder: readResponder(data.tbsView, source),
    certificates: (basic.certs ?? [])
      .slice(0, MAX_CERTIFICATES)
      .flatMap((certificate) => readable(derOf(certificate.toSchema()), source)),
    producedAt: validDate(data.producedAt, source),
    responses: data.responses.map((single) => readSingle(single, source)),
    nonce:
      nonce === undefined ? undefined : nonceOf(Buffer.from(nonce.extnValue.valueBlock.valueHexView), source),
    hasUnknownCritical: hasCritical(extensions),
  };
}

/** The ResponderID behind the version: the library gives it without its type. */
function readResponder(responseData: Uint8Array, source: ErrorSource): OcspAnswer["responder"] {
  const parts = asn1Parts(asn1Value(Buffer.from(responseData), source), source);
  const id = parts.find(({ tag }) => tag === BY_NAME || tag === BY_KEY);
  const [value] = id === undefined ? [] : asn1Parts(id, source);
  if (id?.tag === BY_NAME) return { name: readName(value, source) };
  return { keyHash: requireTag(value, ASN1_TAG.octetString, source).contents };
}

const BY_NAME = contextTag(1) | CONSTRUCTED;
const BY_KEY = contextTag(2) | CONSTRUCTED;

function readSingle(single: SingleResponse, source: ErrorSource): OcspSingleResponse {
  const { certID } = single;
  const status = readStatus(single, source);
  return {
    hashOid: certID.hashAlgorithm.algorithmId,
    issuerNameHash: Buffer.from(certID.issuerNameHash.valueBlock.valueHexView),
    issuerKeyHash: Buffer.from(certID.issuerKeyHash.valueBlock.valueHexView),
    serialNumber: withoutZeros(Buffer.from(certID.serialNumber.valueBlock.valueHexView))
      .toString("hex")
      .toUpperCase(),
    ...status,
    thisUpdate: validDate(single.thisUpdate, source),
    nextUpdate: single.nextUpdate === undefined ? undefined : validDate(single.nextUpdate, source),
    hasUnknownCritical: hasCritical(single.singleExtensions ?? []),
  };
}

function readStatus(
  single: SingleResponse,
  source: ErrorSource,
): Pick<OcspSingleResponse, "status" | "revocation"> {
  const block: BaseBlock = single.certStatus;
  const value = asn1Value(derOf(block), source);
  switch (value.tag) {
    case contextTag(0):
      return { status: "good", revocation: undefined };
    case contextTag(1) | CONSTRUCTED: {
      const [time, reason] = asn1Parts(value, source);
      const [code] = reason === undefined ? [] : asn1Parts(reason, source);
      return {
        status: "revoked",
        revocation: { date: asn1Time(time, source), reason: revocationReason(code?.contents.at(-1)) },
      };
    }
    default:
      return { status: "unknown", revocation: undefined };
  }
}

/** RFC 9654 says an OCTET STRING within the extension's; old responders leave it out. */
function nonceOf(value: Buffer, source: ErrorSource): Buffer {
  try {
    return requireTag(asn1Value(value, source), ASN1_TAG.octetString, source).contents;
  } catch {
    return value;
  }
}

/** No extension of responses has to be critical; the nonce is harmless. */
function hasCritical(extensions: readonly Extension[]): boolean {
  return extensions.some(({ critical, extnID }) => critical && extnID !== NONCE);
}

/** A certificate that we cannot read is not the signer's. */
function readable(der: Buffer, source: ErrorSource): Certificate[] {
  try {
    return [certificateFromDer(der, source)];
  } catch {
    return [];
  }
}

function validDate(date: Date, source: ErrorSource): Date {
  if (Number.isNaN(date.getTime())) throw source.damaged("a date of the OCSP response is malformed");
  return date;
}

function derOf(block: { toBER(): ArrayBuffer }): Buffer {
  return Buffer.from(block.toBER());
}

/** The library keeps views of what it reads. */
function copyOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
