import { constants, type KeyObject, publicEncrypt } from "node:crypto";
import type { DecryptionScheme } from "@waybill/cert-store";
import {
  type AlgorithmIdentifier,
  algorithmOf,
  hashOf,
  requireNoParameters,
  unknownAlgorithm,
} from "./algorithm-identifier.js";
import { context, TAG } from "./ber/ber-header.js";
import { BerParts, octetsOf } from "./ber/ber-value.js";
import { derAlgorithm, derContext, derNull, derOctetString, derSequence } from "./ber/der-writer.js";
import { cmsError } from "./cms-error.js";
import { hashNamed } from "./hashes.js";
import { KEY_ALGORITHM } from "./object-identifiers.js";
import { maskGeneration, maskHashOf, nestedHash, onlyPart } from "./signature-algorithm.js";

/** The AlgorithmIdentifier of a key transport: RFC 3370 section 4.2.1, RFC 4055 section 4.1. */
export function encodeKeyTransport(scheme: DecryptionScheme): Buffer {
  if (scheme.padding === "pkcs1") return derAlgorithm(KEY_ALGORITHM.rsa, derNull());
  const hash = hashNamed(scheme.hash);
  const parameters = [derContext(0, nestedHash(hash)), derContext(1, maskGeneration(hash))];
  if (scheme.label !== undefined) {
    parameters.push(derContext(2, derAlgorithm(KEY_ALGORITHM.pSpecified, derOctetString(scheme.label))));
  }
  return derAlgorithm(KEY_ALGORITHM.rsaOaep, derSequence(...parameters));
}

/**
 * Reads the algorithm of a key transport.
 *
 * Errors: `ERR_CMS_ALGORITHM`, also for OAEP with two different hashes, which neither node:crypto nor most tokens do.
 */
export function keyTransportOf(algorithm: AlgorithmIdentifier): DecryptionScheme {
  const { oid, parameters } = algorithm;
  if (oid === KEY_ALGORITHM.rsa) {
    requireNoParameters(algorithm);
    return { padding: "pkcs1" };
  }
  if (oid !== KEY_ALGORITHM.rsaOaep) throw unknownAlgorithm("key transport", oid);
  if (parameters === undefined) return { padding: "oaep", hash: "sha1" };
  const parts = new BerParts(parameters, TAG.sequence, "the parameters of RSA-OAEP");
  const [hashPart, maskPart, labelPart] = [0, 1, 2].map((number) => {
    const value = parts.optional(context(number));
    return value === undefined ? undefined : algorithmOf(onlyPart(value));
  });
  parts.end();
  const hash = hashPart === undefined ? hashNamed("sha1") : hashOf(hashPart);
  const maskHash = maskPart === undefined ? hashNamed("sha1") : maskHashOf(maskPart);
  if (hash !== maskHash) {
    throw cmsError(
      "ERR_CMS_ALGORITHM",
      `RSA-OAEP with ${hash.name} and MGF1 with ${maskHash.name} is not supported: both must be the same`,
    );
  }
  if (labelPart === undefined) return { padding: "oaep", hash: hash.name };
  if (labelPart.oid !== KEY_ALGORITHM.pSpecified || labelPart.parameters === undefined) {
    throw unknownAlgorithm("label", labelPart.oid);
  }
  const label = octetsOf(labelPart.parameters);
  return { padding: "oaep", hash: hash.name, ...(label.length > 0 && { label }) };
}

/** Encrypts a key for an RSA certificate. Errors: `ERR_CMS_OPTIONS` when the key is too short for OAEP with such a hash. */
export function transportKey(publicKey: KeyObject, scheme: DecryptionScheme, contentKey: Uint8Array): Buffer {
  try {
    if (scheme.padding === "pkcs1") {
      return publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, contentKey);
    }
    return publicEncrypt(
      {
        key: publicKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: scheme.hash,
        ...(scheme.label !== undefined && { oaepLabel: Buffer.from(scheme.label) }),
      },
      contentKey,
    );
  } catch (cause) {
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    const how = scheme.padding === "oaep" ? `OAEP with ${scheme.hash}` : "PKCS #1 v1.5";
    throw cmsError("ERR_CMS_OPTIONS", `an RSA key of ${bits} bits cannot encrypt with ${how}`, { cause });
  }
}
