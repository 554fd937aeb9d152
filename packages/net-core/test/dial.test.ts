import { getEventListeners } from "node:events";
import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type DialOptions, dial, listen } from "@waybill/net-core";
import {
  activeTimers,
  closed,
  failingLookup,
  lookupOf,
  refusingPort,
  type TestListener,
  testListener,
} from "./socket-helpers.js";

let server: TestListener;
let target: { host: string; port: number };

beforeEach(async () => {
  server = await testListener();
  target = { host: server.listener.host, port: server.listener.port };
});

afterEach(async () => {
  jest.restoreAllMocks();
  await server.listener.close();
});

describe("a connection", () => {
  test("carries bytes both ways", async () => {
    const socket = await dial(target);
    const accepted = await server.next();
    accepted.end("hello");
    expect(await text(socket)).toBe("hello");
  });

  test("is found by name", async () => {
    const socket = await dial({ ...target, host: "partner.test", lookup: lookupOf("127.0.0.1") });
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
  });

  test("has TCP_NODELAY on, and keep-alive after 30 s or what was asked for, in whole seconds", async () => {
    const noDelay = jest.spyOn(Socket.prototype, "setNoDelay");
    const keepAlive = jest.spyOn(Socket.prototype, "setKeepAlive");
    const quiet = await testListener({ keepAliveMs: 0 });
    const options = { host: quiet.listener.host, port: quiet.listener.port };
    const sockets: Socket[] = [];
    for (const keepAliveMs of [undefined, 1500, 0]) sockets.push(await dial({ ...options, keepAliveMs }));
    for (const socket of sockets) expect(noDelay.mock.contexts).toContain(socket);
    expect(noDelay).not.toHaveBeenCalledWith(false);
    expect(keepAlive.mock.calls).toEqual([
      [true, 30_000],
      [true, 2000],
    ]);
    await quiet.listener.close();
  });

  test("starts at the local address and port that were asked for", async () => {
    const other = await testListener();
    const localPort = other.listener.port;
    await other.listener.close();
    const socket = await dial({ ...target, localAddress: "127.0.0.1", localPort });
    const accepted = await server.next();
    expect(accepted).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: localPort });
    socket.destroy();
  });

  test("whose error nobody listens to does not end the process", async () => {
    const socket = await dial(target);
    const accepted = await server.next();
    const hadError = new Promise((resolve) => socket.once("close", resolve));
    accepted.resetAndDestroy();
    expect(await hadError).toBe(true);
  });

  test("that is idle is destroyed with ERR_IDLE_TIMEOUT", async () => {
    const socket = await dial({ ...target, idleTimeoutMs: 30 });
    expect(await closed(socket)).toMatchObject({
      code: "ERR_IDLE_TIMEOUT",
      message: `no traffic with 127.0.0.1:${target.port} for 30 ms`,
    });
  });

  test("is not touched by the signal once it is there", async () => {
    const controller = new AbortController();
    const socket = await dial({ ...target, signal: controller.signal });
    controller.abort();
    const accepted = await server.next();
    accepted.end("still here");
    expect(await text(socket)).toBe("still here");
  });
});

test("an attempt leaves no timer and no listener behind, whatever becomes of it", async () => {
  const { signal } = new AbortController();
  const before = activeTimers();
  const socket = await dial({ ...target, signal });
  expect(activeTimers()).toBe(before);
  const failed = dial({ host: "partner.test", port: 22, lookup: failingLookup("ENOTFOUND"), signal });
  await expect(failed).rejects.toMatchObject({ code: "ERR_DIAL_HOST_NOT_FOUND" });
  expect(activeTimers()).toBe(before);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  socket.destroy();
});

describe("IPv4 and IPv6", () => {
  test("the first address that answers is taken", async () => {
    // Whatever ::1 says (refused, or no IPv6 on this machine), 127.0.0.1 answers.
    const lookup = lookupOf("::1", "127.0.0.1");
    const socket = await dial({ host: "partner.test", port: target.port, lookup });
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
  });

  test("family and localAddress choose the addresses that are asked for", async () => {
    const asked: unknown[] = [];
    const lookup: NonNullable<DialOptions["lookup"]> = (name, options, callback) => {
      asked.push(options.family);
      lookupOf("127.0.0.1")(name, options, callback);
    };
    const named = { host: "partner.test", port: target.port, lookup };
    (await dial(named)).destroy();
    (await dial({ ...named, family: 4 })).destroy();
    (await dial({ ...named, localAddress: "127.0.0.1" })).destroy();
    await dial({
      ...named,
      family: 6,
      lookup: (name, options, callback) => {
        asked.push(options.family);
        failingLookup("ENOTFOUND")(name, options, callback);
      },
    }).catch(() => {});
    expect(asked).toEqual([0, 4, 4, 6]);
  });

  test("::1 works where the machine has it, and is a typed error where it does not", async () => {
    const outcome = await listen({ host: "::1", port: 0 }, (socket) => socket.end("six")).catch(
      (error: unknown) => error,
    );
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: "ERR_LISTEN_ADDRESS_NOT_AVAILABLE" });
      await expect(dial({ host: "::1", port: 1 })).rejects.toMatchObject({ code: "ERR_DIAL_UNREACHABLE" });
      return;
    }
    const listener = outcome as Awaited<ReturnType<typeof listen>>;
    const socket = await dial({ host: "::1", port: listener.port });
    expect(socket.remoteFamily).toBe("IPv6");
    expect(await text(socket)).toBe("six");
    await listener.close();
  });
});

describe("a failure says what it was, and where", () => {
  test("refused", async () => {
    const { port, release } = await refusingPort();
    await expect(dial({ host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "ERR_DIAL_REFUSED",
      message: `127.0.0.1:${port} refused the connection`,
      cause: { code: "ECONNREFUSED" },
    });
    await release();
  });

  test("refused by every address of a name", async () => {
    const { port, release } = await refusingPort();
    const lookup = lookupOf("127.0.0.1", "127.0.0.1");
    await expect(dial({ host: "partner.test", port, lookup })).rejects.toMatchObject({
      code: "ERR_DIAL_REFUSED",
      message: `partner.test:${port} refused the connection`,
    });
    await release();
  });

  test.each([
    ["ENOTFOUND", "ERR_DIAL_HOST_NOT_FOUND"],
    ["EAI_AGAIN", "ERR_DIAL_HOST_NOT_FOUND"],
    ["ENETUNREACH", "ERR_DIAL_UNREACHABLE"],
    ["EHOSTUNREACH", "ERR_DIAL_UNREACHABLE"],
    ["EADDRNOTAVAIL", "ERR_DIAL_UNREACHABLE"],
    ["ETIMEDOUT", "ERR_DIAL_TIMEOUT"],
    ["EPROTO", "ERR_DIAL_FAILED"],
  ])("%s is %s", async (system, code) => {
    const failed = dial({ host: "partner.test", port: 22, lookup: failingLookup(system) });
    await expect(failed).rejects.toMatchObject({
      code,
      message: expect.stringContaining("partner.test:22"),
      cause: { code: system },
    });
  });

  test("the local port is taken", async () => {
    const failed = dial({ ...target, localAddress: target.host, localPort: target.port });
    await expect(failed).rejects.toMatchObject({
      code: "ERR_DIAL_FAILED",
      message: expect.stringContaining(`127.0.0.1:${target.port}`),
    });
  });

  test("too slow", async () => {
    const never = dial({ host: "partner.test", port: 22, connectTimeoutMs: 20, lookup: () => {} });
    await expect(never).rejects.toMatchObject({
      code: "ERR_DIAL_TIMEOUT",
      message: "connecting to partner.test:22 took longer than 20 ms",
    });
  });
});

describe("an attempt can be given up", () => {
  test("before it starts", async () => {
    const signal = AbortSignal.abort("no need");
    const lookup = jest.fn<NonNullable<DialOptions["lookup"]>>();
    await expect(dial({ host: "partner.test", port: 22, lookup, signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      cause: "no need",
    });
    expect(lookup).not.toHaveBeenCalled();
  });

  test("while it lasts, and leaves no socket behind", async () => {
    const destroy = jest.spyOn(Socket.prototype, "destroy");
    const controller = new AbortController();
    const attempt = dial({
      host: "partner.test",
      port: 22,
      signal: controller.signal,
      lookup: () => controller.abort("changed my mind"),
    });
    await expect(attempt).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "changed my mind" });
    expect(destroy).toHaveBeenCalledTimes(1);
  });
});

describe("wrong options are named", () => {
  test.each<[string, Record<string, unknown>]>([
    ["host", { host: "" }],
    ["host", { host: undefined }],
    ["port", { port: 0 }],
    ["port", { port: 65_536 }],
    ["port", { port: "22" }],
    ["family", { family: 5 }],
    ["family", { family: 6 }],
    ["localAddress", { localAddress: "localhost" }],
    ["localAddress", { localAddress: "::1" }],
    ["localAddress", { localAddress: "::1", host: "partner.test", family: 4 }],
    ["localPort", { localPort: -1 }],
    ["connectTimeoutMs", { connectTimeoutMs: 0 }],
    ["connectTimeoutMs", { connectTimeoutMs: 2 ** 31 }],
    ["idleTimeoutMs", { idleTimeoutMs: 0.5 }],
    ["keepAliveMs", { keepAliveMs: -1 }],
  ])("%s: %p", async (option, wrong) => {
    const options = { host: "127.0.0.1", port: 22, ...wrong } as DialOptions;
    await expect(dial(options)).rejects.toMatchObject({ code: "ERR_OPTION_INVALID", details: { option } });
  });
});
