/** Pieces that are counted as they go by. */
export interface Counted {
  readonly pieces: AsyncIterable<Buffer>;
  /** How many octets have gone by. */
  bytes(): number;
}

export function counted(source: AsyncIterable<Buffer>): Counted {
  let bytes = 0;
  async function* pieces(): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      bytes += piece.length;
      yield piece;
    }
  }
  return { pieces: pieces(), bytes: () => bytes };
}
