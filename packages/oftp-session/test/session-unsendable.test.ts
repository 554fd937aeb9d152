import { describe, expect, test } from "@jest/globals";
import type { Capability } from "@waybill/oftp-codec";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { sessionPair } from "./support/session-pair.js";

const NORMAL = [{ error: undefined }, { error: undefined }];

function stations() {
  return { alice: new MemoryMonitor({ code: "OALICE" }), bob: new MemoryMonitor({ code: "OBOB" }) };
}

describe("what cannot be sent", () => {
  async function sending(...files: ReturnType<typeof outgoing>[]) {
    const { alice, bob } = stations();
    alice.outbox.push(...files, outgoing({ name: "NEXT", content: Buffer.from("next") }));
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    const [caller, called] = await pair.ended;
    return { alice, bob, caller, called };
  }

  const broken = {
    "it has grown": { totals: { records: 0, octets: 99_999 } },
    "it has shrunk": { totals: { records: 0, octets: 100_001 } },
    "it cannot be opened": {
      open: async () => {
        throw Object.assign(new Error("/secret/path"), { code: "ENOENT" });
      },
    },
    "reading it fails": {
      open: async () =>
        (async function* () {
          yield Buffer.alloc(50_000);
          throw Object.assign(new Error("/secret/path"), { code: "EIO" });
        })(),
    },
  };
  test.each(Object.entries(broken))("%s: 99, never an EFID", async (_what, overrides) => {
    const { alice, bob, caller, called } = await sending(
      outgoing({ name: "BROKEN", content: Buffer.alloc(100_000), overrides }),
    );
    expect(caller.error).toMatchObject({ code: "ERR_OFTP_SESSION_ENDED", reason: 99, origin: "local" });
    expect(called.error).toMatchObject({ code: "ERR_OFTP_SESSION_ENDED", reason: 99, origin: "distant" });
    expect(called.error?.message).not.toContain("secret");
    expect(alice.interrupted).toHaveLength(1);
    expect(alice.interrupted[0]?.error).toBe(caller.error?.cause);
    expect(alice.interrupted[0]?.error).toMatchObject({
      code: expect.stringMatching(/ERR_OFTP_FILE_CHANGED|ENOENT|EIO/),
    });
    expect(alice.sent).toEqual([]);
    expect(bob.received.map(({ sink }) => sink.events)).toEqual([["begin 0", "interrupt"]]);
  });

  test.each([
    ["a record of V that is too long", "V", [0, 6, 1, 2, 3, 4, 5, 6], 5, "ERR_OFTP_RECORD_LENGTH"],
    ["a record of V that is cut", "V", [0, 6, 1, 2, 3, 4, 5], 10, "ERR_OFTP_RECORD_LENGTH"],
    ["half a length of V", "V", [0, 1, 2, 0], 10, "ERR_OFTP_RECORD_LENGTH"],
    ["half a record of F", "F", [1, 2, 3], 2, "ERR_OFTP_RECORD_LENGTH"],
  ] as const)("%s: 99", async (_what, format, octets, maxRecordSize, code) => {
    const content = Buffer.from(octets);
    const file = outgoing({
      name: "BROKEN",
      content: Buffer.alloc(0),
      format,
      maxRecordSize,
      overrides: {
        totals: { records: 1, octets: content.length },
        open: async () =>
          (async function* () {
            yield content;
          })(),
      },
    });
    const { alice, caller } = await sending(file);
    expect(caller.error).toMatchObject({ reason: 99, origin: "local", cause: { code } });
    expect(alice.interrupted.map(({ error }) => error)).toEqual([caller.error?.cause]);
  });

  test("what cannot be encoded concerns that file only", async () => {
    const { alice, bob, caller } = await sending(
      outgoing({
        name: "lower case is no code",
        content: Buffer.from("x"),
        overrides: { destination: "lower" },
      }),
      outgoing({ name: "", content: Buffer.from("x") }),
      outgoing({ name: "MUCH.LONGER.THAN.26.CHARACTERS", content: Buffer.from("x") }),
    );
    expect(caller.error).toBeUndefined();
    expect(alice.interrupted.map(({ error }) => (error as { code: string }).code)).toEqual([
      expect.stringMatching(/^ERR_OFTP_FIELD_/),
      "ERR_OFTP_FIELD_LENGTH",
      "ERR_OFTP_FIELD_LENGTH",
    ]);
    expect(bob.received.map(({ sfid }) => sfid.datasetName)).toEqual(["NEXT"]);
  });

  test("nothing but files that cannot be encoded: whoever got the turn with CD still ends the session", async () => {
    const { alice, bob } = stations();
    bob.outbox.push(outgoing({ name: "", content: Buffer.from("x") }));
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(bob.interrupted).toHaveLength(1);
  });

  test("a monitor that gives the same file again is not asked for ever", async () => {
    const { alice, bob } = stations();
    const file = outgoing({ name: "", content: Buffer.from("x") });
    alice.nextWork = async () => ({ kind: "file", file });
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.interrupted).toHaveLength(1);
  });

  test("a session in which this station only receives", async () => {
    const { alice, bob } = stations();
    alice.outbox.push(outgoing({ name: "F", content: Buffer.from("x") }));
    bob.outbox.push(outgoing({ name: "G", content: Buffer.from("y") }));
    const identity = { ...alice.identity, mode: "R" as Capability };
    const pair = await sessionPair({ monitor: alice, identity }, { monitor: bob });
    expect(await pair.ended).toEqual(NORMAL);
    expect(alice.interrupted[0]?.error).toMatchObject({ code: "ERR_OFTP_DIRECTION" });
    expect(bob.sent).toHaveLength(1);
    expect(bob.responses).toHaveLength(1);
  });
});
