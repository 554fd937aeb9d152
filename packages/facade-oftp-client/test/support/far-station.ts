import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Listener, listen, listenTls, type TlsServerSettings } from "@waybill/net-core";
import {
  memoryStateStore,
  OftpStation,
  type Partner,
  partnerDirectory,
  type StationOptions,
} from "@waybill/oftp-session";

export const OWN_CODE = "O0013000000NEAR";
export const FAR_CODE = "O0013000000FAR";

/** A station that the client under test calls: the entry for it, and what it is. */
export interface FarStation {
  readonly station: OftpStation;
  readonly partner: Partner;
  readonly inbox: string;
  close(): Promise<void>;
}

/** Its partner `near` is the client. */
export async function farStation(
  folder: string,
  options: Partial<StationOptions> & {
    readonly tls?: TlsServerSettings;
    readonly near?: Partial<Partner>;
  } = {},
): Promise<FarStation> {
  const { tls, near, ...rest } = options;
  const work = join(folder, "far-state");
  await mkdir(work, { recursive: true });
  const inbox = join(folder, "far-inbox");
  const station = await OftpStation.open({
    ssid: FAR_CODE,
    password: "FARPASS",
    partners: partnerDirectory([{ name: "near", ssid: OWN_CODE, password: "NEARPASS", ...near }]),
    inbox,
    work,
    store: memoryStateStore(),
    ...rest,
  });
  const answer = (socket: Parameters<OftpStation["answer"]>[0]) => {
    station.answer(socket);
  };
  const listener: Listener =
    tls === undefined ? await listen({ port: 0 }, answer) : await listenTls({ port: 0, tls }, answer);
  return {
    station,
    inbox: join(inbox, "near"),
    partner: {
      name: "far",
      ssid: FAR_CODE,
      password: "FARPASS",
      address: { host: "127.0.0.1", port: listener.port },
    },
    async close() {
      await station.close();
      await listener.close();
    },
  };
}
