import { checkInteger, optionError, silentLogger } from "@waybill/net-core";
import { pieces } from "../chunks.js";
import { cipherSuite, DEFAULT_CIPHER_SUITE } from "../cipher-suites.js";
import { cmsError } from "../cms-error.js";
import { type Batch, dataLayer } from "./batch.js";
import { compressLayer } from "./compress-layer.js";
import { checkRecipient, encryptLayer } from "./encrypt-layer.js";
import type { SealOptions } from "./seal-options.js";
import { prepareSigner, signLayer } from "./sign-layer.js";

const DEFAULT_LEVEL = 6;

/**
 * Seals content: signs it, compresses it and encrypts it, each when it is asked for, always in that order (RFC 5024
 * section 6.1), as nested CMS messages (RFC 5652, RFC 3274, RFC 5083) in BER with indefinite lengths. Asked for none of the
 * three it gives the plain Data of RFC 5024 section 10.4.
 *
 * Any size in constant memory; nothing is read from `source` before the result is. What comes out are the bytes of the
 * message in pieces of all sizes. A chunk of `source` must not be changed once it was handed over, unless `reuseBuffers` is
 * set. Keys are asked when they are needed: signers at the end.
 *
 * Errors, thrown by the call: `ERR_OPTION_INVALID`, `ERR_CMS_WEAK`, `ERR_CMS_KEY_MISMATCH`, `ERR_CMS_KEY_USAGE`,
 * `ERR_CMS_OPTIONS`. While it is read: `ERR_CMS_OPTIONS`, `ERR_ABORTED`, and what `source` and the keys throw.
 */
export function seal(
  source: AsyncIterable<Uint8Array>,
  options: SealOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const layers = planLayers(options);
  let content: AsyncIterable<Batch> = batches(source, options.signal);
  for (const layer of layers) content = layer(content);
  return flatten(content);
}

type Layer = (content: AsyncIterable<Batch>) => AsyncIterable<Batch>;

function planLayers(options: SealOptions): Layer[] {
  const {
    suite = cipherSuite(DEFAULT_CIPHER_SUITE),
    sign,
    compress,
    encrypt,
    logger = silentLogger,
  } = options;
  const layers: Layer[] = [];
  if (sign !== undefined) {
    if (sign.signers.length === 0) throw optionError("sign.signers", "must name at least one signer");
    const { hash = suite.hash, padding = suite.padding } = sign;
    const signers = sign.signers.map((signer) =>
      prepareSigner(signer, hash, padding, sign.identifyBy ?? "issuerAndSerialNumber"),
    );
    if (signers.some((signer) => signer.algorithm.hash.name === "sha1")) {
      if (options.allowWeak !== true) {
        throw cmsError(
          "ERR_CMS_WEAK",
          "signing with SHA-1 is weak: choose another cipher suite, or set allowWeak",
        );
      }
      logger.warn({ suite: suite.number }, "signing with SHA-1, which is weak");
    }
    const settings = {
      signers,
      includeCertificates: sign.includeCertificates ?? false,
      signingTime: sign.signingTime,
    };
    layers.push((content) => signLayer(content, settings));
  }
  if (compress !== undefined && compress !== false) {
    const { level = DEFAULT_LEVEL } = compress === true ? {} : compress;
    checkInteger("compress.level", level, 1, 9);
    layers.push((content) => compressLayer(content, level));
  }
  if (encrypt !== undefined) {
    if (encrypt.recipients.length === 0)
      throw optionError("encrypt.recipients", "must name at least one recipient");
    for (const recipient of encrypt.recipients) checkRecipient(recipient);
    const { cipher = suite.cipher, keyTransport = suite.keyTransport } = encrypt;
    const settings = {
      ...encrypt,
      cipher,
      keyTransport,
      identifyBy: encrypt.identifyBy ?? "issuerAndSerialNumber",
      // Compression is so slow that a thread would have nothing to do, and take a processor from it now and then.
      inThread: compress === undefined || compress === false,
      reuseBuffers: options.reuseBuffers ?? false,
    };
    layers.push((content) => encryptLayer(content, settings));
  }
  return layers.length > 0 ? layers : [dataLayer];
}

async function* batches(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch> {
  for await (const piece of pieces(source, signal)) yield [piece];
}

async function* flatten(content: AsyncIterable<Batch>): AsyncGenerator<Buffer, void, undefined> {
  for await (const batch of content) {
    for (const bytes of batch) yield bytes;
  }
}
