import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type ConnectionInfo, dial, type ListenOptions, type RefusalReason } from "@waybill/net-core";
import {
  activeTimers,
  closed,
  closeListeners,
  deferred,
  emptied,
  open,
  type WatchedListener,
} from "./socket-helpers.js";

afterEach(closeListeners);

describe("lists and limits", () => {
  test.each<[string, Partial<ListenOptions>, RefusalReason | undefined]>([
    ["empty lists let everyone in", { allow: [], block: [] }, undefined],
    ["an allow list that has the address", { allow: ["192.0.2.0/24", "127.0.0.0/8"] }, undefined],
    ["an allow list that has it not", { allow: ["192.0.2.0/24"] }, "not-allowed"],
    ["a block list that has it", { block: ["127.0.0.1"] }, "blocked"],
    ["a block list that has it not", { block: ["192.0.2.0/24"] }, undefined],
    ["both lists: block wins", { allow: ["127.0.0.1"], block: ["127.0.0.0/8"] }, "blocked"],
    ["an IPv4-mapped entry", { block: ["::ffff:127.0.0.1"] }, "blocked"],
  ])("%s", async (_name, options, reason) => {
    const { listener, connect, next, refused, records } = await open(options);
    const client = await connect();
    if (reason === undefined) {
      await next();
    } else {
      expect(await closed(client)).toBeUndefined();
      expect(refused).toMatchObject([{ reason, info: { remoteAddress: "127.0.0.1", connections: 0 } }]);
      expect(records).toMatchObject([{ level: "info", fields: { reason } }]);
    }
    expect(listener.connections).toBe(reason === undefined ? 1 : 0);
  });

  test("an IPv4 client of an IPv6 listener counts as IPv4", async () => {
    const addresses: string[] = [];
    const server = await open({
      host: "::",
      allow: ["127.0.0.1"],
      admit: ({ remoteAddress, localAddress }) => addresses.push(remoteAddress, localAddress) === 2,
    }).catch((error: unknown) => error);
    if (server instanceof Error) {
      expect(server).toMatchObject({ code: "ERR_LISTEN_ADDRESS_NOT_AVAILABLE" });
      return;
    }
    const { connect, next } = server as WatchedListener;
    await connect();
    expect((await next()).remoteAddress).toContain("127.0.0.1");
    expect(addresses).toEqual(["127.0.0.1", "127.0.0.1"]);
  });

  test.each<[keyof ListenOptions, RefusalReason]>([
    ["maxConnections", "too-many-connections"],
    ["maxConnectionsPerAddress", "too-many-connections-from-address"],
  ])("%s refuses what is above, and lets in again when there is room", async (option, reason) => {
    const { listener, connect, next, refused } = await open({ [option]: 2 });
    const clients = [await connect(), await connect()];
    const accepted = [await next(), await next()];
    expect(await closed(await connect())).toBeUndefined();
    expect(refused).toMatchObject([{ reason, info: { connections: 2 } }]);
    const gone = closed(accepted[0]!);
    accepted[0]!.destroy();
    await gone;
    await connect();
    await next();
    expect(listener.connections).toBe(2);
    for (const client of clients) client.destroy();
  });

  test("maxConnectionsPerAddress counts each address by itself", async () => {
    const { listener, next, refused } = await open({ maxConnectionsPerAddress: 1 });
    // Elsewhere loopback is 127.0.0.1 alone.
    const from = process.platform === "linux" ? ["127.0.0.1", "127.0.0.2"] : ["127.0.0.1"];
    for (const localAddress of from) await dial({ host: "127.0.0.1", port: listener.port, localAddress });
    for (const _ of from) await next();
    expect(refused).toEqual([]);
    expect(listener.connections).toBe(from.length);
  });

  test("a throwing onRefused hook is logged, no more", async () => {
    const { connect, records } = await open({
      block: ["127.0.0.1"],
      onRefused: () => {
        throw new Error("broken hook");
      },
    });
    await closed(await connect());
    expect(records.at(-1)).toMatchObject({ level: "error", fields: { err: { message: "broken hook" } } });
  });
});

describe("the admit hook", () => {
  test("gets the whole context and decides", async () => {
    const infos: ConnectionInfo[] = [];
    const { listener, connect, next, refused } = await open({
      admit: async (info) => {
        infos.push(info);
        return infos.length === 1;
      },
    });
    const client = await connect();
    await next();
    expect(infos).toEqual([
      {
        remoteAddress: "127.0.0.1",
        remotePort: client.localPort,
        localAddress: "127.0.0.1",
        localPort: listener.port,
        connections: 1,
      },
    ]);
    expect(await closed(await connect())).toBeUndefined();
    expect(refused).toMatchObject([{ reason: "not-admitted", info: { connections: 2 } }]);
  });

  test("may be synchronous; only true lets in", async () => {
    const answers = [true, false, "yes" as unknown as boolean, undefined as unknown as boolean];
    const { connect, next, refused } = await open({ admit: () => answers.shift() ?? false });
    const before = activeTimers();
    await connect();
    await next();
    expect(activeTimers()).toBe(before);
    for (let left = 3; left > 0; left -= 1) await closed(await connect());
    expect(refused.map(({ reason }) => reason)).toEqual(["not-admitted", "not-admitted", "not-admitted"]);
  });

  test("that throws or rejects refuses", async () => {
    const hooks = [
      () => {
        throw new Error("hook broken");
      },
      () => Promise.reject(new Error("hook broken")),
    ];
    const { connect, refused, records } = await open({ admit: () => hooks.shift()?.() ?? true });
    for (let left = 2; left > 0; left -= 1) await closed(await connect());
    expect(refused.map(({ reason }) => reason)).toEqual(["admit-failed", "admit-failed"]);
    expect(records.filter(({ level }) => level === "error")).toMatchObject([
      { fields: { err: { message: "hook broken" } } },
      { fields: { err: { message: "hook broken" } } },
    ]);
  });

  test("that is late refuses, and its answer counts no more", async () => {
    const answer = deferred<boolean>();
    const { listener, connect, refused } = await open({ admit: () => answer.promise, admitTimeoutMs: 20 });
    await closed(await connect());
    expect(refused.map(({ reason }) => reason)).toEqual(["admit-timeout"]);
    answer.resolve(true);
    await emptied(listener);
    expect(listener.sockets.size).toBe(0);
  });

  test("keeps what is sent while it decides, without reading on", async () => {
    const answer = deferred<boolean>();
    const asked = deferred<void>();
    const { listener, connect, next } = await open({
      admit: () => {
        asked.resolve();
        return answer.promise;
      },
    });
    const content = Buffer.alloc(4 * 1024 * 1024, "0123456789abcdef-");
    const client = await connect();
    client.end(content);
    await asked.promise;
    expect(listener.connections).toBe(1);
    expect(listener.sockets.size).toBe(0);
    answer.resolve(true);
    const accepted = await next();
    expect(accepted.bytesRead).toBeLessThanOrEqual(128 * 1024);
    expect((await buffer(accepted)).equals(content)).toBe(true);
  });

  test("counts those that wait", async () => {
    const answer = deferred<boolean>();
    const { connect, next, refused } = await open({ admit: () => answer.promise, maxConnections: 1 });
    await connect();
    await closed(await connect());
    expect(refused).toMatchObject([{ reason: "too-many-connections", info: { connections: 1 } }]);
    answer.resolve(true);
    await next();
  });

  test.each(["destroy", "end", "resetAndDestroy"] as const)(
    "a connection that ends (%s) while it decides is neither handed over nor counted",
    async (how) => {
      const answer = deferred<boolean>();
      const asked = deferred<void>();
      const answers = [answer.promise, Promise.resolve(true)];
      const { listener, connect, next } = await open({
        admit: () => {
          asked.resolve();
          return answers.shift() ?? false;
        },
      });
      const client = await connect();
      await asked.promise;
      client.resume();
      client[how]();
      await emptied(listener);
      answer.resolve(true);
      // The first to be handed over is the second: the first is not.
      const second = await connect();
      expect((await next()).remotePort).toBe(second.localPort);
      expect(listener.sockets.size).toBe(1);
    },
  );
});
