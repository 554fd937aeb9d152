import { decodeBase64 } from "./base64.js";
import type { ErrorSource } from "./error-source.js";
import type { PublicKey } from "./key-types.js";
import { publicKeyFromWire } from "./public-key.js";

/**
 * The first words of a line that holds a key: the names that SSH gives to kinds of keys, ours and others, so that a
 * kind that is not supported is not taken for an option or a host.
 */
const KEY_TYPE_NAME =
  /^(ssh-[a-z0-9]+|ecdsa-sha2-[a-z0-9]+|rsa-sha2-\d+|sk-(ssh|ecdsa)-[a-z0-9-]+)(-cert-v\d+)?(@[a-z.]+)?$/;

/**
 * Reads `TYPE BASE64 [COMMENT]` (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Undefined when the text does not begin with
 * the name of a kind of key. Errors: `ERR_KEY_DAMAGED`, `ERR_KEY_UNSUPPORTED`.
 */
export function readOpenSshKey(text: string, source: ErrorSource): PublicKey | undefined {
  const [, type = "", rest = ""] = /^(\S+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
  if (!KEY_TYPE_NAME.test(type)) return undefined;
  const [, base64 = "", comment = ""] = /^(\S*)(?:[ \t]+(.*))?$/s.exec(rest) ?? [];
  const blob = decodeBase64(base64);
  if (blob === undefined || blob.length === 0) throw source.damaged("the base64 text of the key is damaged");
  const key = publicKeyFromWire(blob, comment.trim(), source);
  if (key.type !== type) throw source.damaged(`the line says ${type} and the key in it is ${key.type}`);
  return key;
}
