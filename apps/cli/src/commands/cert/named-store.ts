import {
  type CertificateStore,
  type EntrySelector,
  openPkcs11Store,
  openStore,
  type StoreEntry,
  selectEntry,
} from "@waybill/cert-store";
import { isTransferError, TransferError } from "@waybill/net-core";
import { canAsk } from "../../prompt.js";
import { askSecret, givenPassword } from "../../secrets.js";
import { UsageError } from "../../usage-error.js";
import type { StoreOptions } from "./store-options.js";

/** What is wanted of a store. */
export interface StoreUse {
  /** Whether private keys are needed, so that their passwords are worth asking for. Default false. */
  readonly needsKeys?: boolean;
}

/**
 * Opens the store that the arguments name, a file or a token, with the passwords that were given or else asked for, and
 * closes it afterwards.
 */
export async function withStore<T>(
  file: string | undefined,
  options: StoreOptions,
  use: (store: CertificateStore) => Promise<T>,
  { needsKeys = false }: StoreUse = {},
): Promise<T> {
  if (options.pkcs11 === undefined) return use(await openFile(file, options, needsKeys));
  if (file !== undefined) throw new UsageError("use either a file or --pkcs11, not both");
  const store = await openToken(options.pkcs11, options, needsKeys);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function openToken(module: string, options: StoreOptions, needsKeys: boolean) {
  const given = await givenPassword(options.passwordFile);
  const { token } = options;
  const asked = () => askSecret(`the PIN of ${token === undefined ? "the token" : `the token ${token}`}`);
  return openPkcs11Store({
    module,
    tokenLabel: token,
    ...((given !== undefined || needsKeys) && { pin: async () => given ?? (await asked()) }),
  });
}

async function openFile(
  file: string | undefined,
  options: StoreOptions,
  needsKeys: boolean,
): Promise<CertificateStore> {
  const { format = "auto", token } = options;
  if (token !== undefined) throw new UsageError("--token goes with --pkcs11");
  if (file === undefined && format !== "system") {
    throw new UsageError("a file is needed, or --pkcs11, or --format system");
  }
  const input = file === undefined ? undefined : { path: file };
  let password = await givenPassword(options.passwordFile);
  const keyPassword = options.keyPasswordFile && (await givenPassword(options.keyPasswordFile));
  const open = (keys: string | undefined) => openStore(input, { format, password, keyPassword: keys });
  let store: CertificateStore;
  try {
    store = await open(keyPassword);
  } catch (error) {
    if (password !== undefined || !isTransferError(error, "ERR_STORE_PASSWORD_REQUIRED")) throw error;
    password = await askSecret(`the password of ${file}`);
    store = await open(keyPassword);
  }
  const locked = needsKeys && keyPassword === undefined ? store.entries.find(isLocked) : undefined;
  if (locked === undefined || store.entries.some((entry) => entry.privateKey !== undefined)) return store;
  if (isTransferError(locked.keyProblem, "ERR_STORE_PASSWORD_REQUIRED")) {
    password = await askSecret(`the password of the private key in ${file}`);
    return open(undefined);
  }
  if (!canAsk()) return store;
  return open(await askSecret(`the password of the private key in ${file}`));
}

/** Whether an entry has a private key that only needs another password. */
export function isLocked({ privateKey, keyProblem }: StoreEntry): boolean {
  return (
    privateKey === undefined &&
    (isTransferError(keyProblem, "ERR_STORE_PASSWORD_REQUIRED") ||
      isTransferError(keyProblem, "ERR_STORE_PASSWORD_WRONG"))
  );
}

/**
 * The entry that is meant. Without a selector it is the only one that issued no other: in a file with a chain, the
 * certificate at its beginning. Errors: those of `selectEntry`.
 */
export function chooseEntry(
  store: CertificateStore,
  selector: EntrySelector | undefined,
  withPrivateKey = false,
): StoreEntry {
  if (selector === undefined) {
    const [only, ...others] = ownEntries(store).filter(
      (entry) => !withPrivateKey || entry.privateKey !== undefined,
    );
    if (only !== undefined && others.length === 0) return only;
  }
  try {
    return selectEntry(store, { ...selector, withPrivateKey });
  } catch (error) {
    const isPassword =
      isTransferError(error, "ERR_CERT_NO_PRIVATE_KEY") &&
      isTransferError(error.cause, "ERR_STORE_PASSWORD_WRONG");
    throw isPassword ? keyPasswordNeeded(store, error) : error;
  }
}

/** The error for private keys that the store's password does not open. */
export function keyPasswordNeeded(store: CertificateStore, cause: unknown): TransferError {
  return new TransferError(
    "ERR_KEY_LOCKED",
    `${store.fileName ?? "the store"}: a private key has another password: give it with --key-password-file`,
    { cause },
  );
}

/** The entries without those that are there only because they issued others. */
export function ownEntries({ entries }: CertificateStore): readonly StoreEntry[] {
  const issuers = new Set(entries.flatMap((entry) => entry.chain.slice(1)).map((one) => one.thumbprint()));
  const own = entries.filter(
    ({ certificate, privateKey, keyProblem, alias }) =>
      privateKey !== undefined ||
      keyProblem !== undefined ||
      alias !== undefined ||
      certificate === undefined ||
      !issuers.has(certificate.thumbprint()),
  );
  return own.length === 0 ? entries : own;
}
