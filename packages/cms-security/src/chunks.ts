import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "@waybill/net-core";
import { PieceCollector } from "./ber/octet-content.js";

/** The size of the pieces in which content is hashed, encrypted and written. */
export const PIECE_BYTES = 128 * 1024;
/** zlib works in the thread pool: from this size on a visit there costs little beside the work. */
const ZLIB_BYTES = 256 * 1024;
/** How zlib's streams are set up: the next piece waits while one is worked on. */
export const ZLIB_BUFFERS = { chunkSize: ZLIB_BYTES, highWaterMark: ZLIB_BYTES };
/** After this long without a turn of the event loop others get one: a source may never wait for anything. */
const TURN_MS = 2;

/**
 * The bytes of `source` in pieces of a good size: large chunks are cut, small ones joined. Lets the event loop turn.
 * Errors: `ERR_ABORTED`, with the chunk after the abort.
 */
export async function* pieces(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const collector = new PieceCollector();
  let turned = performance.now();
  throwIfAborted(signal);
  for await (const chunk of source) {
    throwIfAborted(signal);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      const piece = bytes.subarray(start, start + PIECE_BYTES);
      for (const ready of collector.add(piece)) yield ready;
      if (performance.now() - turned > TURN_MS) {
        await setImmediate();
        turned = performance.now();
      }
    }
  }
  const last = collector.rest();
  if (last !== undefined) yield last;
}

/** The same bytes, copied to pieces that are worth a visit to the thread pool. */
export async function* joinedForZlib(content: AsyncIterable<readonly Buffer[]>): AsyncGenerator<Buffer> {
  let joined = Buffer.allocUnsafeSlow(ZLIB_BYTES);
  let bytes = 0;
  for await (const batch of content) {
    for (const piece of batch) {
      for (let at = 0; at < piece.length; ) {
        const copied = piece.copy(joined, bytes, at);
        at += copied;
        bytes += copied;
        if (bytes < ZLIB_BYTES) continue;
        yield joined;
        joined = Buffer.allocUnsafeSlow(ZLIB_BYTES);
        bytes = 0;
      }
    }
  }
  if (bytes > 0) yield joined.subarray(0, bytes);
}
