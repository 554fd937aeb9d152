import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectOftp, type OftpClient } from "@waybill/oftp-client";
import { listenOftp, type OftpServer } from "@waybill/oftp-server";

/** One of the two companies of the demonstration. */
export interface Company {
  readonly name: string;
  /** Its identification code: `O`, the number of the organisation, and a name of its own. */
  readonly code: string;
  readonly password: string;
}

export const ALDER: Company = { name: "alder", code: "O0013000001ALDER", password: "ALDERPW" };
export const BIRCH: Company = { name: "birch", code: "O0013000002BIRCH", password: "BIRCHPW" };

/** A company's station that can be called. `outbox`: what waits for its partner. */
export async function startStation(
  company: Company,
  partner: Company,
  folder: string,
  outbox: Readonly<Record<string, Uint8Array>>,
  onServer?: (server: OftpServer) => void,
): Promise<OftpServer> {
  const waiting = join(folder, company.name, "outbox", partner.name);
  await mkdir(waiting, { recursive: true });
  for (const [name, content] of Object.entries(outbox)) await writeFile(join(waiting, name), content);
  return listenOftp(
    {
      ssid: company.code,
      password: company.password,
      partners: [{ name: partner.name, ssid: partner.code, password: partner.password }],
      ...folders(company, folder),
      listen: [{ host: "127.0.0.1", port: 0 }],
    },
    onServer,
  );
}

/** A call from one company to the other's station. */
export function call(
  company: Company,
  partner: Company,
  folder: string,
  port: number,
  onClient: (client: OftpClient) => void,
): Promise<OftpClient> {
  return connectOftp(
    {
      ssid: company.code,
      password: company.password,
      partner: {
        name: partner.name,
        ssid: partner.code,
        password: partner.password,
        address: { host: "127.0.0.1", port },
      },
      ...folders(company, folder),
    },
    onClient,
  );
}

/** Where a company finds a file that came from its partner. */
export function inboxFile(company: Company, partner: Company, folder: string, name: string): string {
  return join(folder, company.name, "inbox", partner.name, name);
}

function folders({ name }: Company, folder: string) {
  const own = join(folder, name);
  return { inbox: join(own, "inbox"), outbox: join(own, "outbox"), state: join(own, "state") };
}
