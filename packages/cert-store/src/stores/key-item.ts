import { isTransferError } from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";
import { readDerPrivateKey } from "../der-private-key.js";
import type { ErrorSource } from "../error-source.js";
import type { PrivateKey } from "../key-types.js";
import { isKeyOf } from "./store-builder.js";

/** A private key, or why it cannot be used: never both. */
export interface KeyOrProblem {
  readonly privateKey?: PrivateKey;
  readonly keyProblem?: Error;
}

/** Calls `read`; an error of ours becomes the entry's problem, so that the rest of the store stays usable. */
export async function keyOrProblem(read: () => PrivateKey | Promise<PrivateKey>): Promise<KeyOrProblem> {
  try {
    return { privateKey: await read() };
  } catch (error) {
    if (!isTransferError(error)) throw error;
    return { keyProblem: error };
  }
}

/** A key of PKCS#8 in the clear. */
export function keyFromPkcs8(der: Buffer, source: ErrorSource): Promise<KeyOrProblem> {
  return keyOrProblem(() => readDerPrivateKey("PRIVATE KEY", der, undefined, source));
}

/** Whether bytes begin as PKCS#8 does and have the length that they say: decrypted with a wrong password they do not. */
export function looksLikePkcs8(der: Buffer): boolean {
  const first = der[1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (der[0] !== 0x30 || lengthBytes > 4 || der.length < 2 + lengthBytes) return false;
  const length = lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes);
  return der.length === 2 + lengthBytes + length && der[2 + lengthBytes] === 0x02;
}

/** A key that is not its certificate's would make signatures that nobody can check. */
export function belonging(
  key: KeyOrProblem,
  certificate: Certificate | undefined,
  source: ErrorSource,
): KeyOrProblem {
  if (key.privateKey === undefined || certificate === undefined || isKeyOf(key.privateKey, certificate))
    return key;
  return { keyProblem: source.damaged("the private key does not belong to the certificate beside it") };
}
