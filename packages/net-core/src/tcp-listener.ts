import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { normalizeAddress } from "./address.js";
import { Admission, type ConnectionInfo, type RefusalReason } from "./admission.js";
import type { CloseOptions, Listener, ListenOptions } from "./listen.js";
import { type Logger, silentLogger } from "./logger.js";
import { checkTimeMs } from "./option-checks.js";
import {
  applySocketSettings,
  type CheckedSocketSettings,
  checkSocketSettings,
  surviveErrors,
} from "./socket-settings.js";

/** What becomes of an admitted connection before it is handed over; undefined: it was given up, and is destroyed. */
export type Upgrade<S extends Socket> = (socket: Socket, info: ConnectionInfo) => S | Promise<S | undefined>;

/** The listener of `listen` and, with an upgrade to TLS sockets, of `listenTls`. */
export class TcpListener<S extends Socket> implements Listener {
  readonly #server: Server = createServer();
  readonly #admission: Admission;
  readonly #settings: CheckedSocketSettings;
  readonly #onConnection: (socket: S) => void;
  readonly #upgrade: Upgrade<S>;
  readonly #onRefused: ListenOptions["onRefused"];
  readonly #logger: Logger;
  readonly #waiting = new Set<Socket>();
  readonly #admitted = new Set<S>();
  #bound: AddressInfo = { address: "", family: "", port: 0 };
  #closed: Promise<void> | undefined;

  constructor(options: ListenOptions, onConnection: (socket: S) => void, upgrade: Upgrade<S>) {
    this.#admission = new Admission(options);
    this.#settings = checkSocketSettings(options);
    this.#onConnection = onConnection;
    this.#upgrade = upgrade;
    this.#onRefused = options.onRefused;
    this.#logger = options.logger ?? silentLogger;
  }

  get host(): string {
    return this.#bound.address;
  }

  get port(): number {
    return this.#bound.port;
  }

  get connections(): number {
    return this.#admission.connections;
  }

  get sockets(): ReadonlySet<Socket> {
    return this.#admitted;
  }

  async open(host: string, port: number, backlog: number): Promise<void> {
    this.#server.on("connection", (socket) => this.#accept(socket));
    this.#server.listen({ host, port, backlog });
    await once(this.#server, "listening");
    // A single accept that fails (the process is out of file descriptors) does not end the listener.
    this.#server.on("error", (err) => this.#logger.error({ err }, "accepting a connection failed"));
    this.#bound = this.#server.address() as AddressInfo;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = checkTimeMs("graceMs", options.graceMs ?? 0, 0);
    this.#closed ??= this.#stop();
    for (const socket of this.#waiting) socket.destroy();
    const destroyAll = () => {
      for (const socket of this.#admitted) socket.destroy();
    };
    if (graceMs === 0) destroyAll();
    const timer = graceMs === 0 ? undefined : setTimeout(destroyAll, graceMs);
    try {
      await this.#closed;
    } finally {
      clearTimeout(timer);
    }
  }

  async #stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    // The server says so a little before the last sockets do.
    const open = [...this.#waiting, ...this.#admitted];
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  #accept(socket: Socket): void {
    surviveErrors(socket);
    const peer = peerOf(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#admission.enter(peer.remoteAddress);
    const info = { ...peer, connections: this.#admission.connections };
    if (refusal !== undefined) {
      this.#refuse(socket, info, refusal);
      return;
    }
    this.#waiting.add(socket);
    socket.once("close", () => {
      this.#waiting.delete(socket);
      this.#admission.leave(info.remoteAddress);
    });
    if (this.#admission.asks) void this.#ask(socket, info);
    else void this.#handOver(socket, info);
  }

  // The socket is not read meanwhile: Node buffers up to its high-water mark, then stops reading from the system.
  async #ask(socket: Socket, info: ConnectionInfo): Promise<void> {
    const refusal = await this.#admission.decide(info, (err) =>
      this.#logger.error({ ...info, err }, "the admit hook failed"),
    );
    if (socket.destroyed || socket.readableEnded) return;
    if (refusal === undefined) await this.#handOver(socket, info);
    else this.#refuse(socket, info, refusal);
  }

  async #handOver(carrier: Socket, info: ConnectionInfo): Promise<void> {
    let socket: S | undefined;
    try {
      const upgraded = this.#upgrade(carrier, info);
      // Without a promise in between a connection is handed over in the turn in which it was accepted.
      socket = upgraded instanceof Promise ? await upgraded : upgraded;
    } catch (err) {
      this.#logger.error({ ...info, err }, "preparing a connection failed");
    }
    this.#waiting.delete(carrier);
    if (socket === undefined) {
      carrier.destroy();
      return;
    }
    this.#admitted.add(socket);
    socket.once("close", () => this.#admitted.delete(socket));
    applySocketSettings(socket, this.#settings);
    try {
      await this.#onConnection(socket);
    } catch (err) {
      this.#logger.error({ ...info, err }, "handling a connection failed");
      socket.destroy();
    }
  }

  #refuse(socket: Socket, info: ConnectionInfo, reason: RefusalReason): void {
    socket.destroy();
    this.#logger.info({ ...info, reason }, "connection refused");
    try {
      this.#onRefused?.(info, reason);
    } catch (err) {
      this.#logger.error({ ...info, err }, "the onRefused hook failed");
    }
  }
}

/** The ends of a connection, or undefined when it is gone already. */
function peerOf(socket: Socket): Omit<ConnectionInfo, "connections"> | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return {
    remoteAddress: normalizeAddress(remoteAddress),
    remotePort,
    localAddress: normalizeAddress(localAddress),
    localPort,
  };
}
