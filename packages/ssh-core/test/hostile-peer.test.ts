import { once } from "node:events";
import { connect as dialTcp, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import ssh2 from "ssh2";
import type { SshChannel, SshServer, SshServerOptions } from "../src/index.js";
import { closeAll, serve } from "./server-fixture.js";

afterEach(closeAll);

/** What the engine's client keeps to itself and an attacker would use. */
interface Weapons {
  readonly _protocol: {
    channelData(recipient: number, data: Buffer): void;
    channelWindowAdjust(recipient: number, bytes: number): void;
  };
}

/** A logged-in client that does not have to play by the rules, with a command running. */
async function attack(server: SshServer): Promise<{ client: ssh2.Client & Weapons; socket: Socket }> {
  const socket = dialTcp(server.port, server.host);
  await once(socket, "connect");
  const client = new ssh2.Client() as ssh2.Client & Weapons;
  client.on("error", () => {});
  client.connect({ sock: socket, username: "ann", password: "right" });
  await once(client, "ready");
  await new Promise<void>((resolve, reject) => {
    client.exec("anything", (error) => (error ? reject(error) : resolve()));
  });
  return { client, socket };
}

async function serveChannel(
  handler: (channel: SshChannel) => Promise<void>,
  options: Partial<SshServerOptions> = {},
): Promise<SshServer> {
  return serve({ ...options, exec: () => handler });
}

function closed(channel: SshChannel): Promise<void> {
  return new Promise((resolve) => channel.once("close", () => resolve()));
}

test("a client that sends more than its window is disconnected", async () => {
  const server = await serveChannel(closed);
  const logout = once(server, "logout");
  const { client } = await attack(server);
  // Not a divisor of the window: what comes when it is exactly full is dropped.
  const data = Buffer.alloc(30_000);
  for (let sent = 0; sent < 8 * 1024 * 1024; sent += data.length) client._protocol.channelData(0, data);
  expect((await logout)[0].error).toMatchObject({ code: "ERR_SSH_WINDOW_EXCEEDED" });
});

test("a client that opens its window wide and reads nothing does not make the server hold it all", async () => {
  let taken = 0;
  let stuck: () => void = () => {};
  const isStuck = new Promise<void>((resolve) => {
    stuck = resolve;
  });
  const server = await serveChannel(async (channel) => {
    const chunk = Buffer.alloc(64 * 1024);
    const write = () => {
      // Callbacks that do not come for a while are the sign; there is no event for what does not happen.
      const timer = setTimeout(stuck, 300);
      channel.write(chunk, (error) => {
        clearTimeout(timer);
        taken += chunk.length;
        if (!error && taken < 256 * 1024 * 1024) write();
        else stuck();
      });
    };
    channel.once("data", write);
    await closed(channel);
  });
  const { client, socket } = await attack(server);
  client._protocol.channelWindowAdjust(0, 0x7f000000);
  client._protocol.channelData(0, Buffer.from("go"));
  socket.pause();
  await isStuck;
  // What the kernel's buffers on both ends hold, and our limit.
  expect(taken).toBeLessThan(32 * 1024 * 1024);
  socket.destroy();
});

test("a client that gives no sign of life is disconnected", async () => {
  const server = await serveChannel(closed, { keepAliveIntervalMs: 50, keepAliveMaxMissed: 2 });
  const logout = once(server, "logout");
  const { socket } = await attack(server);
  socket.pause();
  expect((await logout)[0].error?.message).toMatch(/keepalive/i);
  socket.destroy();
});
