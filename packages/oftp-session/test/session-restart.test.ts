import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import type { FileFormat } from "@waybill/oftp-codec";
import type { FileTotals, TransferProgress } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { calledByInitiator, callResponder, sfidOf } from "./support/raw-peer.js";
import { sessionPair } from "./support/session-pair.js";

const NORMAL = [{ error: undefined }, { error: undefined }];
const RECORD = 50;

/** A file of about 200,000 octets, and where its parts lie. */
function fileOf(format: FileFormat) {
  const bytes = randomBytes(200_000);
  if (format !== "V") return { content: bytes, wire: bytes };
  const wire: Buffer[] = [];
  for (let at = 0, length = 0; at < bytes.length; at += length, length = (length + 7) % (RECORD + 1)) {
    const record = bytes.subarray(at, at + length);
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(record.length);
    wire.push(prefix, record);
  }
  return { content: bytes, wire: Buffer.concat(wire) };
}

/** What lies before a restart position: octets of the content that a sink has, and its totals. */
function before(format: FileFormat, wire: Buffer, position: number): { kept: number; totals: FileTotals } {
  if (format === "U" || format === "T") {
    return { kept: position * 1024, totals: { records: 0, octets: position * 1024 } };
  }
  if (format === "F") {
    return { kept: position * RECORD, totals: { records: position, octets: position * RECORD } };
  }
  let kept = 0;
  for (let record = 0; record < position; record += 1) kept += 2 + wire.readUInt16BE(kept);
  return { kept, totals: { records: position, octets: kept - 2 * position } };
}

interface Run {
  readonly format: FileFormat;
  /** Positions: what the speaker believes to have sent, what the listener has. */
  readonly offered: number;
  readonly has: number;
  readonly restart?: boolean;
}

async function run({ format, offered, has, restart = true }: Run) {
  const { wire } = fileOf(format);
  const maxRecordSize = format === "F" || format === "V" ? RECORD : 0;
  const alice = new MemoryMonitor({ code: "OALICE", restart });
  const bob = new MemoryMonitor({ code: "OBOB" });
  const sentBefore = before(format, wire, offered).totals;
  alice.outbox.push(outgoing({ name: "F", content: wire, format, maxRecordSize, sentBefore }));
  const agreed = restart ? Math.min(offered, has) : 0;
  bob.acceptFile = (_sfid, sink) => {
    sink.restartPosition = has;
    sink.before = before(format, wire, agreed).totals;
    return { accept: true, sink };
  };
  const progress: TransferProgress[] = [];
  const onProgress = (entry: TransferProgress) => progress.push(entry);
  const pair = await sessionPair(
    { monitor: alice, identity: alice.identity, onProgress },
    { monitor: bob, onProgress },
  );
  expect(await pair.ended).toEqual(NORMAL);
  const [received] = bob.received;
  const { kept } = before(format, wire, agreed);
  return { alice, bob, wire, kept, agreed, received: received!, progress };
}

const cases = (["U", "T", "F", "V"] as const).flatMap((format) =>
  (
    [
      [0, 0],
      [30, 30],
      [30, 20],
      [20, 30],
      [30, 0],
      [0, 30],
      [195, 195],
    ] as const
  ).map(([offered, has]) => [format, offered, has] as const),
);

describe("restart", () => {
  test.each(cases)("format %s, %i offered, the listener has %i", async (format, offered, has) => {
    const { alice, wire, kept, agreed, received, progress } = await run({ format, offered, has });
    expect(received.sfid.restartPosition).toBe(offered);
    expect(received.sink.events).toEqual([`begin ${agreed}`, "finish"]);
    expect(received.sink.content.equals(wire.subarray(kept))).toBe(true);
    const { totals } = alice.sent[0]!.file;
    expect(alice.sent[0]?.totals).toEqual(totals);
    expect(received.sink.totals).toEqual(totals);
    for (const direction of ["sent", "received"]) {
      const octets = progress.filter((entry) => entry.direction === direction).map((entry) => entry.octets);
      expect(octets).toEqual([...octets].sort((one, other) => one - other));
      expect(octets.at(-1)).toBe(totals.octets);
    }
    const begun = progress.find(({ direction }) => direction === "received");
    expect(begun?.octets).toBe(before(format, wire, agreed).totals.octets);
  });

  test("a file that was sent whole, but for the answer", async () => {
    const content = randomBytes(10_240);
    const alice = new MemoryMonitor({ code: "OALICE" });
    const bob = new MemoryMonitor({ code: "OBOB" });
    const all = { records: 0, octets: content.length };
    alice.outbox.push(outgoing({ name: "F", content, sentBefore: all }));
    bob.acceptFile = (_sfid, sink) => {
      sink.restartPosition = 10;
      sink.before = all;
      return { accept: true, sink };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(bob.received[0]?.sink.events).toEqual(["begin 10", "finish"]);
    expect(bob.received[0]?.sink.chunks).toEqual([]);
  });

  test.each(["U", "V"] as const)("not negotiated: format %s starts at 0", async (format) => {
    const { received, wire } = await run({ format, offered: 30, has: 30, restart: false });
    expect(received.sfid.restartPosition).toBe(0);
    expect(received.sink.content.equals(wire)).toBe(true);
  });

  test("a position that is offered although restart was not negotiated: 02", async () => {
    const bob = new MemoryMonitor({ code: "OBOB", restart: false });
    const { session, peer } = await callResponder({ monitor: bob });
    await peer.call();
    peer.send(sfidOf({ restartPosition: 1 }));
    expect(await peer.refused()).toMatchObject({ reason: 2 });
    expect((await session.ended).error).toMatchObject({ reason: 2, origin: "local" });
  });

  test("a partner that answers a position above the one that was offered: 02", async () => {
    const alice = new MemoryMonitor({ code: "OALICE" });
    const content = randomBytes(10_240);
    alice.outbox.push(outgoing({ name: "F", content, sentBefore: { records: 0, octets: 3000 } }));
    const { session, peer } = await calledByInitiator({ monitor: alice, identity: alice.identity });
    await peer.answer();
    expect(await peer.receive("SFID")).toMatchObject({ restartPosition: 2 });
    peer.send({ kind: "SFPA", restartPosition: 3 });
    expect(await peer.refused()).toMatchObject({ reason: 2 });
    expect((await session.ended).error).toMatchObject({ reason: 2, origin: "local" });
    expect(alice.interrupted).toHaveLength(1);
  });

  test("a file of V that became shorter than its restart position", async () => {
    const alice = new MemoryMonitor({ code: "OALICE" });
    const bob = new MemoryMonitor({ code: "OBOB" });
    const { wire } = fileOf("V");
    const file = outgoing({
      name: "F",
      content: wire,
      format: "V",
      maxRecordSize: RECORD,
      sentBefore: { records: 100, octets: 2000 },
      overrides: {
        open: async () =>
          (async function* () {
            yield Buffer.from([0, 1, 65]);
          })(),
      },
    });
    alice.outbox.push(file);
    bob.acceptFile = (_sfid, sink) => {
      sink.restartPosition = 100;
      sink.before = { records: 100, octets: 2000 };
      return { accept: true, sink };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    const [caller] = await pair.ended;
    expect(caller.error).toMatchObject({ reason: 99, cause: { code: "ERR_OFTP_FILE_CHANGED" } });
  });
});
