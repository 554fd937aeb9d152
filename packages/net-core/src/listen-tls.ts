import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { formatAddress } from "./address.js";
import type { ConnectionInfo } from "./admission.js";
import { type CloseOptions, type Listener, type ListenOptions, openListener } from "./listen.js";
import { type Logger, silentLogger } from "./logger.js";
import { surviveErrors } from "./socket-settings.js";
import { TcpListener } from "./tcp-listener.js";
import {
  checkCertificates,
  checkCrls,
  checkTrust,
  leadsToTrust,
  type TlsCertificate,
} from "./tls-certificates.js";
import { judge } from "./tls-decision.js";
import { settingsError } from "./tls-errors.js";
import { shakeHands } from "./tls-handshake.js";
import { describePeer, peerChain, setTlsPeer } from "./tls-peer.js";
import {
  type CheckedTlsSettings,
  checkTlsSettings,
  createTlsContext,
  type TlsSettings,
} from "./tls-settings.js";
import { errorCode, isTransferError, TransferError } from "./transfer-error.js";

/** {@link TlsSettings} of a server. */
export interface TlsServerSettings extends TlsSettings {
  /** At least one. */
  readonly certificates: readonly TlsCertificate[];
  /**
   * `none`, the default: clients are not asked for a certificate. `optional`: one that is shown must be trusted.
   * `required`: there must be one too. Both need `trust` (an empty list when `verify` decides alone): the world's
   * public certificate authorities do not vouch for clients. With both, sessions are not resumed.
   */
  readonly clientCertificates?: "none" | "optional" | "required" | undefined;
}

/** Options of {@link listenTls}. */
export interface ListenTlsOptions extends ListenOptions {
  readonly tls: TlsServerSettings;
  /** Called for every admitted connection that does not get through handshake and decision. */
  readonly onHandshakeFailed?: ((info: ConnectionInfo, error: TransferError) => void) | undefined;
}

/** A port that accepts TLS connections. `sockets` are `TLSSocket`s; those in the handshake count as waiting. */
export interface TlsListener extends Listener {
  /**
   * From now on new connections get these certificates; open ones go on. Nothing changes when they are wrong. Errors:
   * `ERR_TLS_SETTINGS`.
   */
  setCertificates(certificates: readonly TlsCertificate[]): void;
  /** The same for the certificates that clients are checked against, and for the revocation lists. */
  setTrust(trust: readonly (string | Buffer)[], crls?: readonly (string | Buffer)[]): void;
}

/**
 * Listens as {@link listen} does and hands over TLS connections whose handshake is done and whose client is accepted.
 * A connection counts from its accept; one that does not finish the handshake within `tls.handshakeTimeoutMs` is cut
 * off. {@link tlsPeerOf} tells about the client.
 *
 * Errors: those of `listen`, and `ERR_TLS_SETTINGS`. To `onHandshakeFailed`, and the log: `ERR_TLS_HANDSHAKE`,
 * `ERR_TLS_TIMEOUT`, `ERR_TLS_UNTRUSTED`, `ERR_TLS_REFUSED`, `ERR_TLS_CERTIFICATE_REQUIRED`.
 */
export async function listenTls(
  options: ListenTlsOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<TlsListener> {
  const upgrade = new TlsUpgrade(options);
  const listener = new SecureListener(options, onConnection, upgrade);
  await openListener(listener, options);
  return listener;
}

class SecureListener extends TcpListener<TLSSocket> implements TlsListener {
  readonly #upgrade: TlsUpgrade;

  constructor(options: ListenTlsOptions, onConnection: (socket: TLSSocket) => void, upgrade: TlsUpgrade) {
    super(options, onConnection, (socket, info) => upgrade.secure(socket, info));
    this.#upgrade = upgrade;
  }

  setCertificates(certificates: readonly TlsCertificate[]): void {
    this.#upgrade.setCertificates(certificates);
  }

  setTrust(trust: readonly (string | Buffer)[], crls?: readonly (string | Buffer)[]): void {
    this.#upgrade.setTrust(trust, crls);
  }

  override async close(options: CloseOptions = {}): Promise<void> {
    this.#upgrade.stop();
    await super.close(options);
  }
}

/** Makes TLS connections of admitted TCP connections. */
class TlsUpgrade {
  readonly #clientCertificates: "none" | "optional" | "required";
  readonly #verify: TlsSettings["verify"];
  readonly #onFailed: ListenTlsOptions["onHandshakeFailed"];
  readonly #logger: Logger;
  #stopped = false;
  #settings: CheckedTlsSettings;
  #context: SecureContext;

  constructor({ tls, onHandshakeFailed, logger = silentLogger }: ListenTlsOptions) {
    this.#clientCertificates = checkClientCertificates(tls);
    this.#verify = tls.verify;
    this.#onFailed = onHandshakeFailed;
    this.#logger = logger;
    this.#settings = checkTlsSettings(tls);
    this.#context = this.#contextOf(this.#settings);
  }

  setCertificates(certificates: readonly TlsCertificate[]): void {
    this.#replace({ ...this.#settings, certificates: checkCertificates(certificates) });
  }

  setTrust(trust: readonly (string | Buffer)[], crls?: readonly (string | Buffer)[]): void {
    this.#replace({ ...this.#settings, trust: checkTrust(trust), crls: crls && checkCrls(crls) });
  }

  /** The handshakes that go on are ended with the listener, and no failure of the clients. */
  stop(): void {
    this.#stopped = true;
  }

  /** The TLS socket, or undefined: the connection was given up, and said so. */
  async secure(carrier: Socket, info: ConnectionInfo): Promise<TLSSocket | undefined> {
    const settings = this.#settings;
    const target = formatAddress(info.remoteAddress, info.remotePort);
    // Not a tls.Server's socket: with `required` that one leaves no time to look at a certificate that OpenSSL does
    // not trust, and without it a client that has none is not told so.
    const socket = new TLSSocket(carrier, {
      isServer: true,
      secureContext: this.#context,
      requestCert: this.#clientCertificates !== "none",
      rejectUnauthorized: this.#clientCertificates === "required",
      ...(settings.alpn === undefined ? {} : { ALPNProtocols: [...settings.alpn] }),
    });
    surviveErrors(socket);
    try {
      await shakeHands(socket, {
        target,
        carrier,
        isServer: true,
        hasCertificate: true,
        timeoutMs: settings.handshakeTimeoutMs,
        decide: () => this.#decide(socket, target, settings),
      });
      return socket;
    } catch (error) {
      this.#report(info, error);
      return undefined;
    }
  }

  async #decide(
    socket: TLSSocket,
    target: string,
    { certificates, trust }: CheckedTlsSettings,
  ): Promise<void> {
    const asked = this.#clientCertificates !== "none";
    const chain = asked ? peerChain(socket) : [];
    const error = asked ? verifyErrorOf(socket) : undefined;
    const strayed =
      error === undefined && chain.length > 0 && certificates.hasPfx && !leadsToTrust(chain, trust);
    const peer = describePeer(socket, chain, {
      error: strayed ? "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" : error,
      serverName: serverNameOf(socket),
    });
    setTlsPeer(socket, peer);
    await judge({ target, peer, chain, certificates: this.#clientCertificates, verify: this.#verify });
  }

  #replace(settings: CheckedTlsSettings): void {
    this.#context = this.#contextOf(settings);
    this.#settings = settings;
  }

  #contextOf(settings: CheckedTlsSettings): SecureContext {
    if (settings.certificates.count === 0) throw settingsError("certificates", "a server needs at least one");
    return createTlsContext(settings, { fullHandshakes: this.#clientCertificates !== "none" });
  }

  #report(info: ConnectionInfo, error: unknown): void {
    if (this.#stopped) return;
    const failure = isTransferError(error)
      ? error
      : new TransferError("ERR_TLS_HANDSHAKE", "the TLS handshake failed", { cause: error });
    this.#logger.info({ ...info, err: failure, code: errorCode(failure) }, "TLS connection refused");
    try {
      this.#onFailed?.(info, failure);
    } catch (err) {
      this.#logger.error({ ...info, err }, "the onHandshakeFailed hook failed");
    }
  }
}

function checkClientCertificates(tls: TlsServerSettings): "none" | "optional" | "required" {
  const { clientCertificates = "none", trust } = tls;
  if (clientCertificates === "none") return clientCertificates;
  if (clientCertificates !== "optional" && clientCertificates !== "required") {
    throw settingsError("clientCertificates", "must be none, optional or required");
  }
  if (trust === undefined) {
    throw settingsError(
      "trust",
      "must say whose client certificates are accepted, [] when verify alone decides",
    );
  }
  return clientCertificates;
}

/**
 * OpenSSL's opinion about a client's certificate. Only a tls.Server's sockets have it in `authorized`; where it cannot
 * be had the answer is no.
 */
function verifyErrorOf(socket: TLSSocket): string | undefined {
  const ssl: unknown = "ssl" in socket ? socket.ssl : undefined;
  if (typeof ssl !== "object" || ssl === null) return "NOT_CHECKED";
  if (!("verifyError" in ssl) || typeof ssl.verifyError !== "function") return "NOT_CHECKED";
  const error: unknown = ssl.verifyError();
  return error === null || error === undefined ? undefined : (errorCode(error) ?? "NOT_CHECKED");
}

/** SNI, as Node leaves it on the socket. */
function serverNameOf(socket: TLSSocket): string | undefined {
  const name: unknown = "servername" in socket ? socket.servername : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}
