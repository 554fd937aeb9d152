import type { Socket } from "node:net";
import { publicKeyFromBlob } from "@waybill/cert-store";
import {
  abortError,
  type DialOptions,
  dial,
  formatAddress,
  type Logger,
  silentLogger,
  TransferError,
} from "@waybill/net-core";
import ssh2 from "ssh2";
import {
  type AlgorithmPolicy,
  engineAlgorithms,
  negotiatedAlgorithms,
  resolveAlgorithms,
} from "./algorithms.js";
import type { SshClientChannel, SshExecutor } from "./channel.js";
import { ClientLogin } from "./client-authentication.js";
import { ClientChannel } from "./client-channel.js";
import type { ClientCredentials } from "./client-credentials.js";
import { clientFailure } from "./client-failure.js";
import { Connection } from "./connection.js";
import { type EngineClientChannel, remoteSoftwareOf } from "./engine.js";
import {
  defaultKnownHostsFile,
  type HostKeyCheck,
  type HostKeyPolicy,
  prepareHostKeyCheck,
} from "./host-key-policy.js";
import type { NegotiatedAlgorithms, SshSession } from "./session.js";

/** Options of {@link connectSsh}: where to, who, and how to know the server; the socket's as for `dial` of net-core. */
export interface SshClientOptions extends Omit<DialOptions, "port">, ClientCredentials {
  /** Default 22. */
  readonly port?: number | undefined;
  readonly user: string;
  /** How the server is recognised. Default: `~/.ssh/known_hosts`, strictly. */
  readonly hostKey?: HostKeyPolicy | undefined;
  readonly algorithms?: AlgorithmPolicy | undefined;
  /** Compresses when the server can (`zlib@openssh.com`). Default false. */
  readonly compression?: boolean | undefined;
  /** What the client calls itself after `SSH-2.0-`. Default `Waybill`. */
  readonly software?: string | undefined;
  /** From the TCP connection to the end of the first key exchange. Default 20,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** From the TCP connection to the login, the time that people take to answer included. Default 120,000. */
  readonly loginTimeoutMs?: number | undefined;
  /** How long a silent server is left alone before it is asked for a sign of life. Default 30,000; 0 never asks. */
  readonly keepAliveIntervalMs?: number | undefined;
  /** Unanswered questions after which the connection is given up. Default 4. */
  readonly keepAliveMaxMissed?: number | undefined;
  /** Bytes, both directions together, after which keys are exchanged again. Default 32 GiB. */
  readonly rekeyBytes?: number | undefined;
  /** Called with what the server shows before the login (RFC 4252 section 5.4). */
  readonly onBanner?: ((text: string) => void) | undefined;
  readonly logger?: Logger | undefined;
}

/**
 * Connects and logs in (RFC 4253, RFC 4252).
 *
 * Errors: those of `dial`; those of {@link HostKeyCheck.check}; `ERR_SSH_ALGORITHM_UNSUPPORTED`,
 * `ERR_SSH_NO_COMMON_ALGORITHM`, `ERR_SSH_HANDSHAKE_FAILED`, `ERR_SSH_TIMEOUT`, `ERR_SSH_AUTH_FAILED` (with the methods that the
 * server would still take in `details.methods`), `ERR_SSH_CONNECTION_LOST`, `ERR_ABORTED`.
 */
export async function connectSsh(options: SshClientOptions): Promise<SshClient> {
  const port = options.port ?? 22;
  const check = await prepareHostKeyCheck(
    options.hostKey ?? { knownHostsFiles: [defaultKnownHostsFile()] },
    options.host,
    port,
  );
  const algorithms = clientAlgorithms(options, check);
  const socket = await dial({ ...options, port });
  const login = new ClientLogin(
    options.user,
    options,
    algorithms.hostKey.includes("ssh-rsa"),
    options.logger ?? silentLogger,
  );
  const attempt = new ClientAttempt(socket, options, check, login);
  return attempt.run(engineAlgorithms(algorithms));
}

function clientAlgorithms(options: SshClientOptions, check: HostKeyCheck) {
  const lists = resolveAlgorithms("client", options.algorithms);
  // A server with several keys shows the one that we ask for first: ask for one that we can check.
  const types = new Set(check.knownTypes);
  const known = lists.hostKey.filter((name) => types.has(name.startsWith("rsa-sha2-") ? "ssh-rsa" : name));
  const others = lists.hostKey.filter((name) => !known.includes(name));
  const compression = options.compression ? ["zlib@openssh.com", "none"] : ["none"];
  return {
    ...lists,
    hostKey: [...known, ...others],
    compression: options.algorithms?.only?.compression ?? compression,
  };
}

/** One try to connect: from a connected socket to a client, or to the error that says why not. */
class ClientAttempt {
  readonly #engine = new ssh2.Client();
  readonly #socket: Socket;
  readonly #options: SshClientOptions;
  readonly #check: HostKeyCheck;
  readonly #login: ClientLogin;
  readonly #connection: Connection;
  #negotiated: NegotiatedAlgorithms | undefined;
  #trustedKey: Buffer | undefined;
  #hostKeyError: unknown;

  constructor(socket: Socket, options: SshClientOptions, check: HostKeyCheck, login: ClientLogin) {
    this.#socket = socket;
    this.#options = options;
    this.#check = check;
    this.#login = login;
    this.#connection = new Connection(
      socket,
      this.#engine,
      options.logger ?? silentLogger,
      options.rekeyBytes,
    );
  }

  async run(algorithms: Record<string, string[]>): Promise<SshClient> {
    const { signal } = this.#options;
    const timers = this.#startTimers();
    const onAbort = () => this.#fail(abortError(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#engine.once("ready", resolve);
        // After the error the engine ends the socket; after `close` there is nothing more to learn.
        this.#engine.once("close", () => reject(this.#failure()));
        this.#start(algorithms);
        if (signal?.aborted) onAbort();
      });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
    return new SshClient(this.#engine, this.#connection, this.#session());
  }

  #start(algorithms: Record<string, string[]>): void {
    const { user, software, keepAliveIntervalMs, keepAliveMaxMissed, onBanner } = this.#options;
    const engine = this.#engine;
    engine.on("handshake", (negotiation) => {
      this.#negotiated = negotiatedAlgorithms(negotiation);
    });
    if (onBanner !== undefined) engine.on("banner", (text) => onBanner(text));
    engine.connect({
      sock: this.#socket,
      username: user,
      ident: software ?? "Waybill",
      algorithms: algorithms as ssh2.Algorithms,
      authHandler: this.#login.next as unknown as ssh2.AuthHandlerMiddleware,
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
        // A session keeps the key that it began with. Answered at once: when the answer to a later key exchange takes a
        // turn of the event loop, the engine can send data under the old keys after its NEWKEYS (RFC 4253 section 7.3).
        if (this.#trustedKey !== undefined) return this.#trustedKey.equals(key);
        this.#verifyHostKey(key).then(verify, (error) => {
          this.#hostKeyError = error;
          verify(false);
        });
        return undefined;
      },
      readyTimeout: 0,
      keepaliveInterval: keepAliveIntervalMs ?? 30_000,
      keepaliveCountMax: keepAliveMaxMissed ?? 4,
    });
  }

  async #verifyHostKey(key: Buffer): Promise<boolean> {
    await this.#check.check(publicKeyFromBlob(key));
    this.#trustedKey = Buffer.from(key);
    return true;
  }

  #startTimers(): NodeJS.Timeout[] {
    const limit = (what: string, timeoutMs: number, done: () => boolean) =>
      setTimeout(() => {
        if (done()) return;
        this.#fail(
          new TransferError(
            "ERR_SSH_TIMEOUT",
            `${this.#where()} did not complete the ${what} in ${timeoutMs} ms`,
          ),
        );
      }, timeoutMs);
    return [
      limit("key exchange", this.#options.handshakeTimeoutMs ?? 20_000, () => this.#negotiated !== undefined),
      limit("login", this.#options.loginTimeoutMs ?? 120_000, () => false),
    ];
  }

  #fail(error: TransferError): void {
    this.#connection.reason = error;
    this.#socket.destroy();
  }

  #failure(): Error {
    // What a callback of the caller's threw is the caller's own: it comes back as it is.
    const own = this.#hostKeyError ?? this.#login.failure;
    if (own instanceof Error) return own;
    return clientFailure(this.#connection.reason, this.#where(), this.#options.user, this.#login.methodsLeft);
  }

  #where(): string {
    const { host, port = 22 } = this.#options;
    return formatAddress(host, port);
  }

  #session(): SshSession {
    const connection = this.#connection;
    const negotiated = this.#negotiated;
    if (negotiated === undefined)
      throw new TransferError("ERR_SSH_HANDSHAKE_FAILED", "no algorithms were negotiated");
    return connection.session({
      user: this.#options.user,
      remoteSoftware: remoteSoftwareOf(this.#engine),
      negotiated: () => this.#negotiated ?? negotiated,
      closing: new AbortController().signal,
      close: () => connection.disconnect(),
    });
  }
}

/** A logged-in connection to an SSH server. Made by {@link connectSsh}. */
export class SshClient implements SshExecutor {
  readonly session: SshSession;
  readonly #engine: ssh2.Client;
  readonly #connection: Connection;

  /** @internal */
  constructor(engine: ssh2.Client, connection: Connection, session: SshSession) {
    this.#engine = engine;
    this.#connection = connection;
    this.session = session;
  }

  exec(command: string, options: { readonly signal?: AbortSignal } = {}): Promise<SshClientChannel> {
    return this.#open(`the command was refused`, options.signal, (done) => this.#engine.exec(command, done));
  }

  /** Opens a subsystem (RFC 4254 section 6.5) as a raw channel. Errors as for {@link exec}. */
  subsystem(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<SshClientChannel> {
    return this.#open(`the subsystem ${name} was refused`, options.signal, (done) =>
      this.#engine.subsys(name, done),
    );
  }

  /** Says goodbye and closes. Open channels are destroyed; what they had not sent is lost. */
  close(): Promise<void> {
    this.#connection.closedOnPurpose = true;
    return this.session.close();
  }

  #open(
    refusal: string,
    signal: AbortSignal | undefined,
    request: (done: (error: Error | undefined, channel: ssh2.ClientChannel) => void) => void,
  ): Promise<SshClientChannel> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw abortError(signal);
      const onAbort = () => reject(abortError(signal));
      signal?.addEventListener("abort", onAbort, { once: true });
      const lost = (cause?: Error) =>
        new TransferError("ERR_SSH_CONNECTION_LOST", `the connection to ${this.#where()} is closed`, {
          cause,
        });
      try {
        request((error, channel) => {
          signal?.removeEventListener("abort", onAbort);
          if (error) {
            const closed = this.#connection.socket.destroyed;
            reject(
              closed ? lost(error) : new TransferError("ERR_SSH_CHANNEL_REFUSED", refusal, { cause: error }),
            );
            return;
          }
          const wrapped = new ClientChannel(
            this.#connection,
            this.session,
            channel as unknown as EngineClientChannel,
          );
          if (signal?.aborted) wrapped.destroy();
          else resolve(wrapped);
        });
      } catch (error) {
        signal?.removeEventListener("abort", onAbort);
        throw lost(error instanceof Error ? error : undefined);
      }
    });
  }

  #where(): string {
    return formatAddress(this.session.remote.address, this.session.remote.port);
  }
}
