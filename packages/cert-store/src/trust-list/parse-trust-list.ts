import { isTransferError, type TransferError } from "@waybill/net-core";
import type { Element } from "@xmldom/xmldom";
import { decodeBase64 } from "../base64.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import { MAX_LIST_CERTIFICATES, MAX_SERVICE_CERTIFICATES } from "./trust-list-limits.js";
import type {
  TrustList,
  TrustService,
  TrustServiceHistoryEntry,
  TrustServiceProvider,
} from "./trust-list-types.js";
import {
  childrenNamed,
  elementAt,
  onlyChild,
  parseListDocument,
  textInEnglish,
  textOf,
} from "./xml-document.js";
import { trustListText } from "./xml-guard.js";

/** Of TS 102 231 version 2 and 3, of TS 119 612 version 1 (4), 2.1 (5) and 2.3 (6). */
const READABLE_VERSIONS = { first: 2, last: 6 };
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/;

/** Options of {@link parseTrustList}. */
export interface ParseTrustListOptions {
  /** The file or address that errors name. */
  readonly fileName?: string | undefined;
}

/**
 * Reads a trust service status list (ETSI TS 102 231, TS 119 612; XML, UTF-8, at most 16 MiB).
 *
 * The signature is **not** looked at: whoever could change the bytes has written what this returns. For a list to be
 * trusted use `verifyTrustListSignature` or `openTrustList`.
 *
 * Errors: `ERR_TRUST_LIST_DAMAGED` (no XML, a document type, a field missing), `ERR_TRUST_LIST_LIMIT` (too large, too
 * deep, too many elements), `ERR_TRUST_LIST_UNSUPPORTED` (another version or encoding).
 */
export function parseTrustList(data: string | Uint8Array, options: ParseTrustListOptions = {}): TrustList {
  const source = errorSource(options.fileName, "trust list");
  return readTrustList(parseListDocument(trustListText(data, source), source), source);
}

/** Reads the document element of a list. Errors as {@link parseTrustList}. */
export function readTrustList(root: Element, source: ErrorSource): TrustList {
  const scheme = onlyChild(root, "SchemeInformation") ?? missing("SchemeInformation", source);
  const version = readInteger(scheme, "TSLVersionIdentifier", source);
  if (version < READABLE_VERSIONS.first || version > READABLE_VERSIONS.last) {
    throw source.error("ERR_TRUST_LIST_UNSUPPORTED", `lists of version ${version} are not read, only 2 to 6`);
  }
  const certificates = new CertificateReader(source);
  const problems: TransferError[] = [];
  const providerList = onlyChild(root, "TrustServiceProviderList");
  const providers = providerList === undefined ? [] : childrenNamed(providerList, "TrustServiceProvider");
  return {
    version,
    sequenceNumber: readInteger(scheme, "TSLSequenceNumber", source),
    type: textOf(onlyChild(scheme, "TSLType")) ?? "",
    operatorName:
      textInEnglish(onlyChild(scheme, "SchemeOperatorName")) ?? missing("SchemeOperatorName", source),
    schemeName: textInEnglish(onlyChild(scheme, "SchemeName")) ?? "",
    territory: textOf(onlyChild(scheme, "SchemeTerritory")) ?? "",
    issueTime: readTime(onlyChild(scheme, "ListIssueDateTime"), "ListIssueDateTime", source),
    nextUpdate: readNextUpdate(scheme, source),
    providers: providers.map((provider) => readProvider(provider, certificates, problems, source)),
    problems,
  };
}

function readNextUpdate(scheme: Element, source: ErrorSource): Date | null {
  const nextUpdate = onlyChild(scheme, "NextUpdate") ?? missing("NextUpdate", source);
  // ETSI TS 119 612 section 5.3.15: an empty element closes the scheme.
  const time = onlyChild(nextUpdate, "dateTime");
  return time === undefined && textOf(nextUpdate) === "" ? null : readTime(time, "NextUpdate", source);
}

function readProvider(
  provider: Element,
  certificates: CertificateReader,
  problems: TransferError[],
  source: ErrorSource,
): TrustServiceProvider {
  const information = onlyChild(provider, "TSPInformation") ?? missing("TSPInformation", source);
  const name = textInEnglish(onlyChild(information, "TSPName")) ?? missing("TSPName", source);
  const services = onlyChild(provider, "TSPServices");
  return {
    name,
    tradeName: textInEnglish(onlyChild(information, "TSPTradeName")),
    services: (services === undefined ? [] : childrenNamed(services, "TSPService")).map((service) =>
      readService(service, certificates, problems, source),
    ),
  };
}

function readService(
  service: Element,
  certificates: CertificateReader,
  problems: TransferError[],
  source: ErrorSource,
): TrustService {
  const information = onlyChild(service, "ServiceInformation") ?? missing("ServiceInformation", source);
  const history = onlyChild(service, "ServiceHistory");
  return {
    ...readStatus(information, source),
    certificates: readCertificates(information, certificates, problems),
    history: (history === undefined ? [] : childrenNamed(history, "ServiceHistoryInstance")).map((instance) =>
      readStatus(instance, source),
    ),
  };
}

/** What a service and an entry of its history have in common. */
function readStatus(information: Element, source: ErrorSource): TrustServiceHistoryEntry {
  const text = (name: string) => textOf(onlyChild(information, name)) || missing(name, source);
  return {
    name: textInEnglish(onlyChild(information, "ServiceName")) ?? "",
    type: text("ServiceTypeIdentifier"),
    status: text("ServiceStatus"),
    statusStartingTime: readTime(onlyChild(information, "StatusStartingTime"), "StatusStartingTime", source),
  };
}

/**
 * All of them or none: without an intermediate authority its root, which is only there to verify it, would look like
 * the authority.
 */
function readCertificates(
  information: Element,
  certificates: CertificateReader,
  problems: TransferError[],
): readonly Certificate[] {
  const identity = elementAt(information, "ServiceDigitalIdentity");
  const digitalIds = identity === undefined ? [] : childrenNamed(identity, "DigitalId");
  try {
    return certificates.read(digitalIds.flatMap((digitalId) => childrenNamed(digitalId, "X509Certificate")));
  } catch (error) {
    if (!isTransferError(error) || error.code === "ERR_TRUST_LIST_LIMIT") throw error;
    problems.push(error);
    return [];
  }
}

/** Reads each certificate once, however many services show it. */
class CertificateReader {
  readonly #source: ErrorSource;
  readonly #known = new Map<string, Certificate>();

  constructor(source: ErrorSource) {
    this.#source = source;
  }

  /** The certificates in these elements, each once. */
  read(elements: readonly Element[]): readonly Certificate[] {
    if (elements.length > MAX_SERVICE_CERTIFICATES) {
      throw this.#limit(`a service has more than ${MAX_SERVICE_CERTIFICATES} certificates`);
    }
    return [...new Set(elements.map((element) => this.#readOne(textOf(element) ?? "")))];
  }

  #readOne(text: string): Certificate {
    const key = text.replace(/\s+/g, "");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_LIST_CERTIFICATES) {
      throw this.#limit(`it has more than ${MAX_LIST_CERTIFICATES} certificates`);
    }
    const der = decodeBase64(key);
    if (der === undefined) {
      throw this.#source.error("ERR_TRUST_LIST_DAMAGED", "a certificate of the list is not base64");
    }
    const certificate = certificateFromDer(der, this.#source);
    this.#known.set(key, certificate);
    return certificate;
  }

  #limit(problem: string): TransferError {
    return this.#source.error("ERR_TRUST_LIST_LIMIT", problem);
  }
}

function readInteger(parent: Element, name: string, source: ErrorSource): number {
  const text = textOf(onlyChild(parent, name)) ?? missing(name, source);
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw source.error("ERR_TRUST_LIST_DAMAGED", `${name} is not a number`);
}

/** A time of XML Schema. Lists give it in UTC; one without a zone is taken for that. */
function readTime(element: Element | undefined, name: string, source: ErrorSource): Date {
  const text = textOf(element) ?? missing(name, source);
  const parts = DATE_TIME.exec(text);
  const time = new Date(parts === null || parts[7] !== undefined ? text : `${text}Z`);
  const day = Number(parts?.[3]);
  // The Date constructor takes 30 February for 1 or 2 March.
  const daysOfMonth = new Date(Date.UTC(Number(parts?.[1]), Number(parts?.[2]), 0)).getUTCDate();
  if (parts !== null && !Number.isNaN(time.getTime()) && day <= daysOfMonth) return time;
  throw source.error("ERR_TRUST_LIST_DAMAGED", `${name} is not a date and time`);
}

function missing(name: string, source: ErrorSource): never {
  throw source.error("ERR_TRUST_LIST_DAMAGED", `${name} is missing, or there are several`);
}
