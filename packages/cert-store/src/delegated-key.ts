import type { KeyObject } from "node:crypto";
import { isTransferError, TransferError } from "@waybill/net-core";
import { CURVES } from "./curves.js";
import type {
  DecryptionScheme,
  KeyType,
  PrivateKey,
  PublicKey,
  SignatureAlgorithm,
  SignatureScheme,
} from "./key-types.js";
import { MAX_RSA_BITS } from "./limits.js";
import {
  describeScheme,
  ecdsaPairFromDer,
  requireSchemeOf,
  schemeOfAlgorithm,
  sshEcdsaSignature,
  verifyWithScheme,
} from "./signature.js";
import { requireCiphertextLength, requireDecryptingType, requireSameCurve } from "./software-decryption.js";

/** Where the secret of a key is: it does the work, in the forms of X.509. What it gives is not trusted. */
export interface KeyHome {
  readonly publicKey: PublicKey;
  /** The signature algorithms of SSH that it can use, best first. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** As {@link PrivateKey.signWith}. */
  sign(data: Buffer, scheme: SignatureScheme): Promise<Uint8Array>;
  /** As {@link PrivateKey.decrypt}. */
  decrypt(ciphertext: Buffer, scheme: DecryptionScheme): Promise<Uint8Array>;
  /** As {@link PrivateKey.deriveSecret}. */
  deriveSecret(otherPublicKey: KeyObject): Promise<Uint8Array>;
}

/** A private key whose secret is elsewhere: in a token, behind a function. */
export class DelegatedPrivateKey implements PrivateKey {
  readonly publicKey: PublicKey;
  readonly #home: KeyHome;

  constructor(home: KeyHome) {
    this.#home = home;
    this.publicKey = home.publicKey;
  }

  get type(): KeyType {
    return this.publicKey.type;
  }

  get bits(): number {
    return this.publicKey.bits;
  }

  get comment(): string {
    return this.publicKey.comment;
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return this.#home.algorithms;
  }

  async sign(data: Uint8Array, algorithm = this.algorithms[0] ?? this.type): Promise<Uint8Array> {
    if (!this.algorithms.includes(algorithm)) {
      throw new TransferError(
        "ERR_KEY_ALGORITHM",
        `this key of type ${this.type} cannot sign with ${algorithm}`,
      );
    }
    const signature = await this.#checkedSignature(data, schemeOfAlgorithm(algorithm));
    return this.#isEcdsa ? sshEcdsaSignature(ecdsaPairFromDer(signature, this.type)) : signature;
  }

  async signWith(data: Uint8Array, scheme: SignatureScheme): Promise<Uint8Array> {
    requireSchemeOf(this.type, scheme);
    return await this.#checkedSignature(data, scheme);
  }

  async decrypt(ciphertext: Uint8Array, scheme: DecryptionScheme): Promise<Uint8Array> {
    requireDecryptingType(this.type);
    requireCiphertextLength(ciphertext, this.bits);
    return requireBytes(
      await orError("ERR_KEY_DECRYPT", "decrypting failed", () =>
        this.#home.decrypt(bufferOf(ciphertext), scheme),
      ),
      "ERR_KEY_DECRYPT",
    );
  }

  async deriveSecret(otherPublicKey: KeyObject): Promise<Uint8Array> {
    requireSameCurve(this.type, otherPublicKey);
    const secret = requireBytes(
      await orError("ERR_KEY_DECRYPT", "agreeing on a secret failed", () =>
        this.#home.deriveSecret(otherPublicKey),
      ),
      "ERR_KEY_DECRYPT",
    );
    const length = CURVES.find((curve) => curve.keyType === this.type)?.fieldBytes;
    if (secret.length !== length) {
      throw new TransferError(
        "ERR_KEY_DECRYPT",
        `agreeing on a secret failed: it has ${secret.length} bytes where this curve has ${length}`,
      );
    }
    return secret;
  }

  get #isEcdsa(): boolean {
    return CURVES.some((curve) => curve.keyType === this.type);
  }

  /**
   * Checked with the public key: a signature that a faulty device got wrong can betray an RSA key, and a token may
   * well hold a certificate beside another one's key.
   */
  async #checkedSignature(data: Uint8Array, scheme: SignatureScheme): Promise<Buffer> {
    const how = describeScheme(scheme);
    const signature = requireBytes(
      await orError("ERR_KEY_SIGN", `signing with ${how} failed`, () =>
        this.#home.sign(bufferOf(data), scheme),
      ),
      "ERR_KEY_SIGN",
    );
    if (!verifyWithScheme(this.publicKey.keyObject, this.type, data, signature, scheme)) {
      throw new TransferError(
        "ERR_KEY_SIGN",
        `signing with ${how} gave a signature that the public key does not verify: they may not belong together`,
      );
    }
    return signature;
  }
}

async function orError(
  code: "ERR_KEY_SIGN" | "ERR_KEY_DECRYPT",
  problem: string,
  work: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  try {
    return await work();
  } catch (error) {
    if (isTransferError(error)) throw error;
    throw new TransferError(code, problem, { cause: error });
  }
}

/** No result is longer than the largest modulus. */
function requireBytes(value: unknown, code: "ERR_KEY_SIGN" | "ERR_KEY_DECRYPT"): Buffer {
  if (value instanceof Uint8Array && value.length <= MAX_RSA_BITS / 8) return bufferOf(value);
  throw new TransferError(code, "the key's home gave something else than the bytes that it was asked for");
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
