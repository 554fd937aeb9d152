import { createHash } from "node:crypto";
import type { HashName } from "@waybill/cert-store";
import { cmsError } from "../cms-error.js";
import { UnusedBuffers } from "../unused-buffers.js";
import { contentSizeError } from "./compressed-layer.js";
import type { LayerReport, SignerReport } from "./layer-report.js";
import { openLayers } from "./open-layers.js";
import type { OpenOptions, OpenResult } from "./open-options.js";
import { OpenState } from "./open-state.js";

/** A message that is being opened. Iterating it gives the content, once. */
export interface OpenedMessage extends AsyncIterable<Buffer> {
  /**
   * The content. Signatures and tags are behind it, so it is **not to be trusted before the iteration has ended**
   * without an error: write it to a temporary name, and give it its own when `result` is there.
   */
  readonly content: AsyncGenerator<Buffer, void, undefined>;
  /**
   * Resolves when everything was verified, the message ended where it must, and the content was read to its end;
   * rejects with the error that `content` throws. Needs no handler.
   */
  readonly result: Promise<OpenResult>;
}

/**
 * Opens a CMS message of any size in constant memory: decrypts, decompresses and verifies in whatever order its layers
 * are, in BER or DER of any shape. Nothing is read from `source` before the content is.
 *
 * Errors, of `content` and `result`: `ERR_CMS_DAMAGED`, `ERR_CMS_TRUNCATED`, `ERR_CMS_TRAILING`, `ERR_CMS_CONTENT_TYPE`,
 * `ERR_CMS_DETACHED`, `ERR_CMS_ALGORITHM`, `ERR_CMS_WEAK`, `ERR_CMS_LAYERS`, `ERR_CMS_LAYER_MISSING`,
 * `ERR_CMS_LAYER_FORBIDDEN`, `ERR_CMS_LIMIT`, `ERR_CMS_CONTENT_SIZE`, `ERR_CMS_COMPRESSION_RATIO`, `ERR_CMS_COMPRESSED`,
 * `ERR_CMS_RECIPIENT`, `ERR_CMS_DECRYPT`, `ERR_CMS_ATTRIBUTES`, `ERR_CMS_DIGEST`, `ERR_CMS_SIGNATURE`,
 * `ERR_CMS_SIGNER_UNKNOWN`, `ERR_CMS_SIGNER_EXPIRED`, `ERR_CMS_SIGNER_REFUSED`, `ERR_CMS_KEY_USAGE`, `ERR_CMS_ABANDONED`,
 * and what `source` and the keys throw. Thrown by the call: `ERR_OPTION_INVALID`.
 *
 * What an encryption without authentication (AES-CBC, 3DES) holds is proven by a signature only.
 */
export function open(source: AsyncIterable<Uint8Array>, options: OpenOptions = {}): OpenedMessage {
  const state = new OpenState(options, false);
  let resolve: (result: OpenResult) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const result = new Promise<OpenResult>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  // Whoever reads the content sees the error there.
  result.catch(() => {});
  const content = readContent(source, state, resolve, reject);
  const giveUp = content.return.bind(content);
  // A generator that was never started does not notice that it ends.
  content.return = (value) => {
    reject(
      cmsError("ERR_CMS_ABANDONED", "the content was not read to its end, so nothing is known about it"),
    );
    return giveUp(value);
  };
  return { content, result, [Symbol.asyncIterator]: () => content };
}

async function* readContent(
  source: AsyncIterable<Uint8Array>,
  state: OpenState,
  resolve: (result: OpenResult) => void,
  reject: (error: unknown) => void,
): AsyncGenerator<Buffer, void, undefined> {
  const { digests: wanted = [] } = state.options;
  const { contentBytes: most } = state.limits;
  const hashes = wanted.map((name) => ({ name, state: createHash(name) }));
  const unused = new UnusedBuffers();
  let contentBytes = 0;
  try {
    for await (const piece of openLayers(source, state)) {
      contentBytes += piece.length;
      if (contentBytes > most) throw contentSizeError(most);
      for (const hash of hashes) hash.state.update(piece);
      yield piece;
      unused.passed(piece.length);
    }
    const digests: Partial<Record<HashName, Buffer>> = {};
    for (const { name, state: digest } of hashes) digests[name] = digest.digest();
    // The others are of descriptions.
    const layers = state.layers as readonly LayerReport[];
    resolve({ ...summary(layers), sealedBytes: state.sealedBytes, contentBytes, digests });
  } catch (error) {
    reject(error);
    throw error;
  }
}

function summary(
  layers: readonly LayerReport[],
): Pick<OpenResult, "layers" | "signer" | "signingTime" | "recipient"> {
  const signer = layers
    .flatMap((layer): readonly SignerReport[] => (layer.kind === "signed" ? layer.signers : []))
    .findLast(({ status }) => status === "verified");
  const encrypted = layers.find((layer) => layer.kind === "encrypted");
  return {
    layers,
    signer: signer?.certificate,
    signingTime: signer?.signingTime,
    recipient: encrypted?.recipient,
  };
}
