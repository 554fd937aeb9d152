import { type Listener, listen, listenTls, type TlsPemCertificate } from "@waybill/net-core";
import type { OftpStation, Partner, StationSession } from "@waybill/oftp-session";

export type Transport = "plain" | "TLS";

/** A station that can be called over loopback. */
export interface Line {
  /** Where it is called. */
  readonly address: NonNullable<Partner["address"]>;
  /** The sessions that it has answered. */
  readonly answered: readonly StationSession[];
  close(): Promise<void>;
}

/** Listens for calls on a port of the system's choice; `station`: who answers. */
export async function openLine(
  station: () => OftpStation,
  transport: Transport,
  certificate: TlsPemCertificate,
): Promise<Line> {
  const answered: StationSession[] = [];
  const answer = (socket: Parameters<OftpStation["answer"]>[0]) =>
    void answered.push(station().answer(socket));
  const listener: Listener =
    transport === "TLS"
      ? await listenTls({ port: 0, tls: { certificates: [certificate] } }, answer)
      : await listen({ port: 0 }, answer);
  const tls = transport === "TLS" ? { trust: [certificate.certificate] } : undefined;
  return {
    address: { host: "127.0.0.1", port: listener.port, tls },
    answered,
    close: () => listener.close().then(() => undefined),
  };
}
