import type { PrivateKey } from "../key-types.js";
import { formatOpenSshPrivateKey, type OpenSshPrivateKeyOptions } from "../openssh-writer.js";
import { requireExportable } from "./exportable-key.js";

/** Options of {@link writeOpenSsh}: those of `formatOpenSshPrivateKey`, for any key. */
export interface WriteOpenSshOptions extends OpenSshPrivateKeyOptions {
  readonly key: PrivateKey;
}

/**
 * A private key in OpenSSH's own format, as `formatOpenSshPrivateKey` writes it.
 * Errors: `ERR_KEY_NOT_EXPORTABLE`, `ERR_KEY_OPTIONS`.
 */
export async function writeOpenSsh({ key, ...options }: WriteOpenSshOptions): Promise<string> {
  return formatOpenSshPrivateKey(requireExportable(key), options);
}
