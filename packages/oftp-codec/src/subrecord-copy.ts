// The hot loops of data exchange buffers. A full subrecord is a header octet 3F and 63 octets, so neither side can move
// more than 63 octets at a time, and a native copy for each (TypedArray.set, Buffer.copy) costs more than the copying.
// What was measured to be fastest: read 32 bits from anywhere with a DataView, write them aligned with an Int32Array. It
// takes half the time of writing with a DataView, too; 64 bits would need a BigInt each, and floating point numbers may
// change bits of NaN.

/** What the largest subrecord represents. */
export const SUBRECORD_MAX = 63;

/** A full subrecord and its header. */
const STRIDE = SUBRECORD_MAX + 1;

/** The fast loops take words apart, which they do in this order only. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** An octet array, and the views that its hot loops use. */
export class OctetArea {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Where {@link words} starts in `octets`. */
  readonly wordsAt: number;
  #words: Int32Array | undefined;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    this.wordsAt = -octets.byteOffset & 3;
  }

  /** The octets as aligned words. */
  get words(): Int32Array {
    const { buffer, byteOffset, byteLength } = this.octets;
    const length = Math.max(0, byteLength - this.wordsAt) >>> 2;
    this.#words ??= new Int32Array(buffer, length === 0 ? 0 : byteOffset + this.wordsAt, length);
    return this.#words;
  }
}

/** Writes `pieces` full subrecords, headers included, from `at`; their content comes from `from` on. */
export function insertSubrecords(
  target: OctetArea,
  at: number,
  source: OctetArea,
  from: number,
  pieces: number,
): void {
  const offset = at - target.wordsAt;
  if (LITTLE_ENDIAN && (offset & 3) === 0) {
    insertAligned(target.words, offset >>> 2, source.view, from, pieces);
    return;
  }
  for (let piece = 0; piece < pieces; piece += 1) {
    target.octets[at + piece * STRIDE] = SUBRECORD_MAX;
    copyOctets(
      target.view,
      at + piece * STRIDE + 1,
      source.view,
      from + piece * SUBRECORD_MAX,
      SUBRECORD_MAX,
    );
  }
}

/** How many full subrecords without flags follow each other from `from` on. */
export function countSubrecords(octets: Uint8Array, from: number): number {
  const last = octets.length - STRIDE;
  let at = from;
  while (at <= last && octets[at] === SUBRECORD_MAX) at += STRIDE;
  return (at - from) / STRIDE;
}

/** Writes the content of `pieces` full subrecords, which start at `from`, from `at` on. */
export function extractSubrecords(
  target: OctetArea,
  at: number,
  source: OctetArea,
  from: number,
  pieces: number,
): void {
  let piece = 0;
  if (LITTLE_ENDIAN) {
    // Each piece moves the alignment by one octet: until a word starts, at most three go the slow way.
    const misaligned = Math.min((at - target.wordsAt) & 3, pieces);
    for (; piece < misaligned; piece += 1) extractOne(target, at, source, from, piece);
    const groups = (pieces - piece) >>> 2;
    const offset = at - target.wordsAt + piece * SUBRECORD_MAX;
    extractAligned(target.words, offset >>> 2, source.view, from + piece * STRIDE, groups);
    piece += 4 * groups;
  }
  for (; piece < pieces; piece += 1) extractOne(target, at, source, from, piece);
}

/** Copies a part of a subrecord. */
export function copyOctets(
  target: DataView,
  at: number,
  source: DataView,
  from: number,
  length: number,
): void {
  let done = 0;
  for (; done + 4 <= length; done += 4) target.setInt32(at + done, source.getInt32(from + done, true), true);
  for (; done < length; done += 1) target.setUint8(at + done, source.getUint8(from + done));
}

function extractOne(target: OctetArea, at: number, source: OctetArea, from: number, piece: number): void {
  copyOctets(target.view, at + piece * SUBRECORD_MAX, source.view, from + piece * STRIDE + 1, SUBRECORD_MAX);
}

/** A full subrecord is 16 words: one with the header and 3 octets, and 15. */
function insertAligned(target: Int32Array, at: number, source: DataView, from: number, pieces: number): void {
  let to = at;
  let next = from;
  for (let piece = 0; piece < pieces; piece += 1) {
    target[to] = SUBRECORD_MAX | (source.getInt32(next, true) << 8);
    copy15Words(target, to + 1, source, next + 3);
    to += 16;
    next += SUBRECORD_MAX;
  }
}

/**
 * The content of four full subrecords is 63 words: 15 of each, and three that lie on a boundary, where the header of the
 * next subrecord has to be left out. There is one call of `copy15Words` only, or it would not be inlined.
 */
function extractAligned(
  target: Int32Array,
  at: number,
  source: DataView,
  from: number,
  groups: number,
): void {
  const pieces = 4 * groups;
  let to = at;
  let next = from + 1;
  for (let piece = 0; piece < pieces; piece += 1) {
    // Octets of this piece that the boundary word before it has taken.
    const taken = piece & 3;
    copy15Words(target, to, source, next + taken);
    to += 15;
    if (taken < 3) {
      const end = next + taken + 60;
      const ours = 0xffffff >>> (8 * taken);
      target[to] = (source.getInt32(end, true) & ours) | (source.getInt32(end + 1, true) & ~ours);
      to += 1;
    }
    next += STRIDE;
  }
}

function copy15Words(target: Int32Array, to: number, source: DataView, from: number): void {
  target[to] = source.getInt32(from, true);
  target[to + 1] = source.getInt32(from + 4, true);
  target[to + 2] = source.getInt32(from + 8, true);
  target[to + 3] = source.getInt32(from + 12, true);
  target[to + 4] = source.getInt32(from + 16, true);
  target[to + 5] = source.getInt32(from + 20, true);
  target[to + 6] = source.getInt32(from + 24, true);
  target[to + 7] = source.getInt32(from + 28, true);
  target[to + 8] = source.getInt32(from + 32, true);
  target[to + 9] = source.getInt32(from + 36, true);
  target[to + 10] = source.getInt32(from + 40, true);
  target[to + 11] = source.getInt32(from + 44, true);
  target[to + 12] = source.getInt32(from + 48, true);
  target[to + 13] = source.getInt32(from + 52, true);
  target[to + 14] = source.getInt32(from + 56, true);
}
