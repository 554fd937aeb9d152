import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { encodeCommand, endSessionReasons } from "@waybill/oftp-codec";
import type { PartnerAnswer, SessionAuthenticator, SessionEnd } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { calledByInitiator, callResponder, ssidOf } from "./support/raw-peer.js";
import { sessionPair } from "./support/session-pair.js";

const { userCodeNotKnown, invalidPassword, resourcesNotAvailable } = endSessionReasons;

function stations() {
  return { alice: new MemoryMonitor({ code: "OALICE" }), bob: new MemoryMonitor({ code: "OBOB" }) };
}

function endOf({ error }: SessionEnd) {
  return error && { code: error.code, reason: error.reason, origin: error.origin };
}

const refusals = [
  ["unknown SSID", userCodeNotKnown.code],
  ["wrong password", invalidPassword.code],
] as const;

describe("who may have a session", () => {
  test.each(refusals)("responder: %s (%i)", async (_what, reason) => {
    const { alice, bob } = stations();
    bob.answer = (ssid): PartnerAnswer => {
      expect(ssid).toMatchObject({ code: "OALICE", password: "PASSWORD" });
      return { accept: false, reason, text: "no" };
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    const [caller, called] = await pair.ended;
    expect(endOf(caller)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason, origin: "distant" });
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason, origin: "local" });
    expect(caller.error?.message).toContain("(no)");
    expect([alice.negotiated, bob.negotiated]).toEqual([undefined, undefined]);
  });

  test.each(refusals)("initiator: %s (%i)", async (_what, reason) => {
    const { alice, bob } = stations();
    alice.outbox.push(outgoing({ name: "SECRET", content: Buffer.from("x") }));
    alice.answer = () => ({ accept: false, reason });
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    const [caller, called] = await pair.ended;
    expect(endOf(caller)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason, origin: "local" });
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason, origin: "distant" });
    // The session was never open for the monitor that did not want it.
    expect(alice.negotiated).toBeUndefined();
    expect(bob.received).toEqual([]);
  });

  test("the short ESID of an old partner tells the initiator its reason", async () => {
    const { alice } = stations();
    const { session, peer } = await calledByInitiator({ monitor: alice, identity: alice.identity });
    peer.send({ kind: "SSRM" });
    await peer.receive("SSID");
    peer.sendBuffer(encodeCommand({ kind: "ESID", reason: 4, text: "" }, 2));
    expect(endOf(await session.ended)).toEqual({
      code: "ERR_OFTP_SESSION_REFUSED",
      reason: 4,
      origin: "distant",
    });
  });

  test("too many sessions: 08 before anything is looked at", async () => {
    const { alice, bob } = stations();
    const refuse = { reason: resourcesNotAvailable.code, text: "too many sessions" };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob, refuse });
    const [caller, called] = await pair.ended;
    expect(endOf(caller)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 8, origin: "distant" });
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 8, origin: "local" });
    expect(bob.partner).toBeUndefined();
  });

  test("a monitor that fails ends the session with 05, and tells the partner nothing of why", async () => {
    const { alice, bob } = stations();
    bob.answer = () => {
      throw new Error("cannot read secret/place");
    };
    const pair = await sessionPair({ monitor: alice, identity: alice.identity }, { monitor: bob });
    const [caller, called] = await pair.ended;
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_ENDED", reason: 5, origin: "local" });
    expect(called.error?.cause).toMatchObject({ message: "cannot read secret/place" });
    expect(caller.error?.message).not.toContain("secret");
  });

  test("an identity that cannot be encoded ends the initiator's session with its error", async () => {
    const { alice, bob } = stations();
    const identity = { ...alice.identity, password: "MUCH TOO LONG" };
    const pair = await sessionPair({ monitor: alice, identity }, { monitor: bob });
    const [caller] = await pair.ended;
    expect(caller.error?.cause).toMatchObject({ code: "ERR_OFTP_FIELD_LENGTH" });
    expect(caller.error?.origin).toBe("local");
  });

  test("a station that is only the other role", async () => {
    const { alice, bob } = stations();
    const constants = { capInit: "responder" } as const;
    const pair = await sessionPair({ monitor: alice, identity: alice.identity, constants }, { monitor: bob });
    const [caller, called] = await pair.ended;
    expect(endOf(caller)).toMatchObject({ reason: 10, origin: "local" });
    expect(endOf(called)).toMatchObject({ code: "ERR_OFTP_CONNECTION_LOST" });
    const other = await sessionPair(
      { monitor: alice, identity: alice.identity },
      { monitor: bob, constants: { capInit: "initiator" } },
    );
    expect(endOf((await other.ended)[1])).toMatchObject({ reason: 10, origin: "local" });
  });
});

describe("negotiation", () => {
  test.each([
    ["level refused", { level: 1 }, { minimumLevel: 4 }, 10],
    ["both only send", { capability: "S" }, { capMode: "S" }, 10],
    ["both only receive", { capability: "R" }, { capMode: "R" }, 10],
  ] as const)("responder: %s", async (_what, ssid, constants, reason) => {
    const { bob } = stations();
    const { session, peer } = await callResponder({ monitor: bob, constants });
    await peer.receive("SSRM");
    peer.send(ssidOf(ssid));
    expect(await peer.refused()).toMatchObject({ reason });
    expect(endOf(await session.ended)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason, origin: "local" });
  });

  test.each([
    ["level refused", { level: 1 }, { minimumLevel: 4 }, 10],
    ["both only send", { capability: "S" }, { capMode: "S" }, 10],
    ["more credit than offered", { credit: 100 }, {}, 2],
  ] as const)("initiator: %s", async (_what, ssid, constants, reason) => {
    const { alice } = stations();
    const { session, peer } = await calledByInitiator({
      monitor: alice,
      identity: alice.identity,
      constants,
    });
    await peer.answer(ssid);
    peer.level = 5;
    expect(await peer.refused()).toMatchObject({ reason });
    expect((await session.ended).error).toMatchObject({ reason, origin: "local" });
  });

  // The encoder would not write these.
  test.each([
    ["buffer below 128", 35, "00127"],
    ["credit 0", 44, "000"],
    ["no level", 1, "0"],
    ["no capability", 40, "X"],
    ["a control character", 2, "\u0001"],
  ])("%s: 06, on either side", async (_what, at, text) => {
    const octets = encodeCommand(ssidOf({ bufferSize: 1000, credit: 3 }), 5);
    octets.write(text, at, "latin1");
    const { alice, bob } = stations();
    const responding = await callResponder({ monitor: bob });
    await responding.peer.receive("SSRM");
    responding.peer.sendBuffer(octets);
    expect(await responding.peer.refused()).toMatchObject({ reason: 6 });
    expect(endOf(await responding.session.ended)).toEqual({
      code: "ERR_OFTP_PROTOCOL",
      reason: 6,
      origin: "local",
    });
    const calling = await calledByInitiator({ monitor: alice, identity: alice.identity });
    calling.peer.send({ kind: "SSRM" });
    await calling.peer.receive("SSID");
    calling.peer.sendBuffer(octets);
    expect(await calling.peer.refused()).toMatchObject({ reason: 6 });
    expect(endOf(await calling.session.ended)).toEqual({
      code: "ERR_OFTP_PROTOCOL",
      reason: 6,
      origin: "local",
    });
  });

  test("special logic is answered with N; the lower values count", async () => {
    const { bob } = stations();
    const { session, peer } = await callResponder({ monitor: bob, constants: { capCompression: true } });
    const answer = await peer.call({ specialLogic: true, compression: true, bufferSize: 128, credit: 1 });
    expect(answer).toMatchObject({
      specialLogic: false,
      compression: true,
      bufferSize: 128,
      credit: 1,
      level: 5,
    });
    expect(session.partner).toMatchObject({ code: "ORAW", password: "" });
    peer.send({ kind: "CD" });
    expect(await peer.receive("ESID")).toMatchObject({ reason: 0 });
    await peer.close();
    expect(await session.ended).toEqual({ error: undefined });
    expect(session.negotiated).toMatchObject({ bufferSize: 128, credit: 1, compression: true });
  });

  test("limits of one partner lower the level of what is sent afterwards", async () => {
    const { bob } = stations();
    bob.outbox.push(outgoing({ name: "OLD.LAYOUT", content: Buffer.from("x") }));
    bob.answer = () => ({
      accept: true,
      identity: { ...bob.identity, limits: { level: 2, maxBufSize: 200, maxWindow: 2, compression: false } },
    });
    const { session, peer } = await callResponder({ monitor: bob, constants: { capCompression: true } });
    const answer = await peer.call({ compression: true });
    expect(answer).toMatchObject({ level: 2, bufferSize: 200, credit: 2, compression: false });
    peer.send({ kind: "CD" });
    // Would not decode if it had the layout of level 5.
    expect(await peer.receive("SFID")).toMatchObject({
      datasetName: "OLD.LAYOUT",
      timestamp: { date: "20261120" },
    });
    peer.destroy();
    await session.ended;
    expect(session.negotiated?.level).toBe(2);
  });
});

/** Stands in for CMS: the envelope is the challenge with its octets inverted. */
function authenticator(overrides: Partial<SessionAuthenticator> = {}): SessionAuthenticator {
  const inverted = (octets: Uint8Array) => octets.map((octet) => octet ^ 0xff);
  return {
    challenge: async () => {
      const challenge = randomBytes(20);
      return { challenge, envelope: inverted(challenge) };
    },
    answer: async (_partner, envelope) => inverted(envelope),
    ...overrides,
  };
}

describe("secure authentication", () => {
  function secure(code: string) {
    return new MemoryMonitor({ code, authentication: true });
  }

  test.each([
    ["initiator", true, false],
    ["responder", false, true],
  ])("demanded by the %s only: 12", async (_who, first, second) => {
    const alice = new MemoryMonitor({ code: "OALICE", authentication: first });
    const bob = new MemoryMonitor({ code: "OBOB", authentication: second });
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, authenticator: authenticator() },
      { monitor: bob, authenticator: authenticator() },
    );
    const [caller, called] = await pair.ended;
    expect(endOf(caller)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 12, origin: "distant" });
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 12, origin: "local" });
  });

  test("both answer right: the session opens, each asked about the other", async () => {
    const alice = secure("OALICE");
    const bob = secure("OBOB");
    alice.outbox.push(outgoing({ name: "F", content: Buffer.from("content") }));
    const asked: string[] = [];
    const watching = (who: string): SessionAuthenticator => {
      const inner = authenticator();
      return {
        challenge: (partner) => {
          asked.push(`${who} challenges ${partner.code} ${partner.password}`);
          return inner.challenge(partner);
        },
        answer: (partner, envelope) => {
          asked.push(`${who} answers ${partner.code} ${partner.password}`);
          return inner.answer(partner, envelope);
        },
      };
    };
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, authenticator: watching("alice") },
      { monitor: bob, authenticator: watching("bob") },
    );
    expect(await pair.ended).toEqual([{ error: undefined }, { error: undefined }]);
    expect(asked).toEqual([
      "bob challenges OALICE ",
      "alice answers OBOB ",
      "alice challenges OBOB ",
      "bob answers OALICE ",
    ]);
    expect(bob.received[0]?.sink.content.toString()).toBe("content");
    expect(alice.negotiated?.authentication).toBe(true);
  });

  test("the time that this station needs for it is not the partner's silence", async () => {
    const alice = secure("OALICE");
    const bob = secure("OBOB");
    const slow = authenticator({
      answer: async (_partner, envelope) => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        return envelope.map((octet) => octet ^ 0xff);
      },
    });
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, authenticator: slow, inactivityTimeoutMs: 80 },
      { monitor: bob, authenticator: authenticator() },
    );
    expect(await pair.ended).toEqual([{ error: undefined }, { error: undefined }]);
  });

  const wrong = authenticator({ answer: async () => new Uint8Array(20) });
  const unable = authenticator({
    answer: async () => {
      throw new Error("no key for /secret/key.pem");
    },
  });
  const unmade = authenticator({
    challenge: async () => {
      throw new Error("no certificate");
    },
  });
  test.each([
    ["the initiator answers wrong", wrong, authenticator(), "distant"],
    ["the responder answers wrong", authenticator(), wrong, "local"],
    ["the initiator cannot answer", unable, authenticator(), "local"],
    ["the responder cannot answer", authenticator(), unable, "distant"],
    ["the initiator cannot challenge", unmade, authenticator(), "local"],
    ["the responder cannot challenge", authenticator(), unmade, "distant"],
    ["the initiator has no authenticator", undefined, authenticator(), "local"],
  ] as const)("%s: 11", async (_what, first, second, origin) => {
    const alice = secure("OALICE");
    const bob = secure("OBOB");
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, authenticator: first },
      { monitor: bob, authenticator: second },
    );
    const [caller, called] = await pair.ended;
    const other = origin === "local" ? "distant" : "local";
    expect(endOf(caller)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 11, origin });
    expect(endOf(called)).toEqual({ code: "ERR_OFTP_SESSION_REFUSED", reason: 11, origin: other });
    const told = origin === "local" ? called : caller;
    expect(told.error?.message).not.toContain("secret");
    // The responder's last step is its own answer: it only hears that this was wrong.
    expect(alice.negotiated).toBeUndefined();
  });
});
