import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, and counts what goes by. */
export interface CountingRelay {
  readonly port: number;
  /** Bytes from clients to the server, and back, so far. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  close(): Promise<void>;
}

/** Starts a relay on a loopback port, to another one. */
export async function startCountingRelay(port: number): Promise<CountingRelay> {
  const sockets = new Set<Socket>();
  let bytesUp = 0;
  let bytesDown = 0;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    client.on("data", (chunk) => {
      bytesUp += chunk.length;
    });
    upstream.on("data", (chunk) => {
      bytesDown += chunk.length;
    });
    client.pipe(upstream).pipe(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get bytesUp() {
      return bytesUp;
    },
    get bytesDown() {
      return bytesDown;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
