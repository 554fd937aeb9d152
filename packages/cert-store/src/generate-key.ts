import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { CURVES } from "./curves.js";
import { errorSource } from "./error-source.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { privateKeyFromKeyObject } from "./private-key.js";

/** The kinds of keys that are generated. */
export const GENERATED_KEY_KINDS = ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"] as const;
export type GeneratedKeyKind = (typeof GENERATED_KEY_KINDS)[number];

/** Options of {@link generatePrivateKey}. */
export interface GeneratePrivateKeyOptions {
  /** RSA only: bits of the modulus, a multiple of 8 from 2048 to 8192. Default 3072. */
  readonly bits?: number;
  /** Default: none. */
  readonly comment?: string;
}

const DEFAULT_RSA_BITS = 3072;
const MIN_GENERATED_RSA_BITS = 2048;
const MAX_GENERATED_RSA_BITS = 8192;

const generate = promisify(generateKeyPair);
const source = errorSource(undefined, "private key");

/** Generates a private key, in the thread pool. Errors: `ERR_KEY_OPTIONS`. */
export async function generatePrivateKey(
  kind: GeneratedKeyKind,
  options: GeneratePrivateKeyOptions = {},
): Promise<SoftwarePrivateKey> {
  return privateKeyFromKeyObject(await generateKeyObject(kind, options.bits), options.comment ?? "", source);
}

async function generateKeyObject(kind: GeneratedKeyKind, bits: number | undefined): Promise<KeyObject> {
  if (kind === "rsa") {
    const modulusLength = bits ?? DEFAULT_RSA_BITS;
    if (
      modulusLength % 8 !== 0 ||
      modulusLength < MIN_GENERATED_RSA_BITS ||
      modulusLength > MAX_GENERATED_RSA_BITS
    ) {
      throw source.error(
        "ERR_KEY_OPTIONS",
        `RSA keys are generated with ${MIN_GENERATED_RSA_BITS} to ${MAX_GENERATED_RSA_BITS} bits, a multiple of 8`,
      );
    }
    return (await generate("rsa", { modulusLength })).privateKey;
  }
  if (bits !== undefined) throw source.error("ERR_KEY_OPTIONS", "bits are chosen for RSA only");
  if (kind === "ed25519") return (await generate("ed25519")).privateKey;
  const curve = CURVES.find((candidate) => kind === `ecdsa-p${candidate.bits}`);
  if (curve === undefined) {
    throw source.error("ERR_KEY_OPTIONS", `a key is one of ${GENERATED_KEY_KINDS.join(", ")}`);
  }
  return (await generate("ec", { namedCurve: curve.opensslName })).privateKey;
}
