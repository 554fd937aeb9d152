import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Two ends of a connection over loopback. */
export async function socketPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = connect({ port: address.port, host: "127.0.0.1" });
  const [far] = await accepted;
  server.close();
  if (near.connecting) await once(near, "connect");
  return { near, far };
}
