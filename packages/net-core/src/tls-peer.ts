import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

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
  /** The certificates (DER) as the peer sent them, its own first. */
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

/** For the two that make such sockets. */
export function setTlsPeer(socket: TLSSocket, peer: TlsPeer): void {
  peers.set(socket, peer);
}

/** No sound chain is longer. */
const MAX_CHAIN = 32;

/** The certificates as the peer sent them, its own first. */
export function peerChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < MAX_CHAIN) {
    chain.push(next);
    next = next.issuerCertificate;
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
