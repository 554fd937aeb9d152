import { isIPv6, SocketAddress } from "node:net";

/** Writes a host and a port as one: `127.0.0.1:22`, `example.org:22`, `[::1]:22`. */
export function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/**
 * One spelling per address: IPv6 in its short form without the zone (`fe80::1%eth0` is `fe80::1`), IPv4-mapped
 * IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) as the IPv4 address that it stands for. Anything that is not
 * an IPv6 address comes back as it is.
 */
export function normalizeAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const [bare = ""] = address.split("%");
  const short = new SocketAddress({ address: bare, family: "ipv6" }).address;
  return MAPPED_IPV4.exec(short)?.[1] ?? short;
}
