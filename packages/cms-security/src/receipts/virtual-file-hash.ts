import { createHash, type Hash } from "node:crypto";
import { optionError } from "@waybill/net-core";
import { pieces } from "../chunks.js";
import { hashNamed } from "../hashes.js";

/** The hashes that receipts have: those of the cipher suites. */
export const RECEIPT_HASHES = ["sha1", "sha256", "sha512", "sha3-512"] as const;
export type ReceiptHash = (typeof RECEIPT_HASHES)[number];

/** Hashes of one virtual file. */
export type ReceiptHashes = Readonly<Partial<Record<ReceiptHash, Uint8Array>>>;

/** Octets of a hash. */
export const receiptHashBytes = (name: ReceiptHash): number => hashNamed(name).bytes;

/**
 * The hash of a virtual file while it goes by (RFC 5024 section 5.3.13, EERPHSH): of what is transmitted, signed,
 * compressed and encrypted as it is, not of the original file. That is every octet that the unit count of the EFID
 * counts, also those before a restart position.
 *
 * Errors: `ERR_OPTION_INVALID`.
 */
export class VirtualFileHash {
  readonly #running: readonly { readonly name: ReceiptHash; readonly state: Hash }[];
  #bytes = 0;

  /** Several algorithms at once where it is not known which one the partner will use. */
  constructor(...algorithms: readonly [ReceiptHash, ...ReceiptHash[]]) {
    if (algorithms.length === 0) throw optionError("algorithms", "must name at least one hash");
    this.#running = [...new Set(algorithms)].map((name) => {
      if (!RECEIPT_HASHES.includes(name)) {
        throw optionError("algorithms", `must be of ${RECEIPT_HASHES.join(", ")}`);
      }
      return { name, state: createHash(name) };
    });
  }

  /** Octets so far. */
  get bytes(): number {
    return this.#bytes;
  }

  update(octets: Uint8Array): void {
    for (const { state } of this.#running) state.update(octets);
    this.#bytes += octets.byteLength;
  }

  /** The hashes of what went by so far; it may go on. */
  digests(): Readonly<Partial<Record<ReceiptHash, Buffer>>> {
    return Object.fromEntries(this.#running.map(({ name, state }) => [name, state.copy().digest()]));
  }

  /** Hands `source` on and hashes what goes by. */
  async *through<T extends Uint8Array>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    for await (const chunk of source) {
      this.update(chunk);
      yield chunk;
    }
  }
}

/**
 * The hash of a whole virtual file; see {@link VirtualFileHash}.
 *
 * Errors: `ERR_OPTION_INVALID`, and what `source` throws.
 */
export async function virtualFileHash(
  source: AsyncIterable<Uint8Array>,
  algorithm: ReceiptHash,
): Promise<Buffer> {
  const hash = new VirtualFileHash(algorithm);
  for await (const piece of pieces(source)) hash.update(piece);
  return hash.digests()[algorithm] as Buffer;
}
