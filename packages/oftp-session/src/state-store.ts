/** A value that JSON can hold. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | readonly StateValue[]
  | { readonly [name: string]: StateValue };

/**
 * What a station must remember over a crash: end responses that are owed, files that were received, files that were sent
 * and wait for theirs. Small records by table and key, any strings. Several processes may use one store at once.
 */
export interface StateStore {
  /** Undefined when there is none. */
  get(table: string, key: string): Promise<StateValue | undefined>;
  /** Writes one record, as a whole or not at all. Resolves when it is on disk. */
  put(table: string, key: string, value: StateValue): Promise<void>;
  /** Writes one record only if there is none yet. Resolves to whether it was written. */
  create(table: string, key: string, value: StateValue): Promise<boolean>;
  /** Removes one record; nothing happens when there is none. Resolves when that is on disk. */
  remove(table: string, key: string): Promise<void>;
  /** All records of a table, the oldest first. One that others remove meanwhile may be missing. */
  list(table: string): Promise<readonly (readonly [key: string, value: StateValue])[]>;
}
