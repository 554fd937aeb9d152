import { TransferError } from "@waybill/net-core";
import { MAX_BUFFER_SIZE } from "./data-buffer-options.js";

/** Octets of a stream transmission header (RFC 5024 section 8.2). */
export const STREAM_HEADER_SIZE = 4;

/** Version 1 and no flags, the upper octet of the header. */
const VERSION_1 = 0x10;

/** Writes the header of a stream transmission buffer of `length` octets, header included. */
export function writeStreamHeader(target: Uint8Array, at: number, length: number): void {
  target[at] = VERSION_1;
  target[at + 1] = length >>> 16;
  target[at + 2] = (length >>> 8) & 0xff;
  target[at + 3] = length & 0xff;
}

/**
 * The length of the exchange buffer behind a stream transmission header that is one 32-bit number. The reserved flags
 * may hold anything.
 */
export function readStreamHeader(header: number): number {
  if ((header >>> 28) << 4 !== VERSION_1) {
    const why = `The stream transmission header has version ${header >>> 28}: this is no ODETTE-FTP over TCP, or the stream went out of step`;
    throw new TransferError("ERR_OFTP_STREAM_VERSION", why, { details: { version: header >>> 28 } });
  }
  const length = (header & 0xffffff) - STREAM_HEADER_SIZE;
  if (length < 1) throw streamLengthError(length, MAX_BUFFER_SIZE);
  return length;
}

/** An exchange buffer that is empty or too long. */
export function streamLengthError(length: number, max: number): TransferError {
  const message = `A stream transmission header announces an exchange buffer of ${length} octets: 1 to ${max} are allowed`;
  return new TransferError("ERR_OFTP_STREAM_LENGTH", message, { details: { length, max } });
}

/**
 * An exchange buffer with its stream transmission header, ready for the socket. The data exchange buffers of
 * `DataBufferEncoder` have theirs already. Error: ERR_OFTP_STREAM_LENGTH when it is empty or above 99999 octets.
 */
export function frameExchangeBuffer(buffer: Uint8Array): Buffer {
  if (buffer.length < 1 || buffer.length > MAX_BUFFER_SIZE) {
    throw streamLengthError(buffer.length, MAX_BUFFER_SIZE);
  }
  const framed = Buffer.allocUnsafe(STREAM_HEADER_SIZE + buffer.length);
  writeStreamHeader(framed, 0, framed.length);
  framed.set(buffer, STREAM_HEADER_SIZE);
  return framed;
}
