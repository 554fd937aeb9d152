import { Server, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { createLogger, dial, type ListenOptions, type LogRecord, listen } from "@waybill/net-core";
import { activeTimers, closed, closeListeners, deferred, open } from "./socket-helpers.js";

afterEach(async () => {
  jest.restoreAllMocks();
  await closeListeners();
});

describe("listening", () => {
  test("on loopback by default, on a free port for 0", async () => {
    const { listener } = await open();
    expect(listener.host).toBe("127.0.0.1");
    expect(listener.port).toBeGreaterThan(0);
    expect(listener.connections).toBe(0);
  });

  test("with a backlog of 511 or what was asked for", async () => {
    const listening = jest.spyOn(Server.prototype, "listen");
    await open();
    await open({ backlog: 7 });
    expect(listening.mock.calls.map(([options]) => options)).toMatchObject([
      { backlog: 511 },
      { backlog: 7 },
    ]);
  });

  test("a taken port is an error that names it", async () => {
    const { listener } = await open();
    await expect(listen({ port: listener.port }, () => {})).rejects.toMatchObject({
      code: "ERR_LISTEN_PORT_TAKEN",
      message: `127.0.0.1:${listener.port} is in use by another program`,
      cause: { code: "EADDRINUSE" },
    });
  });

  test.each([
    ["EACCES", "ERR_LISTEN_PERMISSION"],
    ["EPERM", "ERR_LISTEN_PERMISSION"],
    ["EADDRNOTAVAIL", "ERR_LISTEN_ADDRESS_NOT_AVAILABLE"],
    ["EAFNOSUPPORT", "ERR_LISTEN_ADDRESS_NOT_AVAILABLE"],
    ["ENOTFOUND", "ERR_LISTEN_ADDRESS_NOT_AVAILABLE"],
    ["EAI_AGAIN", "ERR_LISTEN_ADDRESS_NOT_AVAILABLE"],
    ["EMFILE", "ERR_LISTEN_FAILED"],
  ])("%s is %s", async (system, code) => {
    jest.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server) {
      process.nextTick(() => this.emit("error", Object.assign(new Error(system), { code: system })));
      return this;
    });
    await expect(listen({ host: "127.0.0.1", port: 22 }, () => {})).rejects.toMatchObject({
      code,
      message: expect.stringContaining("127.0.0.1:22"),
      cause: { code: system },
    });
  });

  test("goes on after an accept that failed", async () => {
    const listening = jest.spyOn(Server.prototype, "listen");
    const { connect, next, records } = await open();
    const server = listening.mock.contexts[0] as Server;
    server.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
    expect(records).toMatchObject([{ level: "error", fields: { err: { code: "EMFILE" } } }]);
    await connect();
    expect(await next()).toBeInstanceOf(Socket);
  });

  test.each<[string, Record<string, unknown>]>([
    ["host", { host: "" }],
    ["port", { port: -1 }],
    ["port", { port: undefined }],
    ["backlog", { backlog: 0 }],
    ["maxConnections", { maxConnections: 0 }],
    ["maxConnectionsPerAddress", { maxConnectionsPerAddress: 1.5 }],
    ["admitTimeoutMs", { admitTimeoutMs: 0 }],
    ["idleTimeoutMs", { idleTimeoutMs: -1 }],
    ["keepAliveMs", { keepAliveMs: 2 ** 31 }],
  ])("the wrong option %s is named: %p", async (option, wrong) => {
    const options = { port: 0, ...wrong } as ListenOptions;
    await expect(listen(options, () => {})).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
      details: { option },
    });
  });

  test.each(["allow", "block"])("a wrong entry of %s is named", async (list) => {
    await expect(listen({ port: 0, [list]: ["10.0.0.0/40"] }, () => {})).rejects.toMatchObject({
      code: "ERR_ADDRESS_RANGE_INVALID",
      message: expect.stringContaining("10.0.0.0/40"),
    });
  });
});

describe("accepted connections", () => {
  test("have TCP_NODELAY and keep-alive on", async () => {
    const { connect, next } = await open({ keepAliveMs: 5000 });
    const client = await connect();
    const noDelay = jest.spyOn(Socket.prototype, "setNoDelay");
    const keepAlive = jest.spyOn(Socket.prototype, "setKeepAlive");
    await next();
    const second = await connect();
    const accepted = await next();
    expect(noDelay.mock.contexts).toContain(accepted);
    expect(noDelay).not.toHaveBeenCalledWith(false);
    expect(keepAlive.mock.calls[keepAlive.mock.contexts.indexOf(accepted)]).toEqual([true, 5000]);
    client.destroy();
    second.destroy();
  });

  test("are counted until they are gone", async () => {
    const { listener, connect, next } = await open();
    const client = await connect();
    const accepted = await next();
    expect(listener.connections).toBe(1);
    expect([...listener.sockets]).toEqual([accepted]);
    const gone = closed(accepted);
    client.destroy();
    await gone;
    expect(listener.connections).toBe(0);
    expect(listener.sockets.size).toBe(0);
  });

  test("that are idle are destroyed with ERR_IDLE_TIMEOUT, which does not end the process", async () => {
    const hadError = deferred<boolean>();
    const listener = await listen({ port: 0, idleTimeoutMs: 30 }, (socket) => {
      socket.once("close", hadError.resolve);
    });
    await dial({ host: "127.0.0.1", port: listener.port });
    expect(await hadError.promise).toBe(true);
    await listener.close();
  });

  test("are destroyed when their handler throws or rejects", async () => {
    const records: LogRecord[] = [];
    const handlers = [
      () => {
        throw new Error("broken");
      },
      async () => {
        await Promise.resolve();
        throw new Error("broken later");
      },
    ];
    const listener = await listen(
      { port: 0, logger: createLogger("debug", (record) => records.push(record)) },
      () => handlers.shift()?.(),
    );
    for (const message of ["broken", "broken later"]) {
      expect(await closed(await dial({ host: "127.0.0.1", port: listener.port }))).toBeUndefined();
      expect(records.pop()).toMatchObject({ level: "error", fields: { err: { message } } });
    }
    await listener.close();
  });
});

describe("closing", () => {
  test("at once by default: open and waiting connections are destroyed, nothing is accepted", async () => {
    const answer = deferred<boolean>();
    const asked = deferred<void>();
    const { listener, connect, next } = await open({
      admit: ({ connections }) => {
        if (connections === 1) return true;
        asked.resolve();
        return answer.promise;
      },
    });
    const clients = [await connect()];
    const accepted = await next();
    clients.push(await connect());
    await asked.promise;
    const seen = clients.map(closed);
    await listener.close();
    expect(accepted.destroyed).toBe(true);
    expect(listener.connections).toBe(0);
    expect(listener.sockets.size).toBe(0);
    await Promise.all(seen);
    answer.resolve(true);
    await expect(connect()).rejects.toMatchObject({ code: "ERR_DIAL_REFUSED" });
  });

  test("gracefully: connections may finish", async () => {
    const { listener, connect, next } = await open();
    const client = await connect();
    const accepted = await next();
    const before = activeTimers();
    const done = listener.close({ graceMs: 60_000 });
    expect(activeTimers()).toBe(before + 1);
    await expect(connect()).rejects.toMatchObject({ code: "ERR_DIAL_REFUSED" });
    expect(accepted.destroyed).toBe(false);
    accepted.end("the last words");
    expect(await text(client)).toBe("the last words");
    accepted.resume();
    await done;
    expect(activeTimers()).toBe(before);
    expect(listener.connections).toBe(0);
  });

  test("gracefully: those that do not finish in time are destroyed", async () => {
    const { listener, connect, next } = await open();
    const client = await connect();
    await next();
    const seen = closed(client);
    await listener.close({ graceMs: 20 });
    expect(listener.connections).toBe(0);
    expect(await seen).toBeUndefined();
  });

  test("a second call cuts the first one's time short", async () => {
    const { listener, connect, next } = await open();
    await connect();
    await next();
    const graceful = listener.close({ graceMs: 60_000 });
    await listener.close();
    await graceful;
    expect(listener.connections).toBe(0);
  });

  test("works for sockets that are ending with an error, and twice", async () => {
    const { listener, connect, next } = await open();
    await connect();
    const accepted = await next();
    accepted.destroy(new Error("broken"));
    await listener.close({ graceMs: 60_000 });
    await listener.close();
    expect(listener.connections).toBe(0);
  });

  test("refuses a wrong time", async () => {
    const { listener } = await open();
    await expect(listener.close({ graceMs: -1 })).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
      details: { option: "graceMs" },
    });
  });
});
