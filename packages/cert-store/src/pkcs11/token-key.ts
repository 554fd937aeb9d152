import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import type { Handle, Mechanism, Template } from "pkcs11js";
import { CURVES, type Curve, UNCOMPRESSED_POINT } from "../curves.js";
import type { KeyHome } from "../delegated-key.js";
import { DER_TAG, encodeDer } from "../der.js";
import {
  type DecryptionScheme,
  type PublicKey,
  type SignatureAlgorithm,
  type SignatureScheme,
  signatureAlgorithmsOf,
} from "../key-types.js";
import { derEcdsaSignature, schemeOfAlgorithm } from "../signature.js";
import { isBadInput, isRefusal } from "./cryptoki-errors.js";
import {
  CK_PARAMS_EC_DH,
  CKA_CLASS,
  CKA_EXTRACTABLE,
  CKA_KEY_TYPE,
  CKA_SENSITIVE,
  CKA_TOKEN,
  CKA_VALUE,
  CKA_VALUE_LEN,
  CKD_NULL,
  CKF_DERIVE,
  CKK_GENERIC_SECRET,
  CKM_ECDH1_DERIVE,
  CKO_SECRET_KEY,
} from "./cryptoki-names.js";
import { decryptionAttempts } from "./decryption-mechanisms.js";
import { signingAttempts } from "./signing-mechanisms.js";
import type { Token } from "./token.js";
import type { TokenSession } from "./token-session.js";

/** A private key object, as it was found. */
export interface TokenKeyObject {
  readonly publicKey: PublicKey;
  readonly handle: Handle;
  /** How to find it again when handles have changed. */
  readonly template: Template;
  readonly alwaysAuthenticate: boolean;
  readonly maySign: boolean;
  readonly mayDecrypt: boolean;
  readonly mayDerive: boolean;
}

/** A way to do something: a mechanism, what it is given, and what is made of its result. */
export interface Attempt {
  readonly mechanism: Mechanism;
  readonly input: Buffer;
  readonly finish?: ((output: Buffer) => Buffer) | undefined;
  /** What stands in for the result when the token fails at the input. */
  readonly onBadInput?: (() => Buffer) | undefined;
}

/** A private key in a token, which does everything with it. */
export class TokenKey implements KeyHome {
  readonly publicKey: PublicKey;
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly #token: Token;
  readonly #object: TokenKeyObject;
  /** What wrong ciphertexts are answered from, see `unpadPkcs1`. */
  readonly #rejectionSecret = randomBytes(32);
  #handle: Handle;
  #generation: number;

  constructor(token: Token, object: TokenKeyObject) {
    this.#token = token;
    this.#object = object;
    this.#handle = object.handle;
    this.#generation = token.generation;
    this.publicKey = object.publicKey;
    this.algorithms = object.maySign
      ? signatureAlgorithmsOf(this.publicKey.type).filter(
          (algorithm) => this.#signingAttempts(Buffer.alloc(0), schemeOfAlgorithm(algorithm)).length > 0,
        )
      : [];
  }

  async sign(data: Buffer, scheme: SignatureScheme): Promise<Buffer> {
    const { type, bits } = this.publicKey;
    const attempts = this.#object.maySign ? this.#signingAttempts(data, scheme) : [];
    const curve = this.#curve;
    const maxBytes = type === "ssh-rsa" ? Math.ceil(bits / 8) : 2 * (curve?.fieldBytes ?? 32);
    const signature = await this.#perform("signing", "beginSign", attempts, maxBytes);
    if (curve === undefined) return signature;
    if (signature.length !== maxBytes) {
      throw new TransferError("ERR_KEY_SIGN", "signing failed: the token's signature has the wrong length");
    }
    return derEcdsaSignature(signature);
  }

  async decrypt(ciphertext: Buffer, scheme: DecryptionScheme): Promise<Buffer> {
    const attempts = this.#object.mayDecrypt
      ? decryptionAttempts(this.#token, ciphertext, scheme, this.#rejectionSecret)
      : [];
    return await this.#perform("decrypting", "beginDecrypt", attempts, ciphertext.length);
  }

  async deriveSecret(otherPublicKey: KeyObject): Promise<Buffer> {
    const curve = this.#curve;
    const isPossible = (this.#token.mechanismFlags(CKM_ECDH1_DERIVE) & CKF_DERIVE) !== 0;
    if (curve === undefined || !this.#object.mayDerive || !isPossible)
      throw this.#cannot("agreeing on a secret");
    const point = pointOf(otherPublicKey, curve);
    // The standard wants the point as it is; modules before version 2.20 wanted it in an OCTET STRING.
    const forms = [point, encodeDer(DER_TAG.octetString, point)];
    return await this.#token.withSession("agreeing on a secret", async (session) => {
      const key = this.#handleIn(session);
      let refusal: unknown;
      for (const publicData of forms) {
        try {
          return await deriveValue(session, key, publicData, curve);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          refusal = error;
        }
      }
      throw this.#cannot("agreeing on a secret", refusal);
    });
  }

  get #curve(): Curve | undefined {
    return CURVES.find((candidate) => candidate.keyType === this.publicKey.type);
  }

  #signingAttempts(data: Buffer, scheme: SignatureScheme): Attempt[] {
    return signingAttempts(this.#token, this.publicKey, data, scheme);
  }

  /** Tries one mechanism after the other until the token takes one. */
  async #perform(
    doing: string,
    begin: "beginSign" | "beginDecrypt",
    attempts: readonly Attempt[],
    maxBytes: number,
  ): Promise<Buffer> {
    if (attempts.length === 0) throw this.#cannot(doing);
    return await this.#token.withSession(doing, async (session) => {
      const pin = await this.#contextPin();
      const key = this.#handleIn(session);
      let refusal: unknown;
      for (const attempt of attempts) {
        try {
          session[begin](attempt.mechanism, key);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          refusal = error;
          continue;
        }
        if (pin !== undefined) this.#token.contextLogin(session, pin);
        const work = begin === "beginSign" ? session.sign : session.decrypt;
        let output: Buffer;
        try {
          output = await work.call(session, attempt.input, maxBytes);
        } catch (error) {
          if (attempt.onBadInput === undefined || !isBadInput(error)) throw error;
          return attempt.onBadInput();
        }
        return attempt.finish?.(output) ?? output;
      }
      throw this.#cannot(doing, refusal);
    });
  }

  async #contextPin(): Promise<string | undefined> {
    return this.#object.alwaysAuthenticate ? await this.#token.contextPin() : undefined;
  }

  #handleIn(session: TokenSession): Handle {
    if (this.#generation !== this.#token.generation) {
      const [found] = session.find(this.#object.template, 1);
      if (found === undefined) {
        throw new TransferError(
          "ERR_PKCS11_TOKEN_REMOVED",
          `${this.#token.name}: the key is not in it any more`,
        );
      }
      this.#handle = found;
      this.#generation = this.#token.generation;
    }
    return this.#handle;
  }

  #cannot(doing: string, cause?: unknown): TransferError {
    return new TransferError(
      "ERR_KEY_ALGORITHM",
      `${this.#token.name}: ${doing} like this is not possible with this key of type ${this.publicKey.type}`,
      cause === undefined ? {} : { cause },
    );
  }
}

async function deriveValue(
  session: TokenSession,
  key: Handle,
  publicData: Buffer,
  curve: Curve,
): Promise<Buffer> {
  const mechanism = {
    mechanism: CKM_ECDH1_DERIVE,
    parameter: { type: CK_PARAMS_EC_DH, kdf: CKD_NULL, publicData },
  };
  const secret = await session.derive(mechanism, key, [
    { type: CKA_CLASS, value: CKO_SECRET_KEY },
    { type: CKA_KEY_TYPE, value: CKK_GENERIC_SECRET },
    { type: CKA_TOKEN, value: false },
    { type: CKA_SENSITIVE, value: false },
    { type: CKA_EXTRACTABLE, value: true },
    { type: CKA_VALUE_LEN, value: curve.fieldBytes },
  ]);
  try {
    const value = session.attribute(secret, CKA_VALUE);
    if (value === undefined) {
      throw new TransferError("ERR_KEY_DECRYPT", "agreeing on a secret failed: the token does not show it");
    }
    return value;
  } finally {
    session.destroy(secret);
  }
}

function pointOf(key: KeyObject, curve: Curve): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const field = (text: string) => Buffer.from(text, "base64url");
  const point = Buffer.concat([Buffer.from([UNCOMPRESSED_POINT]), field(x), field(y)]);
  if (point.length !== 1 + 2 * curve.fieldBytes) {
    throw new TransferError("ERR_KEY_DECRYPT", `the other key is not on the curve ${curve.jwkName}`);
  }
  return point;
}
