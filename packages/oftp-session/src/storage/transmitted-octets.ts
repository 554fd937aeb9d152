import type { FileFormat } from "@waybill/oftp-codec";
import type { StorageFile } from "./storage-file-system.js";

const READ_OCTETS = 512 * 1024;

/**
 * All of a file, one chunk ahead of who takes them. Each chunk is a new buffer: whoever gets it may keep it. Who opened the
 * file closes it, also when nobody reads to the end.
 */
export async function* readAll(file: StorageFile): AsyncGenerator<Uint8Array> {
  let at = 0;
  const read = (): Promise<Uint8Array> => {
    const buffer = Buffer.allocUnsafeSlow(READ_OCTETS);
    const chunk = file.read(buffer, at).then((length) => buffer.subarray(0, length));
    at += READ_OCTETS;
    // Whoever stops here never sees it fail.
    chunk.catch(() => {});
    return chunk;
  };
  for (let next: Promise<Uint8Array> | undefined = read(); next !== undefined; ) {
    const chunk: Uint8Array = await next;
    next = chunk.length < READ_OCTETS ? undefined : read();
    if (chunk.length > 0) yield chunk;
  }
}

/**
 * The octets that the unit count of EFID counts, in order, of a file that is kept as it was transmitted: of format V the records
 * without their lengths.
 */
export function countedOctets(
  kept: AsyncIterable<Uint8Array>,
  format: FileFormat,
): AsyncIterable<Uint8Array> {
  return format === "V" ? withoutLengths(kept) : kept;
}

async function* withoutLengths(kept: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let lengthOctets = 0;
  let left = 0;
  for await (const chunk of kept) {
    // In place: what stays is never longer than what was before it.
    let filled = 0;
    for (let at = 0; at < chunk.length; ) {
      if (lengthOctets < 2) {
        left = left * 256 + chunk[at++]!;
        lengthOctets += 1;
      } else {
        const end = Math.min(at + left, chunk.length);
        chunk.copyWithin(filled, at, end);
        filled += end - at;
        left -= end - at;
        at = end;
      }
      if (lengthOctets === 2 && left === 0) lengthOctets = 0;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  }
}
