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
import type { MixedOaep } from "./mixed-oaep.js";
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
 * Errors: `ERR_CMS_ALGORITHM`.
 */
export function keyTransportOf(algorithm: AlgorithmIdentifier): DecryptionScheme | MixedOaep {
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
  const label = labelOf(labelPart);
  const common = { hash: hash.name, ...(label.length > 0 && { label }) };
  return hash === maskHash
    ? { padding: "oaep", ...common }
    : { padding: "oaep-mixed", maskHash: maskHash.name, ...common };
}

/** PSourceAlgorithm (RFC 4055 section 4.1): the empty string when it is not there. */
function labelOf(labelPart: AlgorithmIdentifier | undefined): Buffer {
  if (labelPart === undefined) return Buffer.alloc(0);
  if (labelPart.oid !== KEY_ALGORITHM.pSpecified || labelPart.parameters === undefined) {
    throw unknownAlgorithm("label", labelPart.oid);
  }
  return octetsOf(labelPart.parameters);
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
