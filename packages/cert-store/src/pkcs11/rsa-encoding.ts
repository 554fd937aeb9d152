import { createHash, randomBytes } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import { DER_TAG, encodeDer } from "../der.js";
import type { HashName } from "../key-types.js";
import { mgf1, xorInto } from "../rsa-unpadding.js";
import { HASH_NUMBERS } from "./hash-numbers.js";

const DER_NULL = Buffer.from([5, 0]);

/** DigestInfo of RFC 8017 section 9.2. */
export function digestInfo(hash: HashName, digest: Uint8Array): Buffer {
  const oid = encodeDer(DER_TAG.objectIdentifier, Buffer.from(HASH_NUMBERS[hash].oid, "hex"));
  return encodeDer(
    DER_TAG.sequence,
    encodeDer(DER_TAG.sequence, oid, DER_NULL),
    encodeDer(DER_TAG.octetString, digest),
  );
}

/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): what the bare RSA operation signs. */
export function pkcs1SignatureBlock(hash: HashName, digest: Uint8Array, modulusBits: number): Buffer {
  const info = digestInfo(hash, digest);
  const padding = Math.ceil(modulusBits / 8) - info.length - 3;
  if (padding < 8) throw tooShort(hash, modulusBits);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(padding, 0xff), Buffer.alloc(1), info]);
}

/** EMSA-PSS (RFC 8017 section 9.1.1), with a salt as long as the hash. */
export function pssSignatureBlock(hash: HashName, digest: Uint8Array, modulusBits: number): Buffer {
  const blockBits = modulusBits - 1;
  const blockBytes = Math.ceil(blockBits / 8);
  const { bytes } = HASH_NUMBERS[hash];
  const maskedBytes = blockBytes - bytes - 1;
  if (maskedBytes < bytes + 1) throw tooShort(hash, modulusBits);
  const salt = randomBytes(bytes);
  const salted = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const masked = Buffer.concat([Buffer.alloc(maskedBytes - bytes - 1), Buffer.from([1]), salt]);
  xorInto(masked, mgf1(hash, salted, maskedBytes));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * blockBytes - blockBits));
  const front = Buffer.alloc(Math.ceil(modulusBits / 8) - blockBytes);
  return Buffer.concat([front, masked, salted, Buffer.from([0xbc])]);
}

function tooShort(hash: HashName, bits: number): TransferError {
  return new TransferError(
    "ERR_KEY_SIGN",
    `an RSA key of ${bits} bits is too short to sign with ${hash} like this`,
  );
}
