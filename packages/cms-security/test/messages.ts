import { isTransferError } from "@waybill/net-core";
import { type OpenOptions, type OpenResult, open, type SealOptions, seal } from "../src/index.js";
import { collect, inChunks } from "./streams.js";

export const sealed = (content: Uint8Array, options: SealOptions): Promise<Buffer> =>
  collect(seal(inChunks(content), options));

export async function opened(
  message: Uint8Array,
  options: OpenOptions,
  chunkSize?: number,
): Promise<{ content: Buffer; result: OpenResult }> {
  const message_ = open(inChunks(message, chunkSize), options);
  const content = await collect(message_);
  return { content, result: await message_.result };
}

/** The code of the error with which opening fails, the same from the content and from the result; undefined when it does not fail. */
export async function refusal(
  message: Uint8Array,
  options: OpenOptions,
  chunkSize?: number,
): Promise<string | undefined> {
  const opening = open(inChunks(message, chunkSize), options);
  const failure = await collect(opening).then(
    () => undefined,
    (error: unknown) => error,
  );
  const rejection = await opening.result.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure !== rejection) throw new Error("the content and the result do not agree", { cause: failure });
  if (failure === undefined) return undefined;
  if (!isTransferError(failure)) throw failure;
  return failure.code;
}
