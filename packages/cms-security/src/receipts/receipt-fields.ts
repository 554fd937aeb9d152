/** The date and time stamp of a virtual file: `CCYYMMDD` and `HHMMSScccc`. */
export interface ReceiptTimestamp {
  readonly date: string;
  readonly time: string;
}

/** What names a virtual file (RFC 5024 section 1.5.2), in SFID, EERP and NERP alike. */
export interface ReceiptFile {
  /** Up to 26 characters. */
  readonly datasetName: string;
  readonly timestamp: ReceiptTimestamp;
  /** Identification codes, up to 25 characters. In EERP and NERP these two are those of the file, swapped. */
  readonly destination: string;
  readonly originator: string;
}

/** An EERP (RFC 5024 section 5.3.13): the file arrived. */
export interface EerpReceipt extends ReceiptFile {
  readonly kind: "EERP";
  /** EERPHSH, empty when there is none. */
  readonly hash: Uint8Array;
}

/** A NERP (RFC 5024 section 5.3.14): the file did not arrive. */
export interface NerpReceipt extends ReceiptFile {
  readonly kind: "NERP";
  /** NERPCREA: the identification code of who made it. */
  readonly creator: string;
  /** NERPHSH, empty when there is none. */
  readonly hash: Uint8Array;
}

/**
 * A receipt, in the shape of what the ODETTE-FTP codec decodes. What else an EERP or NERP says (the user data; the reason
 * and its text) is not under the signature.
 */
export type Receipt = EerpReceipt | NerpReceipt;

/** A receipt as it came, with EERPSIG or NERPSIG: empty when it is not signed. */
export type ReceivedReceipt = Receipt & { readonly signature: Uint8Array };

/** Octets of what the fields that hold lengths (EERPHSHL, EERPSIGL, NERPHSHL, NERPSIGL) can say. */
export const MAX_FIELD_BYTES = 0xffff;

/** One of the fields that are signed. */
export interface SignedField {
  /** The property of {@link Receipt}. */
  readonly name: "datasetName" | "date" | "time" | "destination" | "originator" | "creator" | "hash";
  /** In its entirety, with its padding. Undefined when the value does not fit. */
  readonly octets: Buffer | undefined;
}

/** In their order. `octets` of those that a field cannot hold are undefined. */
export function signedFields(receipt: Receipt): readonly SignedField[] {
  const { datasetName, timestamp, destination, originator, hash } = receipt;
  return [
    { name: "datasetName", octets: padded(datasetName, 26) },
    { name: "date", octets: digits(timestamp.date, 8) },
    { name: "time", octets: digits(timestamp.time, 10) },
    { name: "destination", octets: padded(destination, 25) },
    { name: "originator", octets: padded(originator, 25) },
    ...(receipt.kind === "NERP" ? [{ name: "creator", octets: padded(receipt.creator, 25) } as const] : []),
    { name: "hash", octets: hash.length > MAX_FIELD_BYTES ? undefined : Buffer.from(hash) },
  ];
}

/** What the codec lets through: all of ISO 8859-1 but control characters. */
const PRINTABLE = /^[\x20-\x7e\xa0-\xff]*$/;

function padded(text: string, size: number): Buffer | undefined {
  const trimmed = withoutPadding(text);
  return trimmed.length <= size && PRINTABLE.test(trimmed)
    ? Buffer.from(trimmed.padEnd(size), "latin1")
    : undefined;
}

function digits(text: string, size: number): Buffer | undefined {
  return text.length === size && /^\d+$/.test(text) ? Buffer.from(text, "latin1") : undefined;
}

/** Spaces at the end are padding and mean nothing. */
export function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end -= 1;
  return text.slice(0, end);
}
