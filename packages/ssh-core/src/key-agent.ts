import type { PrivateKey } from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import ssh2 from "ssh2";

/**
 * Offers private keys to the engine as an agent does: the engine asks for signatures and never sees a key, so that a key
 * that lives in hardware works like one from a file.
 */
export class KeyAgent extends ssh2.BaseAgent<ssh2.ParsedKey> {
  readonly #keys: readonly PrivateKey[];
  readonly #allowSha1: boolean;
  readonly #onFailure: (error: unknown) => void;

  /** `onFailure` is told when a key could not sign: the engine goes on with the next one and forgets why. */
  constructor(keys: readonly PrivateKey[], allowSha1: boolean, onFailure: (error: unknown) => void) {
    super();
    this.#keys = keys;
    this.#allowSha1 = allowSha1;
    this.#onFailure = onFailure;
  }

  getIdentities(callback: ssh2.IdentityCallback<ssh2.ParsedKey>): void {
    // The engine parses what it is given; raw blobs are among what it understands, whatever its types say.
    callback(undefined, this.#keys.map((key) => key.publicKey.blob) as unknown as ssh2.ParsedKey[]);
  }

  sign(
    publicKey: ssh2.ParsedKey,
    data: Buffer,
    options: ssh2.SigningRequestOptions | ssh2.SignCallback,
    callback?: ssh2.SignCallback,
  ): void {
    const done = typeof options === "function" ? options : (callback ?? (() => {}));
    const hash = typeof options === "function" ? undefined : options.hash;
    this.#sign(publicKey, data, hash).then(
      (signature) => done(undefined, signature),
      (error) => {
        this.#onFailure(error);
        done(error);
      },
    );
  }

  async #sign(publicKey: ssh2.ParsedKey, data: Buffer, hash: string | undefined): Promise<Buffer> {
    const blob = publicKey.getPublicSSH();
    const key = this.#keys.find((candidate) => candidate.publicKey.blob.equals(blob));
    if (key === undefined)
      throw new TransferError("ERR_SSH_KEY_NOT_OFFERED", "asked to sign with a key that was not offered");
    if (key.type !== "ssh-rsa") return Buffer.from(await key.sign(data, key.type));
    if (hash === "sha256" || hash === "sha512") {
      return Buffer.from(await key.sign(data, hash === "sha256" ? "rsa-sha2-256" : "rsa-sha2-512"));
    }
    if (!this.#allowSha1) {
      throw new TransferError(
        "ERR_SSH_ALGORITHM_UNSUPPORTED",
        'the server only takes RSA signatures with SHA-1; the legacy algorithm "ssh-rsa" would allow them',
      );
    }
    return Buffer.from(await key.sign(data, "ssh-rsa"));
  }
}
