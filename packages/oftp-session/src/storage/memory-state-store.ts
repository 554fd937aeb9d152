import type { StateStore, StateValue } from "../state-store.js";

/** A {@link StateStore} that forgets everything when the process ends. For tests, and where receipts do not matter. */
export function memoryStateStore(): StateStore {
  const tables = new Map<string, Map<string, string>>();
  const tableOf = (name: string) => {
    const table = tables.get(name) ?? new Map<string, string>();
    tables.set(name, table);
    return table;
  };
  return {
    async get(table, key) {
      const text = tables.get(table)?.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as StateValue);
    },
    async put(table, key, value) {
      tableOf(table).set(key, JSON.stringify(value));
    },
    async create(table, key, value) {
      if (tableOf(table).has(key)) return false;
      tableOf(table).set(key, JSON.stringify(value));
      return true;
    },
    async remove(table, key) {
      tables.get(table)?.delete(key);
    },
    async list(table) {
      return [...(tables.get(table) ?? [])].map(([key, text]) => [key, JSON.parse(text) as StateValue]);
    },
  };
}
