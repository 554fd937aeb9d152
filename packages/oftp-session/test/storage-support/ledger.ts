import type { StateStore } from "../../src/state-store.js";
import type { ReceptionLedger } from "../../src/storage/whole-file.js";

interface LedgerRecord {
  readonly receptionId: string;
  readonly finalPath: string;
}

/** A ledger as a station keeps it: one record for each file. */
export function storeLedger(
  store: StateStore,
): ReceptionLedger & { path(key: string): Promise<string | undefined> } {
  const record = async (key: string) =>
    (await store.get("received", key)) as unknown as LedgerRecord | undefined;
  return {
    async stored({ key, receptionId, finalPath }) {
      await store.put("received", key, { receptionId, finalPath });
    },
    async moved(key, receptionId, finalPath) {
      await store.put("received", key, { receptionId, finalPath });
    },
    async lookUp(key, receptionId) {
      const found = await record(key);
      return found?.receptionId === receptionId ? found.finalPath : undefined;
    },
    async revoke({ key }) {
      await store.remove("received", key);
    },
    async path(key) {
      return (await record(key))?.finalPath;
    },
  };
}
