import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, type TLSSocket } from "node:tls";
import { formatAddress } from "./address.js";
import { type DialOptions, dial } from "./dial.js";
import { applySocketSettings, checkSocketSettings, surviveErrors } from "./socket-settings.js";
import { leadsToTrust } from "./tls-certificates.js";
import { judge, NAME_MISMATCH } from "./tls-decision.js";
import { settingsError } from "./tls-errors.js";
import { shakeHands } from "./tls-handshake.js";
import { describePeer, peerChain, setTlsPeer } from "./tls-peer.js";
import {
  type CheckedTlsSettings,
  checkTlsSettings,
  createTlsContext,
  type TlsSettings,
} from "./tls-settings.js";

/** {@link TlsSettings} of a client. */
export interface TlsClientSettings extends TlsSettings {
  /**
   * The name that is sent to the server (SNI, RFC 6066 section 3; names only) and that its certificate must have, an IP
   * address among its IP addresses. Default: `host`.
   */
  readonly serverName?: string | undefined;
  /** `false`: any name will do. Default `true`. */
  readonly verifyName?: boolean | undefined;
}

/** Options of {@link dialTls}. */
export interface DialTlsOptions extends DialOptions {
  readonly tls?: TlsClientSettings | undefined;
}

/**
 * Opens a TLS connection: what {@link dial} does, then the handshake and the decision about the server. By default its
 * certificate must be trusted and have the right name. Not a byte of the application goes either way before that.
 * {@link tlsPeerOf} tells about the server. No session is resumed: every connection checks the server anew. The signal
 * covers handshake and decision; an end without close_notify looks like any other end.
 *
 * Errors beside those of `dial`: `ERR_TLS_SETTINGS`, `ERR_TLS_HANDSHAKE`, `ERR_TLS_TIMEOUT`, `ERR_TLS_UNTRUSTED`,
 * `ERR_TLS_NAME`, `ERR_TLS_REFUSED`, `ERR_TLS_CERTIFICATE_REQUIRED`. The last one, and `ERR_TLS_HANDSHAKE` for a
 * certificate of ours that the server does not accept, come later and on the socket with TLS 1.3: there the client is
 * done before the server has looked at its certificate (RFC 8446 section 4.4.2.4).
 */
export async function dialTls(options: DialTlsOptions): Promise<TLSSocket> {
  const { host, signal, tls = {} } = options;
  const socketSettings = checkSocketSettings(options);
  const settings = checkTlsSettings(tls);
  const name = checkName(tls.serverName ?? host);
  const context = createTlsContext(settings, { fullHandshakes: true });
  const target = formatAddress(host, options.port);

  // The timeout is the TLS socket's; the one underneath would not know of it.
  const carrier: Socket = await dial({ ...options, idleTimeoutMs: 0 });
  const socket = connect({
    socket: carrier,
    secureContext: context,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(settings.alpn === undefined ? {} : { ALPNProtocols: [...settings.alpn] }),
    // Node's decision comes to us as `authorized`, and ours takes its place before anybody gets the socket.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  surviveErrors(socket);
  await shakeHands(socket, {
    target,
    carrier,
    isServer: false,
    hasCertificate: settings.certificates.count > 0,
    timeoutMs: settings.handshakeTimeoutMs,
    signal,
    decide: () => decide(socket, target, name, tls, settings),
  });
  applySocketSettings(socket, socketSettings);
  return socket;
}

async function decide(
  socket: TLSSocket,
  target: string,
  name: string,
  { verifyName = true, verify }: TlsClientSettings,
  { certificates, trust }: CheckedTlsSettings,
): Promise<void> {
  const chain = peerChain(socket);
  const [certificate] = chain;
  const chainError = () => {
    if (!socket.authorized) return String(socket.authorizationError ?? "NOT_CHECKED");
    return certificates.hasPfx && !leadsToTrust(chain, trust)
      ? "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
      : undefined;
  };
  const nameError = () => {
    if (verifyName === false || certificate === undefined) return undefined;
    return checkServerIdentity(name, certificate.toLegacyObject()) === undefined ? undefined : NAME_MISMATCH;
  };
  const peer = describePeer(socket, chain, { error: chainError() ?? nameError(), serverName: name });
  setTlsPeer(socket, peer);
  await judge({ target, peer, chain, certificates: "required", verify });
}

const MAX_NAME = 255;

/** A name or an address, without what DNS and the system add to it: the root's dot, a zone. */
function checkName(name: string): string {
  if (typeof name !== "string" || !/^[\x21-\x7e]+$/.test(name) || name.length > MAX_NAME) {
    throw settingsError(
      "serverName",
      "must be a name or an IP address, a name of other letters in its xn-- form",
    );
  }
  return isIP(name) === 0 ? name.replace(/\.$/, "") : (name.split("%")[0] ?? name);
}
