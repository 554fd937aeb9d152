import type { ListenOptions, TlsServerSettings } from "@waybill/net-core";
import type { Partner, PartnerDirectory, StateStore, StationOptions } from "@waybill/oftp-session";

/** An address to listen on. */
export interface ListenAddress extends Omit<ListenOptions, "port" | "logger"> {
  /** Default 3305, with TLS 6619. 0: a free one, see {@link OftpServer.addresses}. */
  readonly port?: number | undefined;
  /** Default: plain TCP, in which passwords and files can be read on the way. */
  readonly tls?: TlsServerSettings | undefined;
}

/** Options of {@link listenOftp}. */
export interface OftpServerOptions extends Omit<StationOptions, "partners" | "store" | "work"> {
  readonly partners: PartnerDirectory | readonly Partner[];
  /** The folder of what must survive a crash, and of parts of files. On the file system of the inbox. */
  readonly state: string;
  /** Default: files in `state`. */
  readonly store?: StateStore | undefined;
  readonly listen: readonly ListenAddress[];
}

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}
