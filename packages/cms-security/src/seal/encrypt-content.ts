import { type Cipher, createCipheriv } from "node:crypto";
import { TAG } from "../ber/ber-header.js";
import { encodeHeader } from "../ber/der-writer.js";
import { CipherThread, hasSecondProcessor } from "../cipher-thread.js";
import { type Batch, octetPiece } from "./batch.js";

/** From here on a thread is worth its beginning. */
const THREAD_FROM_BYTES = 4 * 1024 * 1024;
/** Octets that go to the thread at a time: whole blocks. */
const CHUNK_BYTES = 512 * 1024;
/** In front of them there is room for the header of the OCTET STRING that they become. */
const HEADER_ROOM_BYTES = 8;
/** Chunks that the thread has at a time: it need not wait for the next one. */
const MOST_UNDER_WAY = 4;

type Chunk = Uint8Array<ArrayBuffer>;

/** A cipher in CBC mode. */
export interface CbcCipher {
  /** As node:crypto has it. */
  readonly name: string;
  readonly key: Buffer;
  /** A block. */
  readonly iv: Buffer;
}

/** Where content is encrypted. */
export interface HowToEncrypt {
  /** Whether large content may be encrypted in a thread of its own. */
  readonly inThread: boolean;
  /** See `SealOptions`. */
  readonly reuseBuffers: boolean;
}

/** The content, encrypted on the spot, as pieces of a constructed OCTET STRING (X.690 section 8.7.3). */
export async function* encryptHere(cipher: Cipher, content: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  for await (const batch of content) {
    for (const piece of batch) yield octetPiece([cipher.update(piece)]);
  }
  yield octetPiece([cipher.final()]);
}

/**
 * The same in CBC mode. What is large is encrypted in a thread of its own from its beginning on, while this one reads and
 * hashes what comes next. Wipes the key.
 */
export async function* encryptContent(
  cipher: CbcCipher,
  { inThread, reuseBuffers }: HowToEncrypt,
  content: AsyncIterable<Batch>,
): AsyncGenerator<Batch> {
  const { name, key } = cipher;
  const most = inThread && hasSecondProcessor() ? THREAD_FROM_BYTES : Number.POSITIVE_INFINITY;
  const rest = content[Symbol.asyncIterator]();
  try {
    const reached = yield* encryptBeginning(cipher, most, rest);
    if (reached === undefined) return;
    const thread = startThread(name, key, reached.iv);
    if (thread === undefined) {
      yield* encryptHere(createCipheriv(name, key, reached.iv), from(reached.begun, rest));
    } else {
      key.fill(0);
      yield* encryptInThread(thread, from(reached.begun, rest), reuseBuffers);
    }
  } finally {
    key.fill(0);
    await rest.return?.();
  }
}

/** Where somebody else can go on. */
interface Reached {
  /** The last block that came out: in CBC mode the next one depends on nothing else (NIST SP 800-38A section 6.2). */
  readonly iv: Buffer;
  /** The block that is begun, as far as it is there. */
  readonly begun: Buffer;
}

/** Goes as far as a piece in which there are `most` bytes in all, or to the end. */
async function* encryptBeginning(
  { name, key, iv }: CbcCipher,
  most: number,
  content: AsyncIterator<Batch>,
): AsyncGenerator<Batch, Reached | undefined> {
  const cipher = createCipheriv(name, key, iv);
  let bytes = 0;
  for (let next = await content.next(); next.done !== true; next = await content.next()) {
    for (const [index, piece] of next.value.entries()) {
      const encrypted = cipher.update(piece);
      bytes += piece.length;
      const isLast = index === next.value.length - 1;
      if (!isLast || bytes < most || piece.length < iv.length) {
        yield octetPiece([encrypted]);
        continue;
      }
      const reached = {
        iv: Buffer.from(encrypted.subarray(-iv.length)),
        begun: Buffer.from(piece.subarray(piece.length - (bytes % iv.length))),
      };
      yield octetPiece([encrypted]);
      return reached;
    }
  }
  yield octetPiece([cipher.final()]);
  return undefined;
}

async function* encryptInThread(
  thread: CipherThread,
  content: AsyncIterable<Batch>,
  reuseBuffers: boolean,
): AsyncGenerator<Batch> {
  const underWay: Promise<Chunk>[] = [];
  let chunk = newChunk();
  let filled = 0;
  try {
    for await (const batch of content) {
      for (const piece of batch) {
        for (let at = 0; at < piece.length; ) {
          const part = piece.subarray(at, at + CHUNK_BYTES - filled);
          chunk.set(part, filled);
          filled += part.length;
          at += part.length;
          if (filled < CHUNK_BYTES) continue;
          underWay.push(thread.update(chunk));
          const encrypted = underWay.length < MOST_UNDER_WAY ? undefined : await underWay.shift();
          if (encrypted !== undefined) yield withHeader(encrypted);
          chunk = encrypted !== undefined && reuseBuffers ? encrypted : newChunk();
          filled = 0;
        }
      }
    }
    if (filled > 0) underWay.push(thread.update(chunk.subarray(0, filled)));
    for (const encrypted of underWay) yield withHeader(await encrypted);
    yield octetPiece([Buffer.from(await thread.final())]);
  } finally {
    await thread.close();
  }
}

const newChunk = (): Chunk =>
  new Uint8Array(new ArrayBuffer(HEADER_ROOM_BYTES + CHUNK_BYTES), HEADER_ROOM_BYTES);

/** A chunk as an OCTET STRING: its header takes the room in front of it. Nothing gives nothing. */
function withHeader({ buffer, byteOffset, length }: Chunk): Batch {
  if (length === 0) return [];
  const header = encodeHeader(TAG.octetString, length);
  const whole = Buffer.from(buffer, byteOffset - header.length, header.length + length);
  whole.set(header);
  return [whole];
}

/** What is left of content of which a part was taken, after what was kept of that. */
async function* from(kept: Buffer, rest: AsyncIterator<Batch>): AsyncGenerator<Batch> {
  yield [kept];
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Undefined where threads are not allowed. */
function startThread(name: string, key: Buffer, iv: Buffer): CipherThread | undefined {
  try {
    return new CipherThread(name, key, iv);
  } catch {
    return undefined;
  }
}
