import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import type { Nerp } from "@waybill/oftp-codec";
import { initiateSession, respondSession, type TrailEntry } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { calledByInitiator, callResponder, sfidOf } from "./support/raw-peer.js";
import { sessionPair } from "./support/session-pair.js";
import { turn } from "./support/until.js";

const NORMAL = [{ error: undefined }, { error: undefined }];

function stations() {
  return { alice: new MemoryMonitor({ code: "OALICE" }), bob: new MemoryMonitor({ code: "OBOB" }) };
}

function queue(monitor: MemoryMonitor, ...sizes: number[]): void {
  for (const size of sizes) {
    monitor.outbox.push(outgoing({ name: `F${size}`, content: Buffer.alloc(size, "content ") }));
  }
}

const nerp: Nerp = {
  kind: "NERP",
  datasetName: "LOST",
  timestamp: { date: "20261120", time: "1011120001" },
  destination: "ODEST",
  originator: "OORIG",
  creator: "OALICE",
  reason: 35,
  text: "not delivered",
  hash: new Uint8Array(),
  signature: new Uint8Array(),
};

/** The kinds of commands that one side saw, without the turns of credit. */
function kindsOf(trail: readonly TrailEntry[]): string[] {
  return trail
    .filter(({ command }) => command?.kind !== "DATA" && command?.kind !== "CDT")
    .map(({ direction, command }) => `${direction === "sent" ? ">" : "<"}${command?.kind}`);
}

describe("direction", () => {
  test("each side sends all that it has; the responder ends the session", async () => {
    const { alice, bob } = stations();
    queue(alice, 10, 0);
    queue(bob, 20);
    const trail: TrailEntry[] = [];
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, onTrail: (entry) => trail.push({ ...entry }) },
      { monitor: bob },
    );
    expect(await pair.ended).toEqual(NORMAL);
    expect(kindsOf(trail)).toEqual([
      ...["<SSRM", ">SSID", "<SSID"],
      ...[">SFID", "<SFPA", ">EFID", "<EFPA", ">SFID", "<SFPA", ">EFID", "<EFPA", ">CD"],
      // The end responses go before the file.
      ...["<EERP", ">RTR", "<EERP", ">RTR", "<SFID", ">SFPA", "<EFID", ">EFPA", "<CD"],
      ...[">EERP", "<RTR", ">CD", "<ESID"],
    ]);
  });

  test("EFPA asks for the turn, which the speaker gives after the file that is under way", async () => {
    const { alice, bob } = stations();
    queue(alice, 10, 20);
    queue(bob, 30);
    bob.wantsTurn = () => bob.outbox.length > 0;
    const trail: TrailEntry[] = [];
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, onTrail: (entry) => trail.push({ ...entry }) },
      { monitor: bob },
    );
    expect(await pair.ended).toEqual(NORMAL);
    const efpa = trail.findIndex(({ command }) => command?.kind === "EFPA");
    expect(trail[efpa]?.command).toMatchObject({ changeDirection: true });
    expect(trail[efpa + 1]?.command?.kind).toBe("CD");
    expect(alice.sent).toHaveLength(2);
    expect(alice.received).toHaveLength(1);
  });

  test("a station that asks for the turn and has nothing gives it back", async () => {
    const { alice, bob } = stations();
    queue(alice, 10, 20, 30);
    bob.wantsTurn = () => true;
    bob.nextWork = async () => ({ kind: "nothing" });
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.sent).toHaveLength(3);
  });

  test("nothing to send on either side", async () => {
    const { alice, bob } = stations();
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
  });

  test("a partner that ends the session normally within a file: the file is kept, the end is an error", async () => {
    const { bob } = stations();
    const { session, peer } = await callResponder({ monitor: bob });
    await peer.call();
    peer.send(sfidOf());
    await peer.receive("SFPA");
    peer.send({ kind: "ESID", reason: 0, text: "" });
    await peer.close();
    expect((await session.ended).error).toMatchObject({
      code: "ERR_OFTP_SESSION_ENDED",
      reason: 0,
      origin: "distant",
    });
    expect(bob.received[0]?.sink.events).toEqual(["begin 0", "interrupt"]);
  });
});

describe("end responses", () => {
  test("EERP and NERP before files; both reach the partner", async () => {
    const { alice, bob } = stations();
    await alice.receive(sfidOf());
    alice.received.length = 0;
    alice.owed.push({ key: "nerp", response: nerp });
    queue(alice, 10);
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(bob.responses).toMatchObject([{ kind: "EERP", datasetName: "RAW.FILE" }, nerp]);
    expect(alice.owed).toEqual([]);
    expect(bob.received).toHaveLength(1);
  });

  test.each([1, 2] as const)(
    "level %i has no NERP: the monitor is told, and the session goes on",
    async (level) => {
      const { alice, bob } = stations();
      alice.owed.push({ key: "nerp", response: nerp });
      queue(alice, 10);
      const pair = await sessionPair(
        { monitor: alice, identity: alice.identity, constants: { level } },
        { monitor: bob },
      );
      expect(await pair.ended).toEqual(NORMAL);
      expect(alice.impossible).toMatchObject([
        { response: { key: "nerp" }, error: { code: "ERR_OFTP_COMMAND_NOT_IN_LEVEL" } },
      ]);
      expect(bob.responses).toEqual([]);
      expect(bob.received).toHaveLength(1);
    },
  );

  test("one that is offered again and again ends nothing but the turn", async () => {
    const { alice, bob } = stations();
    alice.nextWork = async () => ({ kind: "endResponse", endResponse: { key: "nerp", response: nerp } });
    alice.endResponseImpossible = async () => {};
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants: { level: 2 } },
      { monitor: bob },
    );
    expect(await pair.ended).toEqual(NORMAL);
  });

  test("RTR is sent only when what came is recorded", async () => {
    const { bob } = stations();
    let record: () => void = () => {};
    bob.endResponseReceived = () =>
      new Promise((resolve) => {
        record = resolve;
      });
    const { session, peer } = await callResponder({ monitor: bob });
    await peer.call();
    peer.send(nerp);
    let answered = false;
    const rtr = peer.receive("RTR").then(() => {
      answered = true;
    });
    for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    record();
    await rtr;
    peer.destroy();
    await session.ended;
  });

  test("one that was not taken stays owed", async () => {
    const { alice } = stations();
    await alice.receive(sfidOf());
    alice.received.length = 0;
    const { session, peer } = await calledByInitiator({ monitor: alice, identity: alice.identity });
    await peer.answer();
    await peer.receive("EERP");
    peer.destroy();
    await session.ended;
    expect(alice.owed).toHaveLength(1);
    expect(alice.impossible).toEqual([]);
  });

  test("a station that cannot record one ends the session with 05", async () => {
    const { bob } = stations();
    bob.endResponseReceived = async () => {
      throw new Error("disk full");
    };
    const { session, peer } = await callResponder({ monitor: bob });
    await peer.call();
    peer.send(nerp);
    expect(await peer.refused()).toMatchObject({ reason: 5 });
    expect((await session.ended).error).toMatchObject({ reason: 5, cause: { message: "disk full" } });
  });
});

describe("small and odd", () => {
  test.each([false, true])("credit 1 and buffers of 128 octets, compression %s", async (compression) => {
    const { alice, bob } = stations();
    const contents = [
      Buffer.alloc(20_000, "a"),
      Buffer.from(Array.from({ length: 20_000 }, (_, at) => (at * 31) >> 3)),
    ];
    for (const [index, content] of contents.entries())
      alice.outbox.push(outgoing({ name: `F${index}`, content }));
    const constants = { maxBufSize: 128, maxWindow: 1, capCompression: compression };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants },
      { monitor: bob, constants },
    );
    expect(await pair.ended).toEqual(NORMAL);
    expect(bob.received.map(({ sink }) => sink.content.equals(contents.shift()!))).toEqual([true, true]);
  });

  test("a file without octets, one of empty records, and one of no records", async () => {
    const { alice, bob } = stations();
    const format = "V" as const;
    alice.outbox.push(
      outgoing({ name: "EMPTY", content: Buffer.alloc(0) }),
      outgoing({ name: "RECORDS", content: Buffer.alloc(2000), format, maxRecordSize: 10 }),
      outgoing({ name: "NONE", content: Buffer.alloc(0), format, maxRecordSize: 10 }),
    );
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(bob.received.map(({ sink }) => [sink.content.length, sink.totals])).toEqual([
      [0, { records: 0, octets: 0 }],
      [2000, { records: 1000, octets: 0 }],
      [0, { records: 0, octets: 0 }],
    ]);
  });
});

describe("the trail", () => {
  test("both sides saw the same commands, in order, DATA included", async () => {
    const { alice, bob } = stations();
    queue(alice, 5000);
    queue(bob, 3000, 0);
    const trails = { alice: [] as string[], bob: [] as string[] };
    const writeTo = (lines: string[], own: string, other: string) => (entry: TrailEntry) => {
      const who = entry.direction === "sent" ? own : other;
      lines.push(`${who} ${entry.command?.kind} ${Buffer.from(entry.octets).toString("hex")}`);
    };
    const constants = { maxBufSize: 500, maxWindow: 2 };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants, onTrail: writeTo(trails.alice, "alice", "bob") },
      { monitor: bob, constants, onTrail: writeTo(trails.bob, "bob", "alice") },
    );
    expect(await pair.ended).toEqual(NORMAL);
    // Each side's own are in order, and so are the other's: only who was first may be seen differently.
    for (const who of ["alice ", "bob "]) {
      const [here, there] = [trails.alice, trails.bob].map((lines) =>
        lines.filter((line) => line.startsWith(who)),
      );
      expect(here).toEqual(there);
    }
    expect(trails.alice.filter((line) => line.startsWith("alice DATA")).length).toBeGreaterThan(10);
  });

  test("observers that fail are logged, and disturb nothing", async () => {
    const { alice, bob } = stations();
    queue(alice, 100);
    const fail = () => {
      throw new Error("observer");
    };
    const logged: unknown[] = [];
    const log = (...args: unknown[]) => {
      logged.push(args);
    };
    const logger = { trace: log, debug: log, info: log, warn: log, error: log, child: () => logger };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, onTrail: fail, onProgress: fail, logger: logger as never },
      { monitor: bob, onTrail: fail, onProgress: fail },
    );
    expect(await pair.ended).toEqual(NORMAL);
    expect(logged.length).toBeGreaterThan(0);
  });
});

/** A connection that gives every octet on its own, some time after it said that it was written. */
class SplittingDuplex extends Duplex {
  other: SplittingDuplex | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    void this.#later(() => {
      for (let at = 0; at < chunk.length; at += 1) this.other?.push(chunk.subarray(at, at + 1));
    });
    done();
  }

  override _final(done: () => void): void {
    void this.#later(() => this.other?.push(null));
    done();
  }

  async #later(give: () => void): Promise<void> {
    for (let turns = 0; turns < 10; turns += 1) await turn();
    give();
  }
}

describe("connections of other kinds", () => {
  test.each([16, 1024 * 1024 * 4])("single octets, high-water mark %i", async (writableHighWaterMark) => {
    const near = new SplittingDuplex({ writableHighWaterMark });
    const far = new SplittingDuplex({ writableHighWaterMark });
    near.other = far;
    far.other = near;
    const { alice, bob } = stations();
    const contents = [3000, 0, 700_000].map((size) => randomBytes(size));
    for (const [index, content] of contents.entries()) {
      // Memory that is used again before it was read would be overwritten meanwhile.
      const open = async () =>
        (async function* () {
          for (let at = 0; at < content.length; at += 40_000) {
            yield content.subarray(at, at + 40_000);
            await turn();
          }
        })();
      alice.outbox.push(outgoing({ name: `F${index}`, content, overrides: { open } }));
    }
    queue(bob, 2000);
    const called = respondSession(far, { monitor: bob });
    const calling = initiateSession(near, { monitor: alice, identity: alice.identity });
    expect([await calling.ended, await called.ended]).toEqual(NORMAL);
    expect(bob.received.map(({ sink }, index) => sink.content.equals(contents[index]!))).toEqual([
      true,
      true,
      true,
    ]);
    expect(alice.received[0]?.sink.content.equals(Buffer.alloc(2000, "content "))).toBe(true);
  });

  test("many small files do not wait for delayed acknowledgements", async () => {
    const { alice, bob } = stations();
    queue(alice, ...Array.from({ length: 200 }, (_, index) => index));
    const begun = performance.now();
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    // 40 ms for each would be 8 s.
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});
