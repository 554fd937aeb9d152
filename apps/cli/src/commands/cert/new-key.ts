import { type EllipticCurve, generateKeyPair, type PrivateKey, writeStore } from "@waybill/cert-store";
import { type Command, Option } from "commander";
import { integer } from "../../option-parsers.js";
import { requireWritable, writeOutput } from "../../output-file.js";
import { newSecret } from "../../secrets.js";
import { UsageError } from "../../usage-error.js";
import { chooseEntry, withStore } from "./named-store.js";
import { addPasswordOptions } from "./store-options.js";
import { addNewPasswordOptions, type NewPasswordOptions } from "./written-options.js";

/** Which key a certificate or a request is made for: a new one, one from a file, one in a token. */
export interface KeyOptions extends NewPasswordOptions {
  readonly key?: string;
  readonly keyAlias?: string;
  readonly pkcs11?: string;
  readonly token?: string;
  readonly passwordFile?: string;
  readonly keyPasswordFile?: string;
  readonly keyType: KeyKind;
  readonly bits?: number;
  readonly keyOut?: string;
  readonly out: string;
  readonly force?: boolean;
}

const KEY_KINDS = ["rsa", "ec-p256", "ec-p384", "ec-p521", "ed25519"] as const;
type KeyKind = (typeof KEY_KINDS)[number];

export function addKeyOptions(command: Command): Command {
  const made = command
    .option("--key-out <file>", "make a new private key and write it here, as PEM that only you can read")
    .addOption(new Option("--key-type <type>", "the kind of the new key").choices(KEY_KINDS).default("rsa"))
    .option("--bits <bits>", "the length of a new RSA key (default: 3072)", integer(2048, 8192));
  return addPasswordOptions(
    addNewPasswordOptions(made)
      .option("--key <file>", "use the private key in this file (any format) instead of a new one")
      .option("--pkcs11 <module>", "use a private key in a token: the PKCS#11 library of its maker")
      .option("--token <label>", "which token, when the module has several")
      .option("--key-alias <name>", "which key of the file or the token"),
  ).option("--force", "replace files that are there already");
}

/**
 * Calls `use` with the key. A new one is on the disk before this resolves, so that nothing is written for a key that gets
 * lost, and not there when `use` fails.
 */
export async function withKey<T>(options: KeyOptions, use: (key: PrivateKey) => Promise<T>): Promise<T> {
  const { key: file, pkcs11, keyOut, keyAlias } = options;
  if ([file, pkcs11, keyOut].filter((one) => one !== undefined).length !== 1) {
    throw new UsageError(
      "say which key: --key-out FILE makes a new one, --key FILE or --pkcs11 MODULE uses one",
    );
  }
  if (keyOut !== undefined) return withNewKey(keyOut, options, use);
  await requireWritable([options.out], options.force ?? false);
  const selector = keyAlias === undefined ? undefined : { alias: keyAlias };
  return withStore(
    file,
    options,
    async (store) => {
      const { privateKey } = chooseEntry(store, selector, true);
      if (privateKey === undefined) throw new Error("an entry without a private key was chosen");
      return use(privateKey);
    },
    { needsKeys: true },
  );
}

async function withNewKey<T>(
  path: string,
  options: KeyOptions,
  use: (key: PrivateKey) => Promise<T>,
): Promise<T> {
  const { keyType, bits, passphrase: isEncrypted, newPasswordFile, force = false } = options;
  if (bits !== undefined && keyType !== "rsa") throw new UsageError("--bits is for RSA keys");
  await requireWritable([path, options.out], force);
  const passphrase = isEncrypted
    ? await newSecret(`a passphrase for ${path}`, newPasswordFile, "--no-passphrase")
    : undefined;
  const key = await generateKeyPair(
    keyType === "rsa" || keyType === "ed25519"
      ? { type: keyType, ...(bits !== undefined && { bits }) }
      : { type: "ec", curve: keyType.replace("ec-p", "P-") as EllipticCurve },
  );
  const made = await use(key);
  const data = await writeStore({ format: "pem", entries: [{ privateKey: key }], passphrase });
  await writeOutput(path, data, { force, isSecret: true });
  return made;
}
