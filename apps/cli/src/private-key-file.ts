import { readPrivateKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { askSecret } from "./secrets.js";

/** Reads a private key; when it is encrypted, with the passphrase that was given or else asked for. */
export async function openPrivateKey(
  path: string,
  given: string | undefined,
  signal?: AbortSignal,
): Promise<SoftwarePrivateKey> {
  try {
    return await readPrivateKey(path);
  } catch (error) {
    if (!isTransferError(error, "ERR_KEY_PASSPHRASE_REQUIRED")) throw error;
    return readPrivateKey(path, {
      passphrase: given ?? (await askSecret(`the passphrase of ${path}`, signal)),
    });
  }
}
