import { connect } from "node:net";
import { afterAll, describe, expect, test } from "@jest/globals";
import { initiateSession, respondSession } from "@waybill/oftp-session";
import type { MemoryMonitor } from "./support/memory-monitor.js";
import { type Random, randomFrom } from "./support/random-buffers.js";
import {
  endOf,
  esidOf,
  monitorWith,
  responding,
  type Scene,
  settledOnce,
  waiting,
} from "./support/scenes.js";
import { sessionPair } from "./support/session-pair.js";
import { socketPair } from "./support/socket-pair.js";
import { turn, until } from "./support/until.js";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
process.on("unhandledRejection", onUnhandled);
afterAll(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

const NORMAL = [{ error: undefined }, { error: undefined }];

describe("abort", () => {
  const aborted = { code: "ERR_OFTP_SESSION_ENDED", reason: 5, origin: "local" };

  test("by a signal that was given before", async () => {
    const { near, far } = await socketPair();
    const monitor = monitorWith(10);
    const signal = AbortSignal.abort();
    const calling = initiateSession(near, { monitor, identity: monitor.identity, signal });
    const called = respondSession(far, { monitor: monitorWith(), signal });
    expect(endOf(await calling.ended)).toEqual(aborted);
    expect(endOf(await called.ended)).toEqual(aborted);
    expect(near.destroyed && far.destroyed).toBe(true);
  });

  test("while the connection is being made", async () => {
    const socket = connect({ port: 9, host: "127.0.0.1" });
    const monitor = monitorWith(10);
    const controller = new AbortController();
    const session = initiateSession(socket, {
      monitor,
      identity: monitor.identity,
      signal: controller.signal,
    });
    controller.abort();
    expect(endOf(await session.ended)).toEqual(aborted);
  });

  test("over a socket that is closed already", async () => {
    const { near, far } = await socketPair();
    near.destroy();
    far.destroy();
    const monitor = monitorWith(10);
    const session = initiateSession(near, { monitor, identity: monitor.identity });
    expect(endOf(await session.ended)).toMatchObject({ code: "ERR_OFTP_CONNECTION_LOST" });
  });

  test.each(waiting)("by signal in %s", async (_name, set) => {
    const controller = new AbortController();
    const scene = await set({ signal: controller.signal });
    controller.abort();
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 5 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(aborted);
    settledOnce(scene);
  });

  test.each([
    [9, 9],
    [0, 5],
    [100, 5],
    [1.5, 5],
  ])("with reason %d says %i", async (given, told) => {
    const scene = await responding(monitorWith(), {});
    await scene.peer.call();
    scene.session.abort(given, "é".repeat(700));
    scene.session.abort(3, "again");
    expect(await scene.peer.refused()).toEqual({ kind: "ESID", reason: told, text: "é".repeat(499) });
    expect((await scene.session.ended).error?.reason).toBe(told);
  });

  test("a partner that does not close its side is cut off", async () => {
    const scene = await responding(monitorWith(), { inactivityTimeoutMs: 50 });
    await scene.peer.call();
    // Half a connection stays open: the end is read, and not answered.
    scene.peer.socket.allowHalfOpen = true;
    scene.session.abort();
    const begun = performance.now();
    await scene.session.ended;
    expect(performance.now() - begun).toBeLessThan(3000);
    scene.peer.destroy();
  });
});

describe("stop", () => {
  test("what is under way is finished, the rest is kept, and the partner sends what it has", async () => {
    const alice = monitorWith(100, 200, 300);
    const bob = monitorWith(400);
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    bob.acceptFile = (_sfid, sink) => {
      pair.initiator.stop();
      return { accept: true, sink };
    };
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.sent.map(({ file }) => file.datasetName)).toEqual(["F100"]);
    expect(alice.outbox.map(({ datasetName }) => datasetName)).toEqual(["F200", "F300"]);
    expect(alice.received).toHaveLength(1);
  });
});

describe("a connection that is lost", () => {
  test.each(waiting)("in %s", async (_name, set) => {
    const scene = await set({});
    scene.peer.destroy();
    expect((await scene.session.ended).error).toMatchObject({
      code: "ERR_OFTP_CONNECTION_LOST",
      reason: 99,
      origin: "distant",
    });
    settledOnce(scene);
  });

  test("half closed by the partner", async () => {
    const scene = await responding(monitorWith(), {});
    await scene.peer.call();
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toMatchObject({ code: "ERR_OFTP_CONNECTION_LOST" });
  });

  /** Two stations that talk until one of the sockets goes. */
  async function cutOff(random: Random): Promise<void> {
    const stations = [monitorWith(0, 10, 300_000, 5000), monitorWith(20, 400_000, 1)];
    for (const monitor of stations) monitor.wantsTurn = () => random(2) === 0;
    const [alice, bob] = stations as [MemoryMonitor, MemoryMonitor];
    const offered = new Map(stations.map((monitor) => [monitor, monitor.outbox.length]));
    const constants = { maxWindow: 2, maxBufSize: 2000 };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants },
      { monitor: bob, constants },
    );
    let turns = random(150);
    let over = false;
    void pair.ended.then(() => {
      over = true;
    });
    for (; turns > 0 && !over; turns -= 1) await turn();
    (random(2) === 0 ? pair.near : pair.far).destroy();
    await pair.ended;
    for (const monitor of stations) {
      settledOnce({ monitor } as Scene);
      expect(monitor.sent.length + monitor.interrupted.length + monitor.outbox.length).toBe(
        offered.get(monitor),
      );
      expect(monitor.interrupted.length).toBeLessThanOrEqual(1);
    }
  }

  test("at any moment", async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomFrom(seed);
    try {
      for (let times = 0; times < 100; times += 1) await cutOff(random);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  });
});

describe("what happens while something else is not settled", () => {
  test("a turn that comes back before fileSent is settled is not lost", async () => {
    const alice = monitorWith(10, 20);
    const bob = monitorWith(30);
    const { fileSent } = alice;
    // The partner takes the turn with EFPA, sends its file and gives the turn back meanwhile.
    alice.fileSent = async (file, totals) => {
      await until(() => alice.received.length > 0 && bob.sent.length > 0);
      for (let turns = 0; turns < 50; turns += 1) await turn();
      await fileSent.call(alice, file, totals);
    };
    bob.wantsTurn = () => bob.outbox.length > 0;
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, inactivityTimeoutMs: 3000 },
      { monitor: bob, inactivityTimeoutMs: 3000 },
    );
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.sent).toHaveLength(2);
    expect(bob.received).toHaveLength(2);
  });

  test("timers do not keep the process", async () => {
    const active = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = active();
    const pair = await sessionPair(
      { monitor: monitorWith(10), identity: monitorWith().identity, maximumMs: 1_000_000_000 },
      { monitor: monitorWith(20), maximumMs: 1e12 },
    );
    expect(await pair.ended).toEqual(NORMAL);
    expect(active()).toBe(before);
  });
});
