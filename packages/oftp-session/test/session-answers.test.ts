import { describe, expect, test } from "@jest/globals";
import { answerReasons } from "@waybill/oftp-codec";
import { FileRefusedError } from "@waybill/oftp-session";
import { MemoryMonitor, type MemorySink, outgoing } from "./support/memory-monitor.js";
import { calledByInitiator, callResponder, dataOf, type RawPeer, sfidOf } from "./support/raw-peer.js";
import { sessionPair } from "./support/session-pair.js";
import { untilStill } from "./support/until.js";

function stations() {
  return { alice: new MemoryMonitor({ code: "OALICE" }), bob: new MemoryMonitor({ code: "OBOB" }) };
}

const reasons = Object.values(answerReasons);
const withRetry = reasons.flatMap(({ code, text }) => [
  [code, true, text] as const,
  [code, false, text] as const,
]);
const NORMAL = [{ error: undefined }, { error: undefined }];

describe("SFNA and EFNA between two stations", () => {
  test("SFNA: every reason, with and without retry; the session goes on", async () => {
    const { alice, bob } = stations();
    const answers = [...withRetry];
    for (const index of answers.keys()) {
      alice.outbox.push(outgoing({ name: `F${index}`, content: Buffer.from("content") }));
    }
    alice.outbox.push(outgoing({ name: "LAST", content: Buffer.from("content") }));
    bob.acceptFile = (_sfid, sink) => {
      const answer = answers.shift();
      if (answer === undefined) return { accept: true, sink };
      const [reason, retry, text] = answer;
      return { accept: false, reason, retry, text };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.refused.map(({ refusal }) => refusal)).toEqual(
      withRetry.map(([reason, retry, text]) => ({ command: "SFNA", reason, retry, text })),
    );
    expect(alice.sent.map(({ file }) => file.datasetName)).toEqual(["LAST"]);
  });

  test("EFNA: every reason, from finish and from write; discarded once, and nothing after that", async () => {
    const { alice, bob } = stations();
    const sinks: MemorySink[] = [];
    for (const [index] of reasons.entries()) {
      for (const call of ["WRITE", "FINISH"]) {
        alice.outbox.push(outgoing({ name: `${call}.${index}`, content: Buffer.alloc(600_000) }));
      }
    }
    bob.acceptFile = (sfid, sink) => {
      const [call, index] = sfid.datasetName.split(".");
      const { code, text } = reasons[Number(index)]!;
      const refuse = async () => {
        throw new FileRefusedError(code, text, { retry: true });
      };
      if (call === "WRITE") sink.onWrite = refuse;
      else sink.onFinish = refuse;
      sinks.push(sink);
      return { accept: true, sink };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    bob.owed.length = 0;
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.refused.map(({ refusal }) => refusal)).toEqual(
      reasons.flatMap(({ code, text }) => {
        const refusal = { command: "EFNA", reason: code, retry: false, text };
        return [refusal, refusal];
      }),
    );
    expect(sinks.map(({ events }) => events)).toEqual(
      reasons.flatMap(() => [
        ["begin 0", "discard"],
        ["begin 0", "finish", "discard"],
      ]),
    );
  });

  test("a sink that fails otherwise: 12; a full disk may be tried again, and no path is told", async () => {
    const { alice, bob } = stations();
    const failures = ["EACCES", "ENOSPC", "EDQUOT"];
    for (const code of failures) alice.outbox.push(outgoing({ name: code, content: Buffer.from("content") }));
    bob.acceptFile = (sfid, sink) => {
      sink.onBegin = async () => {
        throw Object.assign(new Error("/secret/path"), { code: sfid.datasetName });
      };
      return { accept: true, sink };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    bob.owed.length = 0;
    await pair.ended;
    expect(alice.refused.map(({ refusal }) => [refusal.command, refusal.reason, refusal.retry])).toEqual([
      ["SFNA", 12, false],
      ["SFNA", 12, true],
      ["SFNA", 12, true],
    ]);
    expect(JSON.stringify(alice.refused)).not.toContain("secret");
    expect(bob.received.map(({ sink }) => sink.events)).toEqual(failures.map(() => ["begin 0", "discard"]));
  });

  test("a reason text is cut to 999 octets, not within a character", async () => {
    const { alice, bob } = stations();
    alice.outbox.push(
      outgoing({ name: "A", content: Buffer.from("x") }),
      outgoing({ name: "B", content: Buffer.from("x") }),
    );
    const text = "é".repeat(600);
    bob.acceptFile = (sfid, sink) => {
      if (sfid.datasetName === "A") return { accept: false, reason: 99, retry: false, text };
      sink.onFinish = async () => {
        throw new FileRefusedError(99, text);
      };
      return { accept: true, sink };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    bob.owed.length = 0;
    await pair.ended;
    expect(alice.refused.map(({ refusal }) => [refusal.command, refusal.text])).toEqual([
      ["SFNA", "é".repeat(499)],
      ["EFNA", "é".repeat(499)],
    ]);
  });

  test.each([1, 2, 4] as const)("level %i has no reason texts", async (level) => {
    const { alice, bob } = stations();
    alice.outbox.push(outgoing({ name: "A", content: Buffer.from("x") }));
    bob.acceptFile = () => ({ accept: false, reason: 13, retry: true, text: "there already" });
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants: { level } },
      { monitor: bob },
    );
    await pair.ended;
    expect(alice.refused.map(({ refusal }) => refusal)).toEqual([
      { command: "SFNA", reason: 13, retry: true, text: "" },
    ]);
  });
});

async function receiving(sfid: Parameters<typeof sfidOf>[0] = {}) {
  const { bob } = stations();
  const { session, peer } = await callResponder({ monitor: bob });
  await peer.call();
  peer.send(sfidOf(sfid));
  await peer.receive("SFPA");
  return { session, peer, bob };
}

async function goodbye(peer: RawPeer): Promise<void> {
  peer.send({ kind: "ESID", reason: 0, text: "" });
  await peer.close();
}

describe("counts of EFID", () => {
  test.each([
    ["octets", {}, { recordCount: 0, unitCount: 11 }, 11],
    ["records of U", {}, { recordCount: 1, unitCount: 10 }, 10],
    ["records of F", { format: "F", maxRecordSize: 5 }, { recordCount: 1, unitCount: 10 }, 10],
    ["records of V", { format: "V", maxRecordSize: 10 }, { recordCount: 2, unitCount: 10 }, 10],
    ["octets of V", { format: "V", maxRecordSize: 10 }, { recordCount: 1, unitCount: 9 }, 11],
  ] as const)("%s do not match", async (_what, sfid, efid, reason) => {
    const { peer, bob } = await receiving(sfid);
    const content = Buffer.from("0123456789");
    if (sfid && "format" in sfid && sfid.format === "F") {
      peer.send(dataOf(content.subarray(0, 5)), dataOf(content.subarray(5)));
    } else {
      peer.send(dataOf(content));
    }
    peer.send({ kind: "EFID", ...efid });
    expect(await peer.receive("EFNA")).toMatchObject({ reason });
    expect(bob.received[0]?.sink.events).toEqual(["begin 0", "discard"]);
    await goodbye(peer);
  });

  test("a record that has not ended", async () => {
    const { peer, bob } = await receiving({ format: "V", maxRecordSize: 10 });
    peer.send(dataOf(Buffer.from("0123"), false));
    peer.send({ kind: "EFID", recordCount: 0, unitCount: 4 });
    expect(await peer.receive("EFNA")).toMatchObject({ reason: 10 });
    expect(bob.received[0]?.sink.events).toEqual(["begin 0", "discard"]);
    await goodbye(peer);
  });

  test.each([
    ["F", 0, 5],
    ["V", 0, 5],
    ["V", 65_536, 5],
  ] as const)("format %s with record length %i is refused", async (format, maxRecordSize, reason) => {
    const { bob } = stations();
    const { peer } = await callResponder({ monitor: bob });
    await peer.call();
    peer.send(sfidOf({ format, maxRecordSize }));
    expect(await peer.receive("SFNA")).toMatchObject({ reason, retry: false });
    expect(bob.received).toEqual([]);
    await goodbye(peer);
  });

  test("a record that is longer than announced ends the session with 06", async () => {
    const { session, peer } = await receiving({ format: "V", maxRecordSize: 5 });
    peer.send(dataOf(Buffer.from("012345")));
    expect(await peer.refused()).toMatchObject({ reason: 6 });
    expect((await session.ended).error).toMatchObject({ code: "ERR_OFTP_PROTOCOL", reason: 6 });
  });
});

describe("a partner that refuses a file of ours", () => {
  test.each([
    ["SFNA", { kind: "SFNA", reason: 6, retry: true, text: "too big" }, false],
    ["EFNA", { kind: "EFNA", reason: 22, text: "cannot decrypt" }, true],
  ] as const)("%s", async (command, answer, afterwards) => {
    const { alice } = stations();
    alice.outbox.push(outgoing({ name: "F", content: Buffer.from("x") }));
    const { session, peer } = await calledByInitiator({ monitor: alice, identity: alice.identity });
    await peer.answer();
    await peer.receive("SFID");
    if (afterwards) {
      peer.send({ kind: "SFPA", restartPosition: 0 });
      await peer.receive("DATA");
      await peer.receive("EFID");
    }
    peer.send(answer);
    await peer.receive("CD");
    peer.send({ kind: "ESID", reason: 0, text: "" });
    await peer.close();
    expect(await session.ended).toEqual({ error: undefined });
    const { reason, text } = answer;
    expect(alice.refused.map(({ refusal }) => refusal)).toEqual([
      { command, reason, retry: !afterwards, text },
    ]);
    expect(alice.interrupted).toEqual([]);
  });
});

describe("a sink that is slow", () => {
  test("stops the sender at once: neither side gathers the file", async () => {
    const { alice, bob } = stations();
    const chunk = Buffer.alloc(64 * 1024);
    const octets = 64 * 1024 * 1024;
    let made = 0;
    const content = async () =>
      (async function* () {
        for (; made < octets; made += chunk.length) yield chunk;
      })();
    alice.outbox.push(
      outgoing({
        name: "LARGE",
        content: Buffer.alloc(0),
        overrides: { totals: { records: 0, octets }, open: content },
      }),
    );
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let stored = 0;
    bob.acceptFile = (_sfid, sink) => {
      sink.onWrite = () => gate;
      sink.write = async (octetsOfChunk) => {
        await sink.onWrite();
        stored += octetsOfChunk.length;
      };
      return { accept: true, sink };
    };
    // So much credit that it is no brake.
    const constants = { maxWindow: 999, maxBufSize: 99_999 };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants },
      { monitor: bob, constants },
    );
    await untilStill(() => made);
    // Chunks here, the socket's own buffers, and what the kernel takes on loopback (some MiB).
    expect(made).toBeLessThan(24 * 1024 * 1024);
    expect(pair.near.writableLength).toBeLessThan(2 * 1024 * 1024);
    open();
    expect(await pair.ended).toEqual(NORMAL);
    expect(stored).toBe(octets);
  });
});
