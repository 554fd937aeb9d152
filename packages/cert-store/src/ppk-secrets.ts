import { createHash } from "node:crypto";
import type { ErrorSource } from "./error-source.js";
import {
  MAX_ARGON2_MEMORY_KIB,
  MAX_ARGON2_PARALLELISM,
  MAX_ARGON2_PASSES,
  MAX_ARGON2_WORK_KIB,
  MAX_SALT_BYTES,
} from "./limits.js";
import type { PpkDerivation } from "./ppk-format.js";

/** What a passphrase gives for a PPK file. */
export interface PpkSecrets {
  readonly cipherKey: Buffer;
  readonly iv: Buffer;
  readonly macKey: Buffer;
}

const CIPHER_KEY_BYTES = 32;
const IV_BYTES = 16;
const MAC_KEY_BYTES = 32;
/** RFC 9106 section 3.1: at least 8 bytes of salt, and 8 KiB for each lane. */
const MIN_SALT_BYTES = 8;
const MIN_LANE_KIB = 8;

const VARIANTS = { Argon2id: "argon2id", Argon2i: "argon2i", Argon2d: "argon2d" } as const;

/** The MAC key of version 2 (the PuTTY manual, appendix C.5.1); an empty passphrase for a file in the clear. */
export function ppkMacKeyVersion2(passphrase: string): Buffer {
  return createHash("sha1").update("putty-private-key-file-mac-key").update(passphrase, "utf8").digest();
}

/** The secrets of an encrypted version 2 file (the PuTTY manual, appendix C.5.1). */
export function ppkSecretsVersion2(passphrase: string): PpkSecrets {
  const half = (counter: number) =>
    createHash("sha1")
      .update(Buffer.from([0, 0, 0, counter]))
      .update(passphrase, "utf8")
      .digest();
  return {
    cipherKey: Buffer.concat([half(0), half(1)]).subarray(0, CIPHER_KEY_BYTES),
    iv: Buffer.alloc(IV_BYTES),
    macKey: ppkMacKeyVersion2(passphrase),
  };
}

/** Refuses Argon2 parameters that are malformed or that ask for too much. */
export function requireAffordableArgon2(derivation: PpkDerivation, source: ErrorSource): void {
  const { memoryKib, passes, parallelism, salt } = derivation;
  if (
    passes < 1 ||
    parallelism < 1 ||
    memoryKib < MIN_LANE_KIB * parallelism ||
    salt.length < MIN_SALT_BYTES
  ) {
    throw source.damaged("the Argon2 parameters are malformed");
  }
  if (
    memoryKib > MAX_ARGON2_MEMORY_KIB ||
    passes > MAX_ARGON2_PASSES ||
    memoryKib * passes > MAX_ARGON2_WORK_KIB ||
    parallelism > MAX_ARGON2_PARALLELISM ||
    salt.length > MAX_SALT_BYTES
  ) {
    throw source.unsupported(
      `Argon2 with ${memoryKib} KiB, ${passes} passes and ${parallelism} lanes asks for more than is allowed (${MAX_ARGON2_MEMORY_KIB} KiB, ${MAX_ARGON2_PASSES} passes, their product ${MAX_ARGON2_WORK_KIB} KiB, ${MAX_ARGON2_PARALLELISM} lanes): write the key again with puttygen --reencrypt`,
    );
  }
}

/** The secrets of an encrypted version 3 file (the PuTTY manual, appendix C.4). The passphrase is not empty. */
export async function ppkSecretsVersion3(passphrase: string, derivation: PpkDerivation): Promise<PpkSecrets> {
  const argon2 = await import("hash-wasm");
  const secret = Buffer.from(
    await argon2[VARIANTS[derivation.variant]]({
      password: passphrase,
      salt: derivation.salt,
      iterations: derivation.passes,
      parallelism: derivation.parallelism,
      memorySize: derivation.memoryKib,
      hashLength: CIPHER_KEY_BYTES + IV_BYTES + MAC_KEY_BYTES,
      outputType: "binary",
    }),
  );
  return {
    cipherKey: secret.subarray(0, CIPHER_KEY_BYTES),
    iv: secret.subarray(CIPHER_KEY_BYTES, CIPHER_KEY_BYTES + IV_BYTES),
    macKey: secret.subarray(CIPHER_KEY_BYTES + IV_BYTES),
  };
}
