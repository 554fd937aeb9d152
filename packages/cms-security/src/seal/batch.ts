import { context, TAG } from "../ber/ber-header.js";
import { derOid, encodeHeader, endsOf, startOf } from "../ber/der-writer.js";
import { CONTENT_TYPE } from "../object-identifiers.js";

/** Bytes that follow each other, in as many pieces as they came: so that no layer copies them to put a header in front. */
export type Batch = readonly Buffer[];

export const batchBytes = (batch: Batch): number => batch.reduce((sum, bytes) => sum + bytes.length, 0);

/** The bytes as one piece of a constructed OCTET STRING (X.690 section 8.7.3). Nothing gives nothing. */
export function octetPiece(batch: Batch): Batch {
  const length = batchBytes(batch);
  return length === 0 ? [] : [encodeHeader(TAG.octetString, length), ...batch];
}

/** The beginning of a ContentInfo (RFC 5652 section 3); it takes two ends. */
export const contentInfoStart = (contentType: string): Batch => [
  startOf(TAG.sequence),
  derOid(contentType),
  startOf(context(0)),
];

/** The beginning of an EncapsulatedContentInfo with id-data, as far as its octets; it takes three ends. */
export const encapsulatedStart = (): Batch => [
  ...contentInfoStart(CONTENT_TYPE.data),
  startOf(TAG.octetString),
];
export const ENCAPSULATED_ENDS = 3;

/** Plain Data in a ContentInfo (RFC 5024 section 10.4). */
export async function* dataLayer(content: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  yield encapsulatedStart();
  for await (const batch of content) yield octetPiece(batch);
  yield [endsOf(ENCAPSULATED_ENDS)];
}
