import { Duplex } from "node:stream";

/** Two ends of a stream in memory: what goes in at one comes out at the other, with back-pressure. */
export function duplexPair(): [Duplex, Duplex] {
  const left = new PairEnd();
  const right = new PairEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class PairEnd extends Duplex {
  peer: PairEnd | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const peer = this.peer!;
    if (peer.destroyed) return;
    peer.#taken = done;
    peer.push(chunk);
  }

  override _final(done: () => void): void {
    this.peer!.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
    const peer = this.peer!;
    if (!peer.destroyed) setImmediate(() => peer.destroy());
  }
}
