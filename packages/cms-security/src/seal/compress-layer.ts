import { pipeline } from "node:stream";
import { createDeflate } from "node:zlib";
import { TAG } from "../ber/ber-header.js";
import { derAlgorithm, derSmallInteger, endsOf, startOf } from "../ber/der-writer.js";
import { joinedForZlib, ZLIB_BUFFERS } from "../chunks.js";
import { CONTENT_TYPE, ZLIB_COMPRESSION } from "../object-identifiers.js";
import { type Batch, contentInfoStart, ENCAPSULATED_ENDS, encapsulatedStart, octetPiece } from "./batch.js";

/** CompressedData (RFC 3274) around the content. zlib works in the thread pool. */
export async function* compressLayer(content: AsyncIterable<Batch>, level: number): AsyncGenerator<Batch> {
  yield [
    ...contentInfoStart(CONTENT_TYPE.compressedData),
    startOf(TAG.sequence),
    derSmallInteger(0),
    derAlgorithm(ZLIB_COMPRESSION),
    ...encapsulatedStart(),
  ];
  const deflate = createDeflate({ level, ...ZLIB_BUFFERS });
  // Whatever fails destroys the stream, so the loop below throws it.
  pipeline(joinedForZlib(content), deflate, () => {});
  for await (const bytes of deflate) yield octetPiece([bytes]);
  yield [endsOf(ENCAPSULATED_ENDS + 3)];
}
