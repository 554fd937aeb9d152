import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  fileStateStore,
  type OftpStation,
  type Partner,
  type PartnerSecurity,
  type StationOptions,
} from "@waybill/oftp-session";
import type { TestIdentity } from "./identities.js";
import { ReceiptWire } from "./receipt-wire.js";
import { eventsOf, openStation, partnerEntry, responsesOf } from "./stations.js";

/** One of two stations that know each other's certificates. */
export interface SecureSide {
  readonly name: string;
  /** Of the station: inbox, outbox, state, records. */
  readonly folder: string;
  readonly identity: TestIdentity;
  /** How it deals with the files of the other one, and with those for it. */
  readonly security?: PartnerSecurity;
  /** More in its entry of the other one. */
  readonly entry?: Partial<Partner>;
}

export interface SecureStation {
  readonly station: OftpStation;
  /** Its entry of the other one. */
  readonly partner: Partner;
  readonly wire: ReceiptWire;
  readonly heard: readonly string[];
  readonly invalid: ReturnType<typeof eventsOf<"endResponseInvalid">>;
  readonly received: ReturnType<typeof eventsOf<"fileReceived">>;
}

/** Opens one of two stations, with what it remembers in its folder: again and again, if a test wants to. */
export async function openSecure(
  { name, folder, identity, security = {}, entry = {} }: SecureSide,
  other: Pick<SecureSide, "name" | "identity">,
  options: Omit<Partial<StationOptions>, "partners"> = {},
): Promise<SecureStation> {
  const { certificate } = other.identity;
  const partner = partnerEntry(other.name, { certificates: [{ certificate }], security, ...entry });
  const station = await openStation({
    name,
    folder,
    partners: [partner],
    identities: [identity],
    outbox: join(folder, "outbox"),
    store: await fileStateStore(join(folder, "records")),
    ...options,
  });
  return {
    station,
    partner,
    wire: new ReceiptWire(station),
    heard: responsesOf(station),
    invalid: eventsOf(station, "endResponseInvalid"),
    received: eventsOf(station, "fileReceived"),
  };
}

/** What a station keeps in place of files that it is to send: paths. */
export async function sealedFilesOf({ folder }: Pick<SecureSide, "folder">): Promise<readonly string[]> {
  const options = { recursive: true, withFileTypes: true } as const;
  const entries = await readdir(join(folder, "state", "sealed"), options).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
