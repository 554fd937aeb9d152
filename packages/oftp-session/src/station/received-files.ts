import type { Sfid } from "@waybill/oftp-codec";
import { isEncrypted } from "../security/security-rules.js";
import type { StateStore, StateValue } from "../state-store.js";
import type { FileTotals } from "../user-monitor.js";
import type { ReceivedFile } from "./station-events.js";

/**
 * How a received file is answered: `now` the response is owed or was taken; `undecided` the application is asked; `later` it says so
 * by itself; `forwarded` it is to be queued for the station that it is for, and `relayed` it was: that station answers;
 * `certificate` it is one that is to be decided about.
 */
export type AnswerMode = "now" | "undecided" | "later" | "forwarded" | "relayed" | "certificate";

/** A file that this station has stored. */
export interface ReceivedRecord {
  readonly partner: string;
  readonly path: string;
  readonly totals: FileTotals;
  readonly answer: AnswerMode;
  /** Tells this reception from others of the same file. */
  readonly receptionId: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly sfid: Sfid;
  /** Octets of what was inside of the envelope; undefined when there was none. */
  readonly contentOctets?: number | undefined;
  /** Of what was transmitted, for a signed end response; in base64. */
  readonly hash?: string | undefined;
  /** The thumbprint (SHA-256) of the certificate whose signature was verified. */
  readonly signer?: string | undefined;
}

/** As the application sees it. */
export function receivedFile(
  key: string,
  { sfid, path, totals, contentOctets, signer }: ReceivedRecord,
): ReceivedFile {
  return {
    key,
    sfid,
    path,
    octets: contentOctets ?? totals.octets,
    security: {
      encrypted: isEncrypted(sfid),
      compressed: sfid.compression !== 0,
      signer,
      signedReceipt: sfid.signedReceipt,
    },
  };
}

const RECEIVED = "received";

/** The files that were received, in the state store: so that none is taken twice, and each can be answered. */
export class ReceivedFiles {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  async find(key: string): Promise<ReceivedRecord | undefined> {
    const value = await this.#store.get(RECEIVED, key);
    return value === undefined ? undefined : (value as unknown as ReceivedRecord);
  }

  put(key: string, record: ReceivedRecord): Promise<void> {
    return this.#store.put(RECEIVED, key, record as unknown as StateValue);
  }

  async list(): Promise<readonly (readonly [key: string, record: ReceivedRecord])[]> {
    return (await this.#store.list(RECEIVED)).map(
      ([key, value]) => [key, value as unknown as ReceivedRecord] as const,
    );
  }

  remove(key: string): Promise<void> {
    return this.#store.remove(RECEIVED, key);
  }
}
