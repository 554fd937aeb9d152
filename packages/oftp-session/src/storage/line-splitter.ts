const LF = 0x0a;
const CR = 0x0d;

/**
 * Takes text apart into lines, without their LF or CR LF. `onLine` gets each: octets that hold until it returns. An end of the
 * text without LF ends a line unless it is empty. Never holds more than `limit` octets of a line: `onLong` must throw.
 */
export class LineSplitter {
  readonly #limit: number;
  readonly #onLine: (line: Uint8Array) => void;
  readonly #onLong: (octets: number) => never;
  #begun: Buffer[] = [];
  #begunOctets = 0;

  constructor(limit: number, onLine: (line: Uint8Array) => void, onLong: (octets: number) => never) {
    this.#limit = limit;
    this.#onLine = onLine;
    this.#onLong = onLong;
  }

  push(octets: Uint8Array): void {
    const chunk = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
    let at = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, at)) {
      const part = chunk.subarray(at, end);
      at = end + 1;
      if (this.#begunOctets > 0) this.#emit(this.#join(part));
      else this.#emit(part);
    }
    if (at === chunk.length) return;
    const rest = chunk.subarray(at);
    this.#begunOctets += rest.length;
    // One more may be the CR of a line end.
    if (this.#begunOctets > this.#limit + 1) this.#onLong(this.#begunOctets);
    this.#begun.push(rest);
  }

  end(): void {
    if (this.#begunOctets === 0) return;
    const line = this.#join(Buffer.alloc(0));
    if (line.length > this.#limit) this.#onLong(line.length);
    this.#onLine(line);
  }

  #join(part: Buffer): Buffer {
    const line = Buffer.concat([...this.#begun, part]);
    this.#begun = [];
    this.#begunOctets = 0;
    return line;
  }

  #emit(ended: Buffer): void {
    const line = ended.at(-1) === CR ? ended.subarray(0, -1) : ended;
    if (line.length > this.#limit) this.#onLong(line.length);
    this.#onLine(line);
  }
}
