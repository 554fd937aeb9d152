import type { Eerp, Nerp } from "@waybill/oftp-codec";
import type { StateStore, StateValue } from "../state-store.js";
import type { OutgoingEndResponse } from "../user-monitor.js";

/** End responses that are owed to partners, in the state store. */
export class EndResponseRecords {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** Records that a response is owed; resolves when that is on disk. `key`: that of the file. */
  owe(partner: string, key: string, response: Eerp | Nerp): Promise<void> {
    return this.#store.put(tableOf(partner), key, toRecord(response));
  }

  async owed(partner: string): Promise<readonly OutgoingEndResponse[]> {
    const records = await this.#store.list(tableOf(partner));
    return records.map(([key, value]) => ({ key, response: fromRecord(value) }));
  }

  isOwed(partner: string, key: string): Promise<boolean> {
    return this.#store.get(tableOf(partner), key).then((value) => value !== undefined);
  }

  settled(partner: string, key: string): Promise<void> {
    return this.#store.remove(tableOf(partner), key);
  }
}

function tableOf(partner: string): string {
  return `responses.${partner}`;
}

function toRecord(response: Eerp | Nerp): StateValue {
  const { kind, datasetName, timestamp, destination, originator } = response;
  return {
    kind,
    datasetName,
    date: timestamp.date,
    time: timestamp.time,
    destination,
    originator,
    hash: base64(response.hash),
    signature: base64(response.signature),
    ...(response.kind === "EERP"
      ? { userData: response.userData }
      : { creator: response.creator, reason: response.reason, text: response.text }),
  };
}

function fromRecord(value: StateValue): Eerp | Nerp {
  const record = value as Readonly<Record<string, string | number>>;
  const text = (name: string) => String(record[name] ?? "");
  const common = {
    datasetName: text("datasetName"),
    timestamp: { date: text("date"), time: text("time") },
    destination: text("destination"),
    originator: text("originator"),
    hash: Buffer.from(text("hash"), "base64"),
    signature: Buffer.from(text("signature"), "base64"),
  };
  if (record.kind === "EERP") return { kind: "EERP", ...common, userData: text("userData") };
  return {
    kind: "NERP",
    ...common,
    creator: text("creator"),
    reason: Number(record.reason),
    text: text("text"),
  };
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}
