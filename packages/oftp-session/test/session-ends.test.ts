import { connect } from "node:net";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { Command } from "@waybill/oftp-codec";
import { initiateSession, type OftpSession, respondSession, type SessionEnd, type SessionOptions } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { calledByInitiator, callResponder, dataOf, type RawPeer, sfidOf, ssidOf } from "./support/raw-peer.js";
import { type Random, randomFrom } from "./support/random-buffers.js";
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

function endOf({ error }: SessionEnd) {
  return error && { code: error.code, reason: error.reason, origin: error.origin };
}

const timeOut = { code: "ERR_OFTP_TIMEOUT", reason: 9, origin: "local" };
const NORMAL = [{ error: undefined }, { error: undefined }];

function monitorWith(...sizes: number[]): MemoryMonitor {
  const monitor = new MemoryMonitor({ code: "OOURS" });
  for (const size of sizes) monitor.outbox.push(outgoing({ name: `F${size}`, content: Buffer.alloc(size, "x") }));
  return monitor;
}

interface Scene {
  readonly monitor: MemoryMonitor;
  readonly session: OftpSession;
  readonly peer: RawPeer;
}

type Scenario = readonly [name: string, set: (options: Partial<SessionOptions>) => Promise<Scene>];

async function responding(monitor: MemoryMonitor, options: Partial<SessionOptions>): Promise<Scene> {
  return { monitor, ...(await callResponder({ monitor, ...options })) };
}

async function initiating(monitor: MemoryMonitor, options: Partial<SessionOptions>): Promise<Scene> {
  const { identity } = monitor;
  return { monitor, ...(await calledByInitiator({ monitor, identity, ...options })) };
}

const secure = () => new MemoryMonitor({ code: "OOURS", authentication: true });
const authenticator = {
  challenge: async () => ({ challenge: new Uint8Array(20), envelope: new Uint8Array(30) }),
  answer: async () => new Uint8Array(20),
};

/** Our session in each state in which it waits for its partner. */
const waiting: readonly Scenario[] = [
  ["I_WF_RM", (options) => initiating(monitorWith(), options)],
  [
    "I_WF_SSID",
    async (options) => {
      const scene = await initiating(monitorWith(), options);
      scene.peer.send({ kind: "SSRM" });
      await scene.peer.receive("SSID");
      return scene;
    },
  ],
  [
    "A_NC_ONLY",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.receive("SSRM");
      return scene;
    },
  ],
  [
    "WF_SECD",
    async (options) => {
      const scene = await responding(secure(), { ...options, authenticator });
      await scene.peer.call({ authentication: true });
      return scene;
    },
  ],
  [
    "WF_AUCH",
    async (options) => {
      const scene = await initiating(secure(), { ...options, authenticator });
      await scene.peer.answer({ authentication: true });
      await scene.peer.receive("SECD");
      return scene;
    },
  ],
  [
    "WF_AURP",
    async (options) => {
      const scene = await responding(secure(), { ...options, authenticator });
      await scene.peer.call({ authentication: true });
      scene.peer.send({ kind: "SECD" });
      await scene.peer.receive("AUCH");
      return scene;
    },
  ],
  [
    "IDLELI",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.call();
      return scene;
    },
  ],
  [
    "IDLELICD",
    async (options) => {
      const scene = await initiating(monitorWith(), options);
      await scene.peer.answer();
      await scene.peer.receive("CD");
      return scene;
    },
  ],
  [
    "OPOP",
    async (options) => {
      const scene = await initiating(monitorWith(100), options);
      await scene.peer.answer();
      await scene.peer.receive("SFID");
      return scene;
    },
  ],
  [
    "OPOWFC",
    async (options) => {
      const scene = await initiating(monitorWith(100_000), options);
      await scene.peer.answer({ credit: 1 });
      await scene.peer.receive("SFID");
      scene.peer.send({ kind: "SFPA", restartPosition: 0 });
      await scene.peer.receive("DATA");
      return scene;
    },
  ],
  [
    "CLOP",
    async (options) => {
      const scene = await initiating(monitorWith(10), options);
      await scene.peer.answer();
      await scene.peer.receive("SFID");
      scene.peer.send({ kind: "SFPA", restartPosition: 0 });
      await scene.peer.receive("DATA");
      await scene.peer.receive("EFID");
      return scene;
    },
  ],
  [
    "WF_RTR",
    async (options) => {
      const monitor = monitorWith();
      await monitor.receive(sfidOf());
      monitor.received.length = 0;
      const scene = await initiating(monitor, options);
      await scene.peer.answer();
      await scene.peer.receive("EERP");
      return scene;
    },
  ],
  [
    "OPI",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.call();
      scene.peer.send(sfidOf());
      await scene.peer.receive("SFPA");
      scene.peer.send(dataOf(Buffer.from("begun"), false));
      return scene;
    },
  ],
  [
    "WF_CD",
    async (options) => {
      const monitor = monitorWith(10);
      monitor.wantsTurn = () => true;
      const scene = await responding(monitor, options);
      await scene.peer.call();
      scene.peer.send(sfidOf());
      await scene.peer.receive("SFPA");
      scene.peer.send({ kind: "EFID", recordCount: 0, unitCount: 0 });
      expect(await scene.peer.receive("EFPA")).toMatchObject({ changeDirection: true });
      return scene;
    },
  ],
];

function settledOnce({ monitor }: Scene): void {
  for (const { sink } of monitor.received) {
    const ends = sink.events.filter((event) => !event.startsWith("begin"));
    expect(ends).toHaveLength(1);
  }
  const offered = new Set([...monitor.interrupted, ...monitor.sent].map(({ file }) => file));
  expect(offered.size).toBe(monitor.interrupted.length + monitor.sent.length);
}

/** Everything but the ESID is not of interest. */
async function esidOf(peer: RawPeer) {
  for (;;) {
    const command: Command | undefined = await peer.next();
    if (command === undefined || command.kind === "ESID") return command;
  }
}

describe("a partner that says nothing", () => {
  test.each(waiting)("in %s: 09", async (name, set) => {
    const scene = await set({ inactivityTimeoutMs: 60, localTimeoutMs: 20_000 });
    const esid = await esidOf(scene.peer);
    // Before its SSRM there is no partner yet who could be told.
    if (name !== "I_WF_RM") expect(esid).toMatchObject({ reason: 9 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });

  test("one that does not even read: 09", async () => {
    const monitor = monitorWith(64 * 1024 * 1024);
    const scene = await initiating(monitor, { inactivityTimeoutMs: 200, constants: { maxWindow: 999 } });
    await scene.peer.answer({ bufferSize: 32_768, credit: 999 });
    // The credit is not what stops us.
    await scene.peer.receive("SFID");
    scene.peer.send({ kind: "SFPA", restartPosition: 0 });
    scene.peer.socket.pause();
    await until(() => monitor.interrupted.length > 0);
    scene.peer.destroy();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    expect(monitor.interrupted).toHaveLength(1);
  });

  test("silence is measured from the last move, whatever was waited for before", async () => {
    const monitor = monitorWith();
    const scene = await responding(monitor, { inactivityTimeoutMs: 150, localTimeoutMs: 20_000 });
    await scene.peer.call();
    scene.peer.send(sfidOf());
    await scene.peer.receive("SFPA");
    const begun = performance.now();
    for (let sent = 0; sent < 6; sent += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      scene.peer.send(dataOf(Buffer.from("x"), false));
    }
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9 });
    expect(performance.now() - begun).toBeGreaterThan(430);
    await scene.peer.close();
    await scene.session.ended;
  });
});

describe("this station takes too long", () => {
  const limits = { localTimeoutMs: 60, inactivityTimeoutMs: 20_000 };
  const slow: readonly Scenario[] = [
    [
      "to admit",
      async (options) => {
        const monitor = monitorWith();
        let admit: () => void = () => {};
        monitor.admit = () =>
          new Promise((resolve) => {
            admit = () => resolve({ accept: true, identity: monitor.identity });
          });
        const scene = await responding(monitor, options);
        await scene.peer.receive("SSRM");
        scene.peer.send(ssidOf());
        void scene.peer.socket.once("close", () => admit());
        return scene;
      },
    ],
    [
      "to take a file",
      async (options) => {
        const monitor = monitorWith();
        const scene = await responding(monitor, options);
        monitor.acceptFile = (_sfid, sink) => {
          sink.onBegin = () => new Promise((resolve) => scene.peer.socket.once("close", () => resolve()));
          return { accept: true, sink };
        };
        await scene.peer.call();
        scene.peer.send(sfidOf());
        return scene;
      },
    ],
    [
      "to store what came",
      async (options) => {
        const monitor = monitorWith();
        const scene = await responding(monitor, options);
        monitor.acceptFile = (_sfid, sink) => {
          sink.onFinish = () => new Promise((resolve) => scene.peer.socket.once("close", () => resolve()));
          return { accept: true, sink };
        };
        await scene.peer.call();
        scene.peer.send(sfidOf());
        await scene.peer.receive("SFPA");
        scene.peer.send({ kind: "EFID", recordCount: 0, unitCount: 0 });
        return scene;
      },
    ],
    [
      "to read what it sends",
      async (options) => {
        const scene = await initiating(monitorWith(), options);
        const open = async () =>
          (async function* () {
            await new Promise<void>((resolve) => scene.peer.socket.once("close", () => resolve()));
            yield Buffer.from("late");
          })();
        const totals = { records: 0, octets: 4 };
        scene.monitor.outbox.push(outgoing({ name: "LATE", content: Buffer.alloc(0), overrides: { totals, open } }));
        await scene.peer.answer();
        await scene.peer.receive("SFID");
        scene.peer.send({ kind: "SFPA", restartPosition: 0 });
        return scene;
      },
    ],
  ];
  test.each(slow)("%s: 09", async (_what, set) => {
    const scene = await set(limits);
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });

  test("maximumMs ends a session that is busy", async () => {
    const monitor = monitorWith();
    const scene = await responding(monitor, { maximumMs: 80 });
    await scene.peer.call();
    scene.peer.send(sfidOf());
    await scene.peer.receive("SFPA");
    const busy = setInterval(() => scene.peer.send(dataOf(Buffer.from("x"), false)), 5);
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9, text: "the session may take 80 ms" });
    clearInterval(busy);
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });
});

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
    const session = initiateSession(socket, { monitor, identity: monitor.identity, signal: controller.signal });
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
      expect(monitor.sent.length + monitor.interrupted.length + monitor.outbox.length).toBe(offered.get(monitor));
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

