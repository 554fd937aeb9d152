import type { ErrorSource } from "../error-source.js";
import { readOpenSshKey } from "../openssh-public-key.js";
import { parsePrivateKey } from "../parse-private-key.js";
import { parsePublicKey } from "../parse-public-key.js";
import { type KeyOrProblem, keyOrProblem } from "./key-item.js";
import { supportedOrDamaged } from "./single-items.js";
import type { StoreBuilder } from "./store-builder.js";
import type { StorePasswords } from "./store-passwords.js";
import { asStoreError } from "./store-source.js";

/** A file with one private key: PPK or OpenSSH's own format. */
export async function readSshPrivateKeyStore(
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  fileName: string | undefined,
): Promise<void> {
  const passphrase = passwords.keyOf(undefined);
  const key: KeyOrProblem = supportedOrDamaged(
    await keyOrProblem(async () => {
      try {
        return await parsePrivateKey(bytes, {
          ...(passphrase === undefined ? {} : { passphrase }),
          ...(fileName === undefined ? {} : { fileName }),
        });
      } catch (error) {
        throw asStoreError(error);
      }
    }),
  );
  if (key.privateKey === undefined) throw key.keyProblem;
  builder.add({ alias: nonEmpty(key.privateKey.comment), ...key });
}

/** Public keys in OpenSSH's lines, one each, with comments and empty lines between them. */
export function readSshPublicKeyStore(text: string, builder: StoreBuilder, source: ErrorSource): void {
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const publicKey = readOpenSshKey(line, source);
    if (publicKey === undefined) throw source.damaged("a line of it is no public key of OpenSSH's");
    builder.add({ alias: nonEmpty(publicKey.comment), publicKey });
  }
  if (builder.isEmpty) throw source.unsupported("it holds no public key");
}

/** RFC 4716. */
export function readRfc4716Store(bytes: Buffer, builder: StoreBuilder, fileName: string | undefined): void {
  try {
    const publicKey = parsePublicKey(bytes, fileName === undefined ? {} : { fileName });
    builder.add({ alias: nonEmpty(publicKey.comment), publicKey });
  } catch (error) {
    throw asStoreError(error);
  }
}

function nonEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}
