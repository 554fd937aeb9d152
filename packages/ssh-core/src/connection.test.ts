import { EventEmitter } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { silentLogger } from "@waybill/net-core";
import { Connection } from "./connection.js";

class FakeEngine extends EventEmitter {
  readonly calls: string[] = [];
  readonly _protocol = { rekey: () => this.calls.push("rekey") };
  end(): this {
    this.calls.push("end");
    return this;
  }
}

const MIB = 1024 * 1024;
const open: Socket[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

/** A connection whose other end reads nothing until it is told to, and can be made to send. */
async function connection(rekeyBytes?: number) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const peer = connect(address.port, "127.0.0.1");
  const socket = await accepted;
  server.close();
  peer.pause();
  open.push(socket, peer);
  socket.on("error", () => {});
  peer.on("error", () => {});
  const engine = new FakeEngine();
  const subject = new Connection(socket, engine, silentLogger, rekeyBytes);
  return { subject, socket, peer, engine };
}

function received(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("data", () => resolve()));
}

describe("Connection", () => {
  test("is not read any further while the other side leaves too much unread", async () => {
    const { socket, peer } = await connection();
    peer.write("a request");
    await received(socket);
    expect(socket.isPaused()).toBe(false);
    // Far more than what the kernel holds for both ends.
    socket.write(Buffer.alloc(32 * MIB));
    peer.write("another request");
    await received(socket);
    expect(socket.isPaused()).toBe(true);
    const resumed = new Promise((resolve) => socket.once("resume", resolve));
    peer.resume();
    await resumed;
  });

  test("lets a channel write only when the socket can take it", async () => {
    const { subject, socket, peer } = await connection();
    const order: string[] = [];
    subject.whenWritable(() => order.push("at once"));
    expect(order).toEqual(["at once"]);
    socket.write(Buffer.alloc(32 * MIB));
    const written = new Promise<void>((resolve) =>
      subject.whenWritable(() => {
        order.push("when drained");
        resolve();
      }),
    );
    expect(order).toEqual(["at once"]);
    peer.resume();
    await written;
  });

  test("exchanges keys again each time so many bytes have gone through", async () => {
    const { socket, peer, engine } = await connection(10_000);
    for (const [bytes, rekeys] of [
      [5000, 0],
      [5000, 1],
      [9000, 1],
      [1000, 2],
    ] as const) {
      peer.write(Buffer.alloc(bytes));
      await received(socket);
      expect(engine.calls).toHaveLength(rekeys);
    }
  });

  test("is cut off when the other side does not answer the goodbye", async () => {
    const { subject, socket, engine } = await connection();
    socket.allowHalfOpen = true;
    await subject.disconnect();
    expect(engine.calls).toEqual(["end"]);
    expect(socket.destroyed).toBe(true);
  });
});
