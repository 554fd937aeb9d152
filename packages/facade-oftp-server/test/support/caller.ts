import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  memoryStateStore,
  OftpStation,
  type Partner,
  type PartnerAddress,
  partnerDirectory,
  type SessionEndError,
  type StationOptions,
} from "@waybill/oftp-session";

export const SERVER_CODE = "O0013000000SERVER";
export const codeOf = (name: string) => `O0013${name.toUpperCase()}`;

/** What a server has to know of the callers below. */
export function callerEntry(name: string, more: Partial<Partner> = {}): Partner {
  return { name, ssid: codeOf(name), password: "CALLER", ...more };
}

/** A station that calls the server under test. */
export interface Caller {
  readonly station: OftpStation;
  readonly inbox: string;
  /** Calls, exchanges everything, and resolves to why the session ended otherwise than normally. */
  call(): Promise<SessionEndError | undefined>;
  /** Queues a file with this content. */
  queue(name: string, content: string | Uint8Array): Promise<void>;
}

export async function caller(
  name: string,
  folder: string,
  address: PartnerAddress,
  options: Partial<StationOptions> & { readonly server?: Partial<Partner> } = {},
): Promise<Caller> {
  const { server, ...rest } = options;
  const own = join(folder, name);
  await mkdir(join(own, "state"), { recursive: true });
  const station = await OftpStation.open({
    ssid: codeOf(name),
    password: "CALLER",
    partners: partnerDirectory([
      { name: "server", ssid: SERVER_CODE, password: "SERVER", address, ...server },
    ]),
    inbox: join(own, "inbox"),
    work: join(own, "state"),
    store: memoryStateStore(),
    ...rest,
  });
  return {
    station,
    inbox: join(own, "inbox", "server"),
    async call() {
      const session = await station.call("server");
      return (await session.ended).error;
    },
    async queue(fileName, content) {
      const path = join(own, fileName);
      await writeFile(path, content);
      await station.send("server", { path });
    },
  };
}
