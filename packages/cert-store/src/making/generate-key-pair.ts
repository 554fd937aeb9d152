import { CURVES } from "../curves.js";
import { errorSource } from "../error-source.js";
import { type GeneratedKeyKind, generatePrivateKey } from "../generate-key.js";
import type { SoftwarePrivateKey } from "../key-types.js";

/** What {@link generateKeyPair} makes. */
export type KeyPairOptions =
  /** `bits` is a multiple of 8 from 2048 to 8192. Default 3072. */
  | { readonly type: "rsa"; readonly bits?: number | undefined; readonly comment?: string | undefined }
  /** `curve` is `P-256` (the default), `P-384` or `P-521`. */
  | { readonly type: "ec"; readonly curve?: EllipticCurve | undefined; readonly comment?: string | undefined }
  | { readonly type: "ed25519"; readonly comment?: string | undefined };

export type EllipticCurve = "P-256" | "P-384" | "P-521";

/** Generates a key pair in the thread pool; the public key is in the private one. Errors: `ERR_KEY_OPTIONS`. */
export async function generateKeyPair(options: KeyPairOptions): Promise<SoftwarePrivateKey> {
  return generatePrivateKey(kindOf(options), {
    ...(options.comment !== undefined && { comment: options.comment }),
    ...("bits" in options && options.bits !== undefined && { bits: options.bits }),
  });
}

function kindOf(options: KeyPairOptions): GeneratedKeyKind {
  const { type } = options;
  if (type === "rsa" || type === "ed25519") return type;
  const name = type === "ec" ? (options.curve ?? "P-256") : undefined;
  const curve = CURVES.find((candidate) => candidate.jwkName === name);
  if (curve === undefined) {
    const wanted = type === "ec" ? `the curve "${String(name)}"` : `the type "${String(type)}"`;
    throw errorSource(undefined, "key pair").error(
      "ERR_KEY_OPTIONS",
      `${wanted} is not known: it takes rsa, ed25519, or ec with ${CURVES.map((known) => known.jwkName).join(", ")}`,
    );
  }
  return `ecdsa-p${curve.bits}` as GeneratedKeyKind;
}
