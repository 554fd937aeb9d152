import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { SshChannel, SshSession } from "../src/index.js";
import { closeAll, connect, serve } from "./server-fixture.js";

afterEach(closeAll);

const echo = (channel: SshChannel) => pipeline(channel, channel);

describe("routing", () => {
  test("a command reaches its handler; output, errors and exit code come back", async () => {
    const server = await serve({
      exec: (command) => (channel) => {
        channel.stderr.write("warning");
        channel.write(`ran ${command} for ${channel.session.user}`);
        channel.exit(3);
      },
    });
    const channel = await (await connect(server)).exec("list 'all'");
    const errors = text(channel.stderr);
    expect(await text(channel)).toBe("ran list 'all' for ann");
    expect(await errors).toBe("warning");
    expect(await channel.exited).toEqual({ code: 3 });
  });

  test("a handler that returns ends the channel with 0, one that throws with 1", async () => {
    const server = await serve({
      exec: (command) => async (channel) => {
        await text(channel);
        if (command === "fail") throw new Error("handler failed");
      },
    });
    const client = await connect(server);
    for (const [command, code] of [
      ["work", 0],
      ["fail", 1],
    ] as const) {
      const channel = await client.exec(command);
      channel.end("input");
      channel.resume();
      expect(await channel.exited).toEqual({ code });
    }
  });

  test("a command or subsystem that nobody serves is refused, and the session goes on", async () => {
    const server = await serve({ subsystems: { echo } });
    const client = await connect(server);
    await expect(client.exec("anything")).rejects.toMatchObject({ code: "ERR_SSH_CHANNEL_REFUSED" });
    await expect(client.subsystem("toString")).rejects.toMatchObject({ code: "ERR_SSH_CHANNEL_REFUSED" });
    const channel = await client.subsystem("echo");
    channel.end("still here");
    expect(await text(channel)).toBe("still here");
  });

  test("more channels than allowed are refused", async () => {
    const server = await serve({ subsystems: { echo }, maxChannels: 2 });
    const client = await connect(server);
    const first = await client.subsystem("echo");
    await client.subsystem("echo");
    await expect(client.subsystem("echo")).rejects.toMatchObject({ code: "ERR_SSH_CHANNEL_REFUSED" });
    first.end();
    first.resume();
    await first.exited;
    await expect(client.subsystem("echo")).resolves.toBeDefined();
  });
});

describe("data", () => {
  test("20 MiB come back unchanged through the window", async () => {
    const server = await serve({ subsystems: { echo } });
    const channel = await (await connect(server)).subsystem("echo");
    const sent = randomBytes(20 * 1024 * 1024);
    const received = buffer(channel);
    for (let offset = 0; offset < sent.length; offset += 100_000)
      channel.write(sent.subarray(offset, offset + 100_000));
    channel.end();
    const hash = (data: Buffer) => createHash("sha256").update(data).digest("hex");
    expect(hash(await received)).toBe(hash(sent));
  });

  test("keys are exchanged again under way without losing a byte", async () => {
    const server = await serve({ subsystems: { echo }, rekeyBytes: 1024 * 1024 });
    const client = await connect(server, { rekeyBytes: 1536 * 1024 });
    const channel = await client.subsystem("echo");
    const sent = randomBytes(12 * 1024 * 1024);
    const received = buffer(channel);
    for (let offset = 0; offset < sent.length; offset += 65_536)
      channel.write(sent.subarray(offset, offset + 65_536));
    channel.end();
    expect((await received).equals(sent)).toBe(true);
  });

  test("what a client wrote before it closed is still read", async () => {
    const got: Promise<string>[] = [];
    const server = await serve({
      exec: () => async (channel) => {
        got.push(text(channel));
        await got[0];
      },
    });
    const client = await connect(server);
    const channel = await client.exec("take");
    channel.end("last words");
    channel.resume();
    await channel.exited;
    expect(await got[0]).toBe("last words");
  });
});

test("a server learns of the client's EOF before it has read what came first", async () => {
  const got: Promise<string>[] = [];
  const server = await serve({
    exec: () => async (channel) => {
      const eof = once(channel, "eof");
      got.push(eof.then(() => text(channel)));
      await got[0];
    },
  });
  const channel = await (await connect(server)).exec("take");
  const sent = "words".repeat(200_000);
  channel.end(sent);
  channel.resume();
  await channel.exited;
  expect((await got[0]) === sent).toBe(true);
});

test("ending a channel that the other side has closed already loses neither its data nor its exit code", async () => {
  const server = await serve({
    exec: (command) => (channel) => {
      channel.write(command);
      channel.exit(3);
    },
  });
  const client = await connect(server);
  const channel = await client.exec("unread");
  // What the second command says comes after all that the first one had to say.
  expect(await text(await client.exec("later"))).toBe("later");
  channel.end();
  expect(await text(channel)).toBe("unread");
  expect(await channel.exited).toEqual({ code: 3 });
});

describe("flow control", () => {
  const BIG = 64 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024);

  /** Writes until the stream says stop and does not go on within a moment of the event loop; resolves to the bytes taken. */
  async function fill(channel: NodeJS.WritableStream): Promise<number> {
    let written = 0;
    let stuck = false;
    while (!stuck && written < BIG) {
      written += chunk.length;
      if (channel.write(chunk)) continue;
      stuck = await Promise.race([once(channel, "drain").then(() => false), pause(300).then(() => true)]);
    }
    return written;
  }

  // Not to wait for something to happen, but to see that it does not.
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  test("a server does not write to a client that does not read", async () => {
    let written: Promise<number> | undefined;
    const server = await serve({
      exec: () => async (channel) => {
        written = fill(channel);
        await written;
      },
    });
    const channel = await (await connect(server)).exec("pour");
    channel.on("error", () => {});
    await once(channel, "readable");
    expect(await written).toBeLessThan(8 * 1024 * 1024);
  });

  test("a client does not write to a server that does not read", async () => {
    const server = await serve({ exec: () => (channel) => once(channel, "close").then(() => {}) });
    const channel = await (await connect(server)).exec("ignore");
    channel.on("error", () => {});
    expect(await fill(channel)).toBeLessThan(8 * 1024 * 1024);
  });
});

describe("the end of a connection", () => {
  test("a dropped connection ends every channel with an error, on both sides, and loses no callback", async () => {
    const failures: Promise<unknown>[] = [];
    const server = await serve({
      exec: () => async (channel) => {
        failures.push(once(channel, "error").then(([error]) => error.code));
        await once(channel, "close");
      },
    });
    const client = await connect(server);
    const channels = [await client.exec("a"), await client.exec("b")];
    const ends = channels.map((channel) => once(channel, "error").then(([error]) => error.code));
    const writes = channels.map(
      (channel) => new Promise((resolve) => channel.write(Buffer.alloc(8 * 1024 * 1024), resolve)),
    );
    await server.disconnect([...server.sessions.keys()][0] ?? "");
    expect(await Promise.all([...ends, ...failures])).toEqual(Array(4).fill("ERR_SSH_CONNECTION_LOST"));
    for (const error of await Promise.all(writes))
      expect(error).toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
    await expect(channels[0]?.exited).rejects.toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
    await expect(client.exec("c")).rejects.toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
  });

  test("disconnect ends one session and leaves the others", async () => {
    const server = await serve({ subsystems: { echo } });
    const first = await connect(server);
    const second = await connect(server);
    const logout = once(server, "logout");
    const id = [...server.sessions.values()].find(
      (session) => session.remote.port === first.session.local.port,
    )?.id;
    expect(await server.disconnect(id ?? "")).toBe(true);
    expect(await server.disconnect("no such session")).toBe(false);
    expect((await logout)[0].session.id).toBe(id);
    await first.session.closed;
    const channel = await second.subsystem("echo");
    channel.end("here");
    expect(await text(channel)).toBe("here");
  });

  test("a graceful close lets a channel finish, refuses new ones, and ends idle sessions at once", async () => {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sessions: SshSession[] = [];
    const server = await serve({
      exec: (_command, session) => async (channel) => {
        sessions.push(session);
        await released;
        channel.write("finished");
      },
    });
    const idle = await connect(server);
    const busy = await connect(server);
    const channel = await busy.exec("work");
    const output = text(channel);
    const closed = server.close({ graceMs: 60_000 });
    await idle.session.closed;
    expect(sessions[0]?.closing.aborted).toBe(true);
    await expect(busy.exec("more")).rejects.toMatchObject({ code: "ERR_SSH_CHANNEL_REFUSED" });
    release();
    expect(await output).toBe("finished");
    await closed;
    expect(server.sessions.size).toBe(0);
  });

  test("a graceful close cuts off what does not end in time", async () => {
    const server = await serve({ exec: () => () => new Promise<void>(() => {}) });
    const client = await connect(server);
    const channel = await client.exec("hang");
    const failure = once(channel, "error");
    await server.close({ graceMs: 100 });
    expect((await failure)[0]).toMatchObject({ code: "ERR_SSH_CONNECTION_LOST" });
  });
});
