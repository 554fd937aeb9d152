import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectOftp, type OftpClient } from "@waybill/oftp-client";
import { listenOftp, type OftpServer } from "@waybill/oftp-server";
import type { OwnIdentity, Partner, SecureAuthentication } from "@waybill/oftp-session";

/** One of the companies of the demonstration. */
export interface Company {
  readonly name: string;
  /** Its identification code: `O`, the number of the organisation, and a name of its own. */
  readonly code: string;
  readonly password: string;
  /** Its key and its certificate. Without them nothing is signed or encrypted. */
  readonly identity?: OwnIdentity;
  /** Whether it must prove in each session that it has its key. Default: it must, if it has one. */
  readonly authentication?: SecureAuthentication;
}

export const ALDER: Company = { name: "alder", code: "O0013000001ALDER", password: "ALDERPW" };
export const BIRCH: Company = { name: "birch", code: "O0013000002BIRCH", password: "BIRCHPW" };

/** A company's station that can be called. `outbox`: what waits for its partner. */
export async function startStation(
  company: Company,
  partner: Company,
  folder: string,
  outbox: Readonly<Record<string, Uint8Array>> = {},
): Promise<OftpServer> {
  const waiting = join(folder, company.name, "outbox", partner.name);
  await mkdir(waiting, { recursive: true });
  for (const [name, content] of Object.entries(outbox)) await writeFile(join(waiting, name), content);
  return listenOftp({
    ...stationOf(company, folder),
    partners: [entryFor(partner)],
    listen: [{ host: "127.0.0.1", port: 0 }],
  });
}

/** A call from one company to the other's station, or to who listens there. */
export function call(
  company: Company,
  partner: Company,
  folder: string,
  port: number,
  onClient?: (client: OftpClient) => void | Promise<void>,
): Promise<OftpClient> {
  const address = { host: "127.0.0.1", port };
  return connectOftp({ ...stationOf(company, folder), partner: { ...entryFor(partner), address } }, onClient);
}

/** The port of a station of {@link startStation}. */
export function portOf({ addresses: [address] }: OftpServer): number {
  if (address === undefined) throw new TypeError("a station that does not listen");
  return address.port;
}

/** Where a company finds a file that came from its partner. */
export function inboxFile(company: Company, partner: Company, folder: string, name: string): string {
  return join(folder, company.name, "inbox", partner.name, name);
}

function stationOf({ name, code, password, identity }: Company, folder: string) {
  const own = join(folder, name);
  return {
    ssid: code,
    password,
    identities: identity === undefined ? [] : [identity],
    inbox: join(own, "inbox"),
    outbox: join(own, "outbox"),
    state: join(own, "state"),
  };
}

/** What one company has noted of the other: of its identity only the certificate. */
function entryFor({ name, code, password, identity, authentication }: Company): Partner {
  const entry: Partner = { name, ssid: code, password };
  if (identity === undefined) return entry;
  const { certificate } = identity;
  return { ...entry, certificates: [{ certificate }], secureAuthentication: authentication ?? "required" };
}
