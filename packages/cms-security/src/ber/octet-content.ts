import { damaged } from "../cms-error.js";
import { type BerHeader, CONSTRUCTED, INDEFINITE, TAG } from "./ber-header.js";
import type { ByteReader, OpenValue } from "./byte-reader.js";

/** Strings in strings; encoders in use have one level. */
const MAX_STRING_DEPTH = 16;
/** Pieces from this size on are handed on as they are, smaller ones are collected. */
const LARGE_PIECE = 16 * 1024;
const COLLECTED_BYTES = 64 * 1024;

/**
 * The octets of an OCTET STRING of any size in any encoding (X.690 section 8.7): primitive, constructed, strings in
 * strings, of definite and indefinite length. `header` was just read; its tag may be an implicit one. Whatever the segments
 * are, the pieces that come out are of a size that is worth a call to OpenSSL.
 */
export async function* readOctets(
  reader: ByteReader,
  header: BerHeader,
  within: OpenValue,
): AsyncGenerator<Buffer> {
  const collector = new PieceCollector();
  const open: OpenValue[] = [];
  let left = 0;
  const begin = ({ tag, length }: BerHeader, around: OpenValue): void => {
    if (around.end !== INDEFINITE && length !== INDEFINITE && reader.position + length > around.end) {
      throw damaged("a piece of the content is longer than what it is in");
    }
    if ((tag & CONSTRUCTED) === 0) {
      left = length;
      return;
    }
    if (open.length === MAX_STRING_DEPTH) throw damaged("strings are nested too deeply");
    open.push({ end: length === INDEFINITE ? INDEFINITE : reader.position + length });
  };
  begin(header, within);
  for (;;) {
    if (left > 0) {
      if (reader.available === 0) await reader.need();
      const piece = reader.take(left);
      left -= piece.length;
      for (const ready of collector.add(piece)) yield ready;
      continue;
    }
    const innermost = open.at(-1);
    if (innermost === undefined) break;
    if (innermost.end === reader.position) {
      open.pop();
      continue;
    }
    const next = reader.tryHeader();
    if (next === undefined) {
      await reader.need();
    } else if (next.tag === TAG.endOfContents) {
      if (innermost.end !== INDEFINITE || next.length !== 0)
        throw damaged("the content ends where it must not");
      open.pop();
    } else {
      if ((next.tag & ~CONSTRUCTED) !== TAG.octetString) throw damaged("the content is not made of octets");
      begin(next, innermost);
    }
  }
  const last = collector.rest();
  if (last !== undefined) yield last;
}

/** Joins small pieces to larger ones. */
export class PieceCollector {
  #buffer: Buffer | undefined;
  #length = 0;

  /** Takes a piece; gives those that are ready to be handed on. */
  add(piece: Buffer): readonly Buffer[] {
    if (this.#length === 0 && piece.length >= LARGE_PIECE) return [piece];
    if (this.#length + piece.length <= COLLECTED_BYTES) {
      this.#append(piece);
      return [];
    }
    const ready = this.rest() as Buffer;
    if (piece.length >= LARGE_PIECE) return [ready, piece];
    this.#append(piece);
    return [ready];
  }

  /** What was collected, if anything. */
  rest(): Buffer | undefined {
    const rest = this.#length === 0 ? undefined : this.#buffer?.subarray(0, this.#length);
    this.#buffer = undefined;
    this.#length = 0;
    return rest;
  }

  #append(piece: Buffer): void {
    this.#buffer ??= Buffer.allocUnsafeSlow(COLLECTED_BYTES);
    piece.copy(this.#buffer, this.#length);
    this.#length += piece.length;
  }
}
