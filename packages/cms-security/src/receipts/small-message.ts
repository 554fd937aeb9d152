import { CONSTRUCTED, TAG } from "../ber/ber-header.js";
import { type BerValue, octetsOf, parseBer } from "../ber/ber-value.js";
import { derOctetString, encodeDer } from "../ber/der-writer.js";

/** Bytes that are there already as a source of a stream. */
export async function* sourceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

/**
 * A message of `seal` that is small enough to be held whole, with definite lengths and strings in one piece: what goes
 * into a field of a command is read by programs that never meet a stream.
 */
export async function smallMessage(message: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of message) pieces.push(piece);
  return definite(parseBer(Buffer.concat(pieces)));
}

const INDEFINITE_LENGTH = 0x80;

/** Values of definite length stay as they are, to the octet: certificates and names are signed or compared. */
function definite(value: BerValue): Buffer {
  const { tag, raw, parts } = value;
  if (raw[1] !== INDEFINITE_LENGTH) return raw;
  if (tag === TAG.constructedOctetString) return derOctetString(octetsOf(value));
  // The encrypted content is an octet string under another tag.
  if (tag >= INDEFINITE_LENGTH && parts.length > 0 && parts.every((part) => part.tag === TAG.octetString)) {
    return encodeDer(tag & ~CONSTRUCTED, Buffer.concat(parts.map(({ contents }) => contents)));
  }
  return encodeDer(tag, ...parts.map(definite));
}
