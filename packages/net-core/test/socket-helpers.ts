import { once } from "node:events";
import { isIP, type LookupFunction, type Socket } from "node:net";
import {
  type ConnectionInfo,
  createLogger,
  dial,
  type Listener,
  type ListenOptions,
  type LogRecord,
  listen,
  type RefusalReason,
} from "@waybill/net-core";

/** A listener on a free loopback port that keeps what it is handed. */
export interface TestListener {
  readonly listener: Listener;
  /** The next connection that was handed over. */
  next(): Promise<Socket>;
}

export async function testListener(options: Partial<ListenOptions> = {}): Promise<TestListener> {
  const arrived: Socket[] = [];
  const wanted: ((socket: Socket) => void)[] = [];
  const listener = await listen({ port: 0, ...options }, (socket) => {
    const take = wanted.shift();
    if (take === undefined) arrived.push(socket);
    else take(socket);
  });
  const next = () => {
    const socket = arrived.shift();
    return socket ? Promise.resolve(socket) : new Promise<Socket>((resolve) => wanted.push(resolve));
  };
  return { listener, next };
}

/** A {@link testListener} with a way in, that notes what it refused and logged. */
export interface WatchedListener extends TestListener {
  readonly refused: readonly { readonly info: ConnectionInfo; readonly reason: RefusalReason }[];
  readonly records: readonly LogRecord[];
  connect(): Promise<Socket>;
}

const opened: Listener[] = [];

/** A watched listener, closed by {@link closeListeners}. */
export async function open(options: Partial<ListenOptions> = {}): Promise<WatchedListener> {
  const refused: { info: ConnectionInfo; reason: RefusalReason }[] = [];
  const records: LogRecord[] = [];
  const server = await testListener({
    onRefused: (info, reason) => refused.push({ info, reason }),
    logger: createLogger("debug", (record) => records.push(record)),
    ...options,
  });
  opened.push(server.listener);
  const connect = () => dial({ host: "127.0.0.1", port: server.listener.port });
  return { ...server, refused, records, connect };
}

/** For `afterEach`. */
export async function closeListeners(): Promise<void> {
  for (const listener of opened.splice(0)) await listener.close();
}

/** Resolves when the socket is gone, with its error if it had one. */
export function closed(socket: Socket): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => resolve(failure));
    // The other side's end is only seen by a socket that is read.
    socket.resume();
  });
}

/** Resolves when the listener has no connection any more. */
export async function emptied(listener: Listener): Promise<void> {
  while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** How many timers keep the process alive. */
export function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

/** A promise and the function that resolves it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A resolver that knows every name, under these addresses. */
export function lookupOf(...addresses: string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, callback) => {
    const [first] = found;
    if (options.all || first === undefined) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

/** A resolver that fails with this system error. */
export function failingLookup(code: string): LookupFunction {
  return (_name, _options, callback) => callback(Object.assign(new Error(code), { code }), []);
}

/** A loopback port on which nobody listens, because a connection starts there. Call `release` when done. */
export async function refusingPort(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const { listener } = await testListener();
  const socket = await dial({ host: listener.host, port: listener.port });
  const { localPort: port } = socket;
  if (port === undefined) throw new Error("the connection has no local port");
  return {
    port,
    async release() {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
      await listener.close();
    },
  };
}
