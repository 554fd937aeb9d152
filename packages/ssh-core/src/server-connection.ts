import type { Socket } from "node:net";
import { errorMessage, type Logger, TransferError } from "@waybill/net-core";
import type ssh2 from "ssh2";
import { negotiatedAlgorithms } from "./algorithms.js";
import { Connection } from "./connection.js";
import type { EngineServerChannel } from "./engine.js";
import { Login } from "./login.js";
import type { LoginLimiter } from "./login-limiter.js";
import type { ChannelHandler, ExecHandler } from "./server.js";
import type { AuthenticationHooks, AuthenticationMethod } from "./server-authentication.js";
import { ServerChannel } from "./server-channel.js";
import type { NegotiatedAlgorithms, SocketAddress, SshSession } from "./session.js";

export interface ServerConnectionOptions {
  readonly authentication: AuthenticationHooks;
  readonly limiter: LoginLimiter;
  readonly allowSha1: boolean;
  readonly maxLoginAttempts: number;
  readonly loginTimeoutMs: number;
  readonly subsystems: Readonly<Record<string, ChannelHandler>>;
  readonly exec: ExecHandler;
  readonly maxChannels: number;
  readonly rekeyBytes: number | undefined;
  readonly logger: Logger;
  onLogin(session: SshSession, methods: readonly AuthenticationMethod[]): void;
  onLoginFailed(failure: {
    user: string;
    method: AuthenticationMethod;
    remote: SocketAddress;
    reason: string;
  }): void;
  onEnd(session: SshSession | undefined, error: Error | undefined): void;
}

/** One accepted connection of a server, from the socket to its end. */
export class ServerConnection {
  readonly #socket: Socket;
  readonly #options: ServerConnectionOptions;
  readonly #ended = new AbortController();
  readonly #closing = new AbortController();
  readonly #loginTimer: NodeJS.Timeout;
  readonly closed: Promise<void>;
  #connection: Connection | undefined;
  #negotiated: NegotiatedAlgorithms | undefined;
  #login: { user: string; methods: readonly AuthenticationMethod[] } | undefined;
  #session: SshSession | undefined;
  #channels = 0;

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#loginTimer = setTimeout(() => {
      options.logger.info({ address: socket.remoteAddress }, "login took too long");
      void this.disconnect();
    }, options.loginTimeoutMs);
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        clearTimeout(this.#loginTimer);
        this.#ended.abort();
        options.onEnd(this.#session, this.#connection?.reason);
        resolve();
      });
    });
  }

  /** The client has said hello: the engine takes over the bytes. */
  begin(client: ssh2.Connection, clientSoftware: string): void {
    const { logger, rekeyBytes } = this.#options;
    const connection = new Connection(this.#socket, client, logger, rekeyBytes);
    this.#connection = connection;
    const login = new Login({
      hooks: this.#options.authentication,
      limiter: this.#options.limiter,
      maxAttempts: this.#options.maxLoginAttempts,
      allowSha1: this.#options.allowSha1,
      facts: {
        remote: connection.remote,
        local: connection.local,
        clientSoftware,
        signal: this.#ended.signal,
      },
      logger,
      onFailed: (failure) => {
        logger.info({ ...failure, remote: connection.remote }, "login failed");
        this.#options.onLoginFailed({ ...failure, remote: connection.remote });
      },
      onSucceeded: (success) => {
        this.#login = success;
      },
      onExhausted: () => void this.disconnect(),
    });
    client.on("handshake", (negotiation) => {
      this.#negotiated = negotiatedAlgorithms(negotiation);
    });
    client.on("authentication", (context) => void login.attempt(context));
    client.once("ready", () => this.#onReady(connection, clientSoftware));
    client.on("session", (accept, reject) => this.#onSession(accept, reject));
    // Without a listener the engine refuses `no-more-sessions@openssh.com`; everything else asked for here is refused.
    client.on("request", (_accept, reject) => reject?.());
  }

  disconnect(): Promise<void> {
    if (this.#connection === undefined) this.#socket.destroy();
    else void this.#connection.disconnect();
    return this.closed;
  }

  /** Lets open channels finish, and disconnects then. */
  finish(): void {
    this.#closing.abort();
    if (this.#channels === 0) void this.disconnect();
  }

  #onReady(connection: Connection, clientSoftware: string): void {
    clearTimeout(this.#loginTimer);
    const login = this.#login;
    const negotiated = this.#negotiated;
    if (login === undefined || negotiated === undefined) {
      void this.disconnect();
      return;
    }
    this.#session = connection.session({
      user: login.user,
      remoteSoftware: clientSoftware,
      negotiated: () => this.#negotiated ?? negotiated,
      closing: this.#closing.signal,
      close: () => this.disconnect(),
    });
    this.#options.onLogin(this.#session, login.methods);
  }

  #onSession(accept: () => ssh2.Session, reject: () => void): void {
    const session = this.#session;
    if (
      session === undefined ||
      this.#channels >= this.#options.maxChannels ||
      this.#closing.signal.aborted
    ) {
      reject();
      return;
    }
    this.#channels++;
    const channels = accept();
    channels.once("close", () => this.#onChannelClosed());
    channels.on("subsystem", (acceptChannel, rejectChannel, info) => {
      const handler = Object.hasOwn(this.#options.subsystems, info.name)
        ? this.#options.subsystems[info.name]
        : undefined;
      this.#serve(session, `subsystem ${info.name}`, handler, acceptChannel, rejectChannel);
    });
    channels.on("exec", (acceptChannel, rejectChannel, info) => {
      this.#serve(session, "exec", this.#options.exec(info.command, session), acceptChannel, rejectChannel);
    });
  }

  #onChannelClosed(): void {
    this.#channels--;
    if (this.#channels === 0 && this.#closing.signal.aborted) void this.disconnect();
  }

  #serve(
    session: SshSession,
    what: string,
    handler: ChannelHandler | undefined,
    accept: () => ssh2.ServerChannel,
    reject: () => void,
  ): void {
    const connection = this.#connection;
    if (handler === undefined || connection === undefined) {
      this.#options.logger.info({ session: session.id, user: session.user, what }, "channel refused");
      reject?.();
      return;
    }
    const logger = this.#options.logger;
    const channel = new ServerChannel(connection, session, accept() as unknown as EngineServerChannel);
    // A handler that has no listener of its own must not bring the process down when the client vanishes.
    channel.on("error", (error) => logger.debug({ error, session: session.id, what }, "channel failed"));
    Promise.resolve()
      .then(() => handler(channel))
      .then(
        () => channel.exit(0),
        (error) => {
          const gone = error instanceof TransferError && error.code === "ERR_SSH_CONNECTION_LOST";
          logger[gone ? "debug" : "warn"](
            { error, session: session.id, what },
            `channel handler failed: ${errorMessage(error)}`,
          );
          channel.exit(1);
        },
      );
  }
}
