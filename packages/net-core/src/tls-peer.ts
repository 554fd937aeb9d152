import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** Who is at the other end of a TLS connection, and how the connection is protected. */
export interface TlsPeer {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** The cipher suite, by OpenSSL's name. */
  readonly cipher: string;
  /** The peer's own certificate (DER), or undefined: a client showed none. */
  readonly certificate: Buffer | undefined;
  /** SHA-256 of `certificate`, as `AB:CD:…`. */
  readonly fingerprint256: string | undefined;
  /** The peer's certificates (DER), its own first, each followed by its issuer, as far as sent or trusted. */
  readonly chain: readonly Buffer[];
  /** The default decision about the certificate: OpenSSL trusts it and, for a server, it has the right name. */
  readonly authorized: boolean;
  /** Why not: OpenSSL's name (`CERT_HAS_EXPIRED`) or `NAME_MISMATCH`. Undefined without a certificate, too. */
  readonly authorizationError: string | undefined;
  /** The application protocol that both agreed on (ALPN). */
  readonly alpnProtocol: string | undefined;
  /** The name that the client asked for (SNI); on the client's side the name that was checked. */
  readonly serverName: string | undefined;
}

const peers = new WeakMap<Socket, TlsPeer>();

/** What TLS knows about the peer of a socket from `dialTls` or `listenTls`; undefined for any other socket. */
export function tlsPeerOf(socket: Socket): TlsPeer | undefined {
  return peers.get(socket);
}

/** For the two that make such sockets. What Node's own properties of the socket say is brought in line. */
export function setTlsPeer(socket: TLSSocket, peer: TlsPeer): void {
  peers.set(socket, peer);
  const { authorized, authorizationError = null } = peer;
  Object.assign(socket, { authorized, authorizationError, secureConnecting: false });
}

/** No sound chain is longer. */
const MAX_CHAIN = 32;

/**
 * The peer's certificates, its own first, each followed by its issuer. Not by `getPeerX509Certificate`: Node 20 takes
 * the certificate away from the connection there, and whoever asks next gets the issuer's.
 */
export function peerChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(next.raw));
    // A root is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

/** {@link TlsPeer} of a socket whose handshake is done. */
export function describePeer(
  socket: TLSSocket,
  chain: readonly X509Certificate[],
  verdict: { readonly error: string | undefined; readonly serverName: string | undefined },
): TlsPeer {
  const [certificate] = chain;
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher()?.name ?? "",
    certificate: certificate?.raw,
    fingerprint256: certificate?.fingerprint256,
    chain: chain.map(({ raw }) => raw),
    authorized: certificate !== undefined && verdict.error === undefined,
    authorizationError: certificate === undefined ? undefined : verdict.error,
    alpnProtocol: socket.alpnProtocol || undefined,
    serverName: verdict.serverName,
  };
}
