/** Bytes in chunks of a size, each a copy, as a socket would hand them over. */
export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size)
    yield Buffer.from(bytes.subarray(start, start + size));
}

/** All bytes of a stream. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes that do not compress and are the same every time. */
export function testBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x2545f491;
  for (let index = 0; index < length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
  return bytes;
}

/** The sizes around which mistakes are made. */
export const SIZES = [0, 1, 63, 64, 32_767, 32_768, 32_769];
