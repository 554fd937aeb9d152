import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { formatOpenSshPrivateKey, type PublicKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import {
  type Listener,
  type ListenOptions,
  type Logger,
  listen,
  silentLogger,
  TransferError,
} from "@waybill/net-core";
import ssh2 from "ssh2";
import {
  type AlgorithmLists,
  type AlgorithmPolicy,
  engineAlgorithms,
  MODERN_ALGORITHMS,
  resolveAlgorithms,
} from "./algorithms.js";
import type { SshChannel } from "./channel.js";
import { socketOf } from "./engine.js";
import { EngineCorrections } from "./engine-corrections.js";
import { LoginLimiter, type LoginLimits } from "./login-limiter.js";
import type { AuthenticationHooks, AuthenticationMethod } from "./server-authentication.js";
import { ServerConnection } from "./server-connection.js";
import type { SocketAddress, SshSession } from "./session.js";

/**
 * Serves one channel. The channel ends when the promise settles: with exit status 0, or 1 when it rejects, unless the
 * handler has called `channel.exit` itself.
 */
export type ChannelHandler = (channel: SshChannel) => void | Promise<void>;

/** Serves an exec request (RFC 4254 section 6.5). `undefined` refuses the command. */
export type ExecHandler = (command: string, session: SshSession) => ChannelHandler | undefined;

/** Options of {@link listenSsh}: those of `listen` of net-core, and these. */
export interface SshServerOptions extends ListenOptions {
  /** At least one, at most one of each type. The client chooses among them. */
  readonly hostKeys: readonly SoftwarePrivateKey[];
  readonly authentication: AuthenticationHooks;
  /** Handlers by subsystem name (RFC 4254 section 6.5), `sftp` for one. Others are refused. */
  readonly subsystems?: Readonly<Record<string, ChannelHandler>> | undefined;
  /** Without it every command is refused. */
  readonly exec?: ExecHandler | undefined;
  readonly algorithms?: AlgorithmPolicy | undefined;
  /** Shown by clients before the login (RFC 4252 section 5.4). */
  readonly banner?: string | undefined;
  /** What the server calls itself after `SSH-2.0-`. Default `Waybill`. */
  readonly software?: string | undefined;
  /** Failed attempts on one connection after which it is closed. Default 6. */
  readonly maxLoginAttempts?: number | undefined;
  /** From the accepted connection to the successful login. Default 60,000. */
  readonly loginTimeoutMs?: number | undefined;
  readonly loginLimits?: LoginLimits | undefined;
  /** How long a silent client is left alone before it is asked for a sign of life. Default 30,000; 0 never asks. */
  readonly keepAliveIntervalMs?: number | undefined;
  /** Unanswered questions after which the connection is given up. Default 4. */
  readonly keepAliveMaxMissed?: number | undefined;
  /** Open channels of one session. Default 16. */
  readonly maxChannels?: number | undefined;
  /** Bytes, both directions together, after which keys are exchanged again. Default 32 GiB. */
  readonly rekeyBytes?: number | undefined;
}

/** What a server tells as it goes. */
export interface SshServerEvents {
  /** A client has logged in. */
  login: [{ readonly session: SshSession; readonly methods: readonly AuthenticationMethod[] }];
  /** An attempt was refused. `reason` is for the log, not for the client. */
  loginFailed: [
    {
      readonly user: string;
      readonly method: AuthenticationMethod;
      readonly remote: SocketAddress;
      readonly reason: string;
    },
  ];
  /** A session that had logged in is over. `error` when it did not end with a goodbye. */
  logout: [{ readonly session: SshSession; readonly error?: Error }];
}

/**
 * Listens for SSH connections (RFC 4251 to 4254).
 *
 * Errors: those of `listen`; `ERR_SSH_HOST_KEY_MISSING` without a host key, `ERR_SSH_ALGORITHM_UNSUPPORTED` for an
 * algorithm that is not known.
 */
export async function listenSsh(options: SshServerOptions): Promise<SshServer> {
  if (options.hostKeys.length === 0) {
    throw new TransferError("ERR_SSH_HOST_KEY_MISSING", "an SSH server needs at least one host key");
  }
  const algorithms = resolveAlgorithms("server", options.algorithms);
  const hostKeys = await Promise.all(options.hostKeys.map((key) => formatOpenSshPrivateKey(key)));
  const server = new SshServer(options, algorithms, hostKeys);
  await server.start();
  return server;
}

/** A listening SSH server. Made by {@link listenSsh}. */
export class SshServer extends EventEmitter<SshServerEvents> {
  readonly #options: SshServerOptions;
  readonly #engine: ssh2.Server;
  readonly #connections = new Map<Socket, ServerConnection>();
  readonly #sessions = new Map<string, SshSession>();
  readonly #limiter: LoginLimiter;
  readonly #algorithms: AlgorithmLists;
  readonly #logger: Logger;
  #listener: Listener | undefined;

  /** @internal */
  constructor(options: SshServerOptions, algorithms: AlgorithmLists, hostKeys: string[]) {
    super();
    this.#options = options;
    this.#algorithms = algorithms;
    this.#logger = options.logger ?? silentLogger;
    this.#limiter = new LoginLimiter(options.loginLimits);
    this.#engine = new ssh2.Server({
      hostKeys,
      ident: options.software ?? "Waybill",
      algorithms: engineAlgorithms(algorithms) as ssh2.Algorithms,
      keepaliveInterval: options.keepAliveIntervalMs ?? 30_000,
      keepaliveCountMax: options.keepAliveMaxMissed ?? 4,
      ...(options.banner === undefined ? {} : { banner: options.banner }),
    });
    const userSignatures = [...MODERN_ALGORITHMS.hostKey, ...(this.#allowsSha1() ? ["ssh-rsa"] : [])];
    const corrections = new EngineCorrections(algorithms.hostKey, userSignatures);
    this.#engine.on("connection", (client, info) => {
      const connection = this.#connections.get(socketOf(client));
      // The engine reports a connection only after its first line, when the socket may be gone already.
      if (connection === undefined) {
        client.end();
        return;
      }
      corrections.apply(client);
      connection.begin(client, info.header.versions.software);
    });
  }

  /** @internal */
  async start(): Promise<void> {
    this.#listener = await listen(this.#options, (socket) => this.#accept(socket));
  }

  /** The address that the server listens on. */
  get host(): string {
    return this.#listener?.host ?? "";
  }

  /** The port that the server listens on, also when it was chosen by the system. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  get hostKeys(): readonly PublicKey[] {
    return this.#options.hostKeys.map((key) => key.publicKey);
  }

  /** The sessions that have logged in, by their ids. */
  get sessions(): ReadonlyMap<string, SshSession> {
    return this.#sessions;
  }

  /** Disconnects one session. Resolves to whether there was one with that id. */
  async disconnect(sessionId: string): Promise<boolean> {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return false;
    await session.close();
    return true;
  }

  /**
   * Stops listening and ends every session. With `graceMs`, sessions are asked first to finish what is in flight
   * (`SshSession.closing` aborts; a session without open channels ends at once) and cut off after that time.
   */
  async close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    const graceMs = options.graceMs ?? 0;
    const connections = [...this.#connections.values()];
    for (const connection of connections) {
      if (graceMs > 0) connection.finish();
      else void connection.disconnect();
    }
    await this.#listener?.close({ graceMs });
    await Promise.all(connections.map((connection) => connection.closed));
  }

  #allowsSha1(): boolean {
    return this.#algorithms.hostKey.includes("ssh-rsa");
  }

  #accept(socket: Socket): void {
    const { authentication, maxLoginAttempts, loginTimeoutMs, subsystems, exec, maxChannels, rekeyBytes } =
      this.#options;
    const connection = new ServerConnection(socket, {
      authentication,
      limiter: this.#limiter,
      allowSha1: this.#allowsSha1(),
      maxLoginAttempts: maxLoginAttempts ?? 6,
      loginTimeoutMs: loginTimeoutMs ?? 60_000,
      subsystems: subsystems ?? {},
      exec: exec ?? (() => undefined),
      maxChannels: maxChannels ?? 16,
      rekeyBytes,
      logger: this.#logger,
      onLogin: (session, methods) => {
        this.#sessions.set(session.id, session);
        this.emit("login", { session, methods });
      },
      onLoginFailed: (failure) => this.emit("loginFailed", failure),
      onEnd: (session, error) => {
        this.#connections.delete(socket);
        if (session === undefined) return;
        this.#sessions.delete(session.id);
        this.emit("logout", error === undefined ? { session } : { session, error });
      },
    });
    this.#connections.set(socket, connection);
    this.#engine.injectSocket(socket);
  }
}
