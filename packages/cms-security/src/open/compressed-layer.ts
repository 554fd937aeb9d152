import { pipeline } from "node:stream";
import { createInflate } from "node:zlib";
import { errorCode } from "@waybill/net-core";
import { algorithmOf, requireNoParameters, unknownAlgorithm } from "../algorithm-identifier.js";
import { TAG } from "../ber/ber-header.js";
import type { ByteReader } from "../ber/byte-reader.js";
import { joinedForZlib, ZLIB_BUFFERS } from "../chunks.js";
import { cmsError } from "../cms-error.js";
import { ZLIB_COMPRESSION } from "../object-identifiers.js";
import { enterContentInfo, smallValue } from "./content-info.js";
import { enterEncapsulated } from "./encapsulated-content.js";
import type { OpenState } from "./open-state.js";
import { requireVersion } from "./versions.js";

/** The ratio counts from here on: a small file of zeros is no bomb. */
const UNCOUNTED_BYTES = 1024 * 1024;
/** What an inner layer may add to the content, many times what any encoder adds. */
const LAYER_OVERHEAD = 4;

/** The content of CompressedData (RFC 3274). */
export async function* openCompressed(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const info = await enterContentInfo(reader);
  const message = await reader.enter(TAG.sequence, "compressed data", info.content);
  requireVersion(await smallValue(reader, message, "a version"), "compressed data");
  const algorithm = algorithmOf(await smallValue(reader, message, "an algorithm"));
  const isZlib = algorithm.oid === ZLIB_COMPRESSION;
  if (isZlib) requireNoParameters(algorithm);
  else if (!state.describing) throw unknownAlgorithm("compression", algorithm.oid);
  const encapsulated = await enterEncapsulated(reader, message, state);
  const { contentType, detached } = encapsulated;
  state.layers.push({
    kind: "compressed",
    algorithm: isZlib ? "zlib" : algorithm.oid,
    contentType,
    detached,
  });
  let read = 0;
  // Read to the end of the message, so that what follows the content is checked before zlib ends.
  async function* octets() {
    for await (const piece of encapsulated.octets()) {
      read += piece.length;
      yield [piece];
    }
    await encapsulated.end();
    await reader.leave(message);
    await info.end();
  }
  if (!isZlib || detached) {
    state.opaque = true;
    for await (const _ of octets());
    return;
  }
  const inflate = createInflate({ ...ZLIB_BUFFERS });
  // Whatever fails destroys the stream, so the loop below throws it.
  pipeline(joinedForZlib(octets()), inflate, () => {});
  let inflated = 0;
  try {
    for await (const piece of inflate) {
      inflated += piece.length;
      checkInflated(inflated, state);
      yield piece;
    }
  } catch (error) {
    if (errorCode(error)?.startsWith("Z_") !== true) throw error;
    throw compressedError(error);
  }
  if (read === 0 || inflate.bytesWritten !== read) throw compressedError();
}

function compressedError(cause?: unknown): Error {
  const text = "the compressed content is damaged";
  return cmsError("ERR_CMS_COMPRESSED", text, cause === undefined ? {} : { cause });
}

function checkInflated(inflated: number, { limits, sealedBytes }: OpenState): void {
  const { compressionRatio, contentBytes } = limits;
  if (inflated > UNCOUNTED_BYTES && inflated > compressionRatio * sealedBytes) {
    throw cmsError(
      "ERR_CMS_COMPRESSION_RATIO",
      `the content is more than ${compressionRatio} times as large as the message: limits.compressionRatio allows no more`,
      { details: { limit: "compressionRatio", most: compressionRatio } },
    );
  }
  if (inflated > UNCOUNTED_BYTES + LAYER_OVERHEAD * contentBytes) throw contentSizeError(contentBytes);
}

export function contentSizeError(most: number): Error {
  return cmsError(
    "ERR_CMS_CONTENT_SIZE",
    `the content is larger than ${most} bytes: limits.contentBytes allows no more`,
    {
      details: { limit: "contentBytes", most },
    },
  );
}
