import { createPrivateKey, getCiphers, type KeyObject } from "node:crypto";
import { type DerKeyLabel, readDerPrivateKey } from "./der-private-key.js";
import type { ErrorSource } from "./error-source.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { passphraseRequired, passphraseWrong } from "./passphrase-errors.js";
import { formatPem, type PemBlock } from "./pem.js";
import { privateKeyFromKeyObject } from "./private-key.js";

/**
 * A private key in a PEM block, in the clear, or encrypted in the way of RFC 1421 (headers in the block) or of
 * PKCS#8.
 */
export function readPemPrivateKey(
  label: DerKeyLabel,
  block: PemBlock,
  passphrase: string | undefined,
  source: ErrorSource,
): SoftwarePrivateKey {
  const isEncrypted = /^4\s*,\s*ENCRYPTED$/i.test(block.headers.get("proc-type") ?? "");
  if (!isEncrypted) return readDerPrivateKey(label, block.body, passphrase, source);
  const [cipher = "", iv = ""] = (block.headers.get("dek-info") ?? "").split(",").map((part) => part.trim());
  const isKnown =
    /^(AES-(128|192|256)|DES-EDE3)-CBC$/i.test(cipher) && getCiphers().includes(cipher.toLowerCase());
  if (!isKnown) {
    throw source.unsupported(
      "the encryption of the PEM block is not supported: it takes AES-CBC or DES-EDE3-CBC",
    );
  }
  const blockBytes = /^AES/i.test(cipher) ? 16 : 8;
  if (block.body.length % blockBytes !== 0 || iv.length !== 2 * blockBytes || !/^[0-9A-F]+$/i.test(iv)) {
    throw source.damaged("the encrypted part has the wrong length");
  }
  if (passphrase === undefined) throw passphraseRequired(source);
  const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: ${cipher.toUpperCase()},${iv}\n\n`;
  const pem = formatPem(label, block.body).replace("-----\n", `-----\n${headers}`);
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey({ key: pem, format: "pem", passphrase });
  } catch (error) {
    throw passphraseWrong(source, error);
  }
  return privateKeyFromKeyObject(keyObject, "", source);
}
