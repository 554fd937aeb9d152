/** The passwords of a store that is being opened. */
export interface StorePasswords {
  /** Undefined when none was given. */
  readonly store: string | undefined;
  /** The password of a private key: its own, else the store's. */
  keyOf(alias: string | undefined): string | undefined;
}

/** A private key's password, when it is not the store's: the same for all, or by the key's alias. */
export type KeyPassword = string | ((alias: string | undefined) => string | undefined);

export function storePasswords(store: string | undefined, key: KeyPassword | undefined): StorePasswords {
  return { store, keyOf: (alias) => (typeof key === "function" ? key(alias) : key) ?? store };
}
