import type { Socket } from "node:net";
import { dial, dialTls, type TlsClientSettings, TransferError } from "@waybill/net-core";
import type { Partner } from "./partner.js";

/** The ports of RFC 5024 section 2.4 and of its registration for TLS. */
export const OFTP_PORT = 3305;
export const OFTPS_PORT = 6619;

/** How a partner is reached. */
export interface PartnerAddress {
  /** A name or an IP address. */
  readonly host: string;
  /** Default 3305, with TLS 6619. */
  readonly port?: number | undefined;
  /** Default: plain TCP, in which passwords and files can be read on the way. */
  readonly tls?: TlsClientSettings | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly localAddress?: string | undefined;
}

/**
 * Opens a connection to a partner. Errors: `ERR_OFTP_PARTNER_ADDRESS` when its entry has none; those of `dial` and
 * `dialTls`.
 */
export async function dialPartner(partner: Partner, signal?: AbortSignal): Promise<Socket> {
  const { address } = partner;
  if (address === undefined) {
    throw new TransferError(
      "ERR_OFTP_PARTNER_ADDRESS",
      `The entry of the partner ${partner.name} has no address`,
    );
  }
  const { host, port, tls, connectTimeoutMs, localAddress } = address;
  const common = { host, connectTimeoutMs, localAddress, signal };
  return tls === undefined
    ? dial({ ...common, port: port ?? OFTP_PORT })
    : dialTls({ ...common, port: port ?? OFTPS_PORT, tls });
}
