import { Readable } from "node:stream";
import { checkInteger, optionError, TransferError } from "@waybill/net-core";
import type { WireTime, WireTimes } from "./control-line.js";
import { checkEntryName } from "./entry-name.js";
import { type Body, changedError } from "./file-body.js";
import { checkMode, type ScpStreamSource } from "./options.js";

const DEFAULT_MODE = 0o644;

/** Content with a name, ready to be sent. */
export interface StreamFile extends Body {
  readonly mode: number;
  readonly times: WireTimes | undefined;
}

/**
 * Errors: `ERR_OPTION_INVALID` for a missing or wrong size or mode, `ERR_SCP_UNSAFE_NAME`; while it is read:
 * `ERR_SCP_SOURCE_FAILED`.
 */
export function openStream(source: ScpStreamSource): StreamFile {
  const { name, data } = source;
  checkEntryName(name, "linux");
  const mode = checkMode("mode", source.mode) ?? DEFAULT_MODE;
  const times = streamTimes(source);
  if (data instanceof Uint8Array) {
    const size = checkSize(source.size ?? data.byteLength);
    return { ...bodyOf(name, size, [data][Symbol.iterator](), () => {}), mode, times };
  }
  if (source.size === undefined)
    throw optionError("size", `is missing for ${name}: SCP announces a size before the content`);
  const size = checkSize(source.size);
  // A stream that fails before its turn must not end the process; the error is met when it is read.
  if (data instanceof Readable) data.on("error", () => {});
  const chunks = data[Symbol.asyncIterator]();
  // Nothing waits for the end of a generator: one that is stuck would hold up an abort.
  const stop = () => {
    if (data instanceof Readable) data.destroy();
    else chunks.return?.().catch(() => {});
  };
  return { ...bodyOf(name, size, chunks, stop), mode, times };
}

type Chunks = Iterator<Uint8Array | string> | AsyncIterator<Uint8Array | string>;

function bodyOf(name: string, size: number, chunks: Chunks, stop: () => void): Body {
  let rest: Buffer = Buffer.alloc(0);
  const next = async (most: number): Promise<Buffer | undefined> => {
    while (rest.length === 0) {
      const step = await advance(name, chunks);
      if (step.done) return undefined;
      rest = toBuffer(name, step.value);
    }
    // In pieces, so that progress is told, and flow control and limits hold, also for what was given as a whole.
    const piece = rest.subarray(0, most);
    rest = rest.subarray(piece.length);
    return piece;
  };
  return {
    size,
    read: next,
    check: async () =>
      (await next(1)) === undefined ? undefined : changedError(name, "had more bytes than its size"),
    close: async () => stop(),
  };
}

async function advance(name: string, chunks: Chunks): Promise<IteratorResult<Uint8Array | string>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throw new TransferError("ERR_SCP_SOURCE_FAILED", `the stream for ${name} failed`, { cause });
  }
}

function toBuffer(name: string, chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (typeof chunk === "string") return Buffer.from(chunk);
  throw new TransferError("ERR_SCP_SOURCE_FAILED", `the stream for ${name} gave something that is no bytes`);
}

function streamTimes({ modifiedAt, accessedAt }: ScpStreamSource): WireTimes | undefined {
  if (modifiedAt === undefined) return undefined;
  return { modified: wireDate(modifiedAt), accessed: wireDate(accessedAt ?? modifiedAt) };
}

function wireDate(date: Date): WireTime {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw optionError("modifiedAt and accessedAt", "must be valid dates");
  const seconds = Math.floor(ms / 1000);
  return { seconds, microseconds: (ms - seconds * 1000) * 1000 };
}

function checkSize(size: number): number {
  return checkInteger("size", size, 0, Number.MAX_SAFE_INTEGER);
}
