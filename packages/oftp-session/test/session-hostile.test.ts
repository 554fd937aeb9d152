import { request } from "node:http";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type Command, encodeCommand, frameExchangeBuffer } from "@waybill/oftp-codec";
import type { SessionEnd } from "@waybill/oftp-session";
import { respondSession } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { mutate, type Random, randomBuffer, randomFrom } from "./support/random-buffers.js";
import {
  calledByInitiator,
  callResponder,
  dataOf,
  type RawPeer,
  sfidOf,
  ssidOf,
} from "./support/raw-peer.js";
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

const protocol = (reason: number) => ({ code: "ERR_OFTP_PROTOCOL", reason, origin: "local" });

/** A responder in the state in which a test wants it. */
const stages = {
  "before SSID": async (peer: RawPeer) => {
    await peer.receive("SSRM");
  },
  listener: async (peer: RawPeer) => {
    await peer.call();
  },
  "receiving a file": async (peer: RawPeer) => {
    await peer.call();
    peer.send(sfidOf());
    await peer.receive("SFPA");
  },
  speaker: async (peer: RawPeer) => {
    await peer.call();
    peer.send({ kind: "CD" });
    await peer.receive("SFID");
  },
} as const;

type Stage = keyof typeof stages;

async function responderIn(stage: Stage) {
  const monitor = new MemoryMonitor({ code: "OBOB" });
  if (stage === "speaker") monitor.outbox.push(outgoing({ name: "OURS", content: Buffer.alloc(5000) }));
  const { session, peer } = await callResponder({ monitor });
  await stages[stage](peer);
  return { session, peer, monitor };
}

const wrong: readonly (readonly [Stage, Command])[] = [
  ["before SSID", { kind: "SSRM" }],
  ["before SSID", sfidOf()],
  ["before SSID", { kind: "CD" }],
  ["before SSID", { kind: "SECD" }],
  ["before SSID", { kind: "AURP", response: new Uint8Array(20) }],
  ["listener", ssidOf()],
  ["listener", dataOf(Buffer.from("x"))],
  ["listener", { kind: "EFID", recordCount: 0, unitCount: 0 }],
  ["listener", { kind: "SFPA", restartPosition: 0 }],
  ["listener", { kind: "RTR" }],
  ["listener", { kind: "CDT" }],
  ["receiving a file", sfidOf()],
  ["receiving a file", { kind: "CD" }],
  ["receiving a file", { kind: "CDT" }],
  ["receiving a file", { kind: "EFPA", changeDirection: false }],
  ["speaker", { kind: "CDT" }],
  ["speaker", { kind: "EFNA", reason: 99, text: "" }],
  ["speaker", { kind: "RTR" }],
  ["speaker", sfidOf()],
  // Above the position that was offered.
  ["speaker", { kind: "SFPA", restartPosition: 1 }],
];

describe("a command that is not allowed", () => {
  test.each(wrong)("%s: %j is answered with 02", async (stage, command) => {
    const { session, peer, monitor } = await responderIn(stage);
    peer.send(command);
    expect(await peer.refused()).toMatchObject({ reason: 2 });
    expect(endOf(await session.ended)).toEqual(protocol(2));
    expect(monitor.received.map(({ sink }) => sink.events)).toEqual(
      stage === "receiving a file" ? [["begin 0", "interrupt"]] : [],
    );
    expect(monitor.interrupted.map(({ error }) => error)).toEqual(
      stage === "speaker" ? [(await session.ended).error] : [],
    );
  });

  test("an initiator answers 02 to what is no SSID", async () => {
    const alice = new MemoryMonitor({ code: "OALICE" });
    const { session, peer } = await calledByInitiator({ monitor: alice, identity: alice.identity });
    peer.send({ kind: "SSRM" });
    await peer.receive("SSID");
    peer.send(sfidOf());
    expect(await peer.refused()).toMatchObject({ reason: 2 });
    expect(endOf(await session.ended)).toEqual(protocol(2));
  });
});

describe("a buffer that is no command", () => {
  const cases: readonly (readonly [string, Buffer, number])[] = [
    ["an unknown command", Buffer.from("?????"), 1],
    ["an invalid field", encodeCommand(sfidOf(), 5).fill("x", 27, 60), 6],
    ["a command that is too short", encodeCommand(sfidOf(), 5).subarray(0, 50), 7],
    ["a command that is too long", Buffer.from("CD and more"), 7],
    ["a text that is longer than its buffer", Buffer.from("F99999x\r", "latin1"), 7],
  ];
  test.each(cases)("%s", async (_what, octets, reason) => {
    const { session, peer } = await responderIn("listener");
    peer.sendBuffer(octets);
    expect(await peer.refused()).toMatchObject({ reason });
    expect(endOf(await session.ended)).toEqual(protocol(reason));
  });

  test("a subrecord that is longer than its buffer: 06, and what came before is kept", async () => {
    const { session, peer, monitor } = await responderIn("receiving a file");
    peer.send(dataOf(Buffer.alloc(100, "a"), false));
    peer.send({ kind: "DATA", payload: Buffer.from([63, 1, 2]) });
    expect(await peer.refused()).toMatchObject({ reason: 6 });
    expect(endOf(await session.ended)).toEqual(protocol(6));
    expect(monitor.received[0]?.sink.content.toString()).toBe("a".repeat(100));
    expect(monitor.received[0]?.sink.events).toEqual(["begin 0", "interrupt"]);
  });

  test("after the ESID nothing more is sent, not even a CDT that is due", async () => {
    const { session, peer } = await responderIn("receiving a file");
    peer.send(dataOf(Buffer.from("a"), false), dataOf(Buffer.from("b"), false));
    peer.send({ kind: "DATA", payload: Buffer.from([63, 1, 2]) });
    const sent: (Command | undefined)[] = [await peer.next(), await peer.next()];
    // The credit was used up by then: the CDT may go before the ESID, never behind it.
    while (sent.at(-1) !== undefined && sent.at(-1)?.kind !== "ESID") sent.push(await peer.next());
    expect(sent.map((command) => command?.kind)).toEqual(["CDT", "ESID"]);
    await peer.close();
    await session.ended;
  });

  test("a data exchange buffer above the agreed size: 07", async () => {
    const over = await responderIn("receiving a file");
    over.peer.sendBuffer(Buffer.concat([Buffer.from("D"), Buffer.alloc(1000, 0x3f)]));
    expect(await over.peer.refused()).toMatchObject({ reason: 7 });
    expect(endOf(await over.session.ended)).toEqual(protocol(7));
  });
});

describe("streams that are no ODETTE-FTP", () => {
  test.each([
    ["a stream header of version 0", Buffer.from([0, 0, 0, 9, 0x49])],
    ["a length of 0", Buffer.from([0x10, 0, 0, 0])],
    ["a length that leaves no command", Buffer.from([0x10, 0, 0, 4])],
    ["a length of 16 MB", Buffer.from([0x10, 0xff, 0xff, 0xff])],
  ])("%s: 07", async (_what, octets) => {
    const { session, peer } = await responderIn("listener");
    peer.sendBytes(octets);
    expect(await peer.refused()).toMatchObject({ reason: 7 });
    expect(endOf(await session.ended)).toEqual(protocol(7));
  });

  test("an HTTP client", async () => {
    const { near, far } = await socketPair();
    const session = respondSession(far, { monitor: new MemoryMonitor({ code: "OBOB" }) });
    const failed = new Promise((resolve) => {
      const call = request({ createConnection: () => near, path: "/" }, () => resolve("answered"));
      call.on("error", (error) => resolve(error));
      call.end();
    });
    expect(endOf(await session.ended)).toEqual(protocol(7));
    expect(await failed).toMatchObject({ code: expect.stringMatching(/^HPE_|ECONNRESET/) });
  });

  test("a TLS client on the plain port", async () => {
    const { near, far } = await socketPair();
    const session = respondSession(far, { monitor: new MemoryMonitor({ code: "OBOB" }) });
    const failed = new Promise((resolve) => {
      const client = connectTls({ socket: near, rejectUnauthorized: false }, () => resolve("connected"));
      client.on("error", (error) => {
        resolve(error);
        client.destroy();
      });
    });
    expect(await failed).toMatchObject({ code: expect.stringContaining("ERR_SSL") });
    expect(endOf(await session.ended)?.reason).toBe(7);
  });
});

/** A connection that takes nothing. */
class DeafDuplex extends Duplex {
  /** Asked whenever more can come. */
  onRead: () => void = () => {};

  override _read(): void {
    setImmediate(() => this.onRead());
  }

  override _write(): void {}
}

describe("a partner that makes us answer, and reads nothing", () => {
  test("answers do not gather here", async () => {
    const monitor = new MemoryMonitor({ code: "OBOB" });
    const far = new DeafDuplex();
    const session = respondSession(far, { monitor, inactivityTimeoutMs: 200 });
    let over = false;
    void session.ended.then(() => {
      over = true;
    });
    far.push(frameExchangeBuffer(encodeCommand(ssidOf({ credit: 1 }), 5)));
    await until(() => session.negotiated !== undefined);
    far.push(frameExchangeBuffer(encodeCommand(sfidOf(), 5)));
    await until(() => monitor.received[0]?.sink.events.length === 1);
    await turn();
    // Each of these is answered with a CDT of 5 octets.
    const flood = Buffer.concat(Array<Buffer>(1000).fill(frameExchangeBuffer(Buffer.from("D"))));
    let most = 0;
    far.onRead = () => {
      most = Math.max(most, far.writableLength);
      if (!over && most < 500_000) far.push(flood);
    };
    far.push(flood);
    expect(endOf(await session.ended)).toEqual({ code: "ERR_OFTP_TIMEOUT", reason: 9, origin: "local" });
    expect(most).toBeGreaterThan(1000);
    expect(most).toBeLessThan(5 * 6000);
  });
});

describe("random and mutated buffers", () => {
  const COUNT = Number(process.env.OFTP_HOSTILE_BUFFERS ?? 5000);
  /** Sessions after which everything is compiled and cached. */
  const WARM_UP = 100;

  function memoryInUse(): number {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }

  /** Sends hostile buffers until the session ends. */
  async function attack(random: Random): Promise<{ sent: number; end: SessionEnd; sinks: string[][] }> {
    const monitor = new MemoryMonitor({ code: "OBOB" });
    monitor.outbox.push(outgoing({ name: "OURS", content: Buffer.alloc(random(3000)) }));
    const { near, far } = await socketPair();
    const session = respondSession(far, { monitor, inactivityTimeoutMs: 2000 });
    let over = false;
    void session.ended.then(() => {
      over = true;
    });
    near.on("error", () => {});
    near.resume();
    const stage = random(4);
    const phrases: Command[][] = [[], [ssidOf()], [ssidOf(), sfidOf()], [ssidOf(), { kind: "CD" }]];
    for (const command of phrases[stage]!) near.write(frameExchangeBuffer(encodeCommand(command, 5)));
    let sent = 0;
    for (; sent < 20 && !over; sent += 1) {
      near.write(
        random(3) === 0 ? randomBuffer(random) : mutate(random, sampleBuffers[random(sampleBuffers.length)]!),
      );
      if (random(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    near.end();
    const end = await session.ended;
    near.destroy();
    return { sent, end, sinks: monitor.received.map(({ sink }) => sink.events) };
  }

  const sampleBuffers = [
    ssidOf(),
    sfidOf(),
    sfidOf({ format: "V", maxRecordSize: 80 }),
    dataOf(Buffer.alloc(900, "abcdef")),
    { kind: "CDT" },
    { kind: "CD" },
    { kind: "EFID", recordCount: 0, unitCount: 900 },
    { kind: "SFPA", restartPosition: 0 },
    { kind: "SFNA", reason: 99, retry: true, text: "text" },
    { kind: "EFPA", changeDirection: true },
    { kind: "EFNA", reason: 12, text: "text" },
    { kind: "RTR" },
    { kind: "SECD" },
    { kind: "AUCH", challenge: new Uint8Array(50) },
    { kind: "AURP", response: new Uint8Array(20) },
    { kind: "ESID", reason: 99, text: "text" },
  ].map((command) => frameExchangeBuffer(encodeCommand(command as Command, 5)));

  test(`${COUNT} of them: every session ends, every file is settled, memory comes back`, async () => {
    const seed = Number(process.env.OFTP_HOSTILE_SEED ?? Date.now() % 1_000_000);
    const random = randomFrom(seed);
    const collect = globalThis.gc;
    let sent = 0;
    let before = 0;
    for (let sessions = 0; sent < COUNT; sessions += 1) {
      if (sessions === WARM_UP) {
        collect?.();
        before = memoryInUse();
      }
      const result = await attack(random);
      sent += result.sent;
      const { error } = result.end;
      if (error !== undefined && error.reason === 5) throw new Error(`seed ${seed}`, { cause: error });
      for (const events of result.sinks) {
        expect(events.filter((event) => ["interrupt", "discard"].includes(event)).length).toBeLessThanOrEqual(
          1,
        );
        expect(events.length).toBeLessThanOrEqual(3);
      }
    }
    collect?.();
    const grown = memoryInUse() - before;
    if (process.env.OFTP_HOSTILE_BUFFERS !== undefined) {
      process.stderr.write(`memory has grown by ${Math.round(grown / 1024)} KiB
`);
    }
    // Without --expose-gc most of it is garbage.
    expect(grown).toBeLessThan((collect === undefined ? 100 : 5) * 1024 * 1024);
  }, 600_000);
});
