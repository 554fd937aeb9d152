import { describe, expect, test } from "@jest/globals";
import type { Capability, ProtocolLevel, Ssid } from "@waybill/oftp-codec";
import fc from "fast-check";
import { negotiate, negotiateMode, type SessionOffer } from "./negotiation.js";

const offer: SessionOffer = {
  level: 5,
  minimumLevel: 1,
  bufferSize: 4096,
  credit: 20,
  mode: "B",
  compression: true,
  restart: true,
  authentication: false,
};
const ssid: Ssid = {
  kind: "SSID",
  level: 5,
  code: "O0013PARTNER",
  password: "SECRET",
  bufferSize: 4096,
  capability: "B",
  compression: true,
  restart: true,
  specialLogic: false,
  credit: 20,
  authentication: false,
  userData: "",
};

function reason(own: Partial<SessionOffer>, partner: Partial<Ssid>, answer = false): number {
  const result = negotiate({ ...offer, ...own }, { ...ssid, ...partner }, answer);
  if (result.ok) throw new Error("the negotiation was successful");
  return result.reason;
}

const levels = fc.constantFrom<ProtocolLevel>(1, 2, 4, 5);
const modes = fc.constantFrom<Capability>("S", "R", "B");
const offers = fc.record({
  level: levels,
  minimumLevel: fc.constant<ProtocolLevel>(1),
  bufferSize: fc.integer({ min: 128, max: 99_999 }),
  credit: fc.integer({ min: 1, max: 999 }),
  mode: modes,
  compression: fc.boolean(),
  restart: fc.boolean(),
  authentication: fc.boolean(),
});

/** The SSID that a station with this offer, or this agreement, sends. */
function announce(from: Omit<SessionOffer, "minimumLevel">): Ssid {
  return {
    ...ssid,
    level: from.level,
    bufferSize: from.bufferSize,
    credit: from.credit,
    capability: from.mode,
    compression: from.compression,
    restart: from.restart,
    // The field exists from level 5 on.
    authentication: from.authentication && from.level >= 5,
  };
}

const mirror: Readonly<Record<Capability, Capability>> = { S: "R", R: "S", B: "B" };

describe("negotiation of a session", () => {
  test("capabilities, all nine of them (3.2.1)", () => {
    const table: readonly [Capability, Capability, Capability | undefined][] = [
      ["S", "S", undefined],
      ["S", "R", "S"],
      ["S", "B", "S"],
      ["R", "S", "R"],
      ["R", "R", undefined],
      ["R", "B", "R"],
      ["B", "S", "R"],
      ["B", "R", "S"],
      ["B", "B", "B"],
    ];
    for (const [own, partner, result] of table) {
      expect({ own, partner, result: negotiateMode(own, partner) }).toEqual({ own, partner, result });
    }
  });

  test("the reasons of a refusal", () => {
    expect(reason({}, { bufferSize: 127 })).toBe(6);
    expect(reason({}, { bufferSize: 100_000 })).toBe(6);
    expect(reason({}, { bufferSize: Number.NaN })).toBe(6);
    expect(reason({}, { credit: 0 })).toBe(6);
    expect(reason({}, { credit: 1000 })).toBe(6);
    expect(reason({}, { credit: 21 }, true)).toBe(2);
    expect(reason({ minimumLevel: 4 }, { level: 2 })).toBe(10);
    expect(reason({ mode: "S" }, { capability: "S" })).toBe(10);
    expect(reason({ mode: "R" }, { capability: "R" })).toBe(10);
    expect(reason({ authentication: true }, {})).toBe(12);
    expect(reason({}, { authentication: true })).toBe(12);
    // Nobody can authenticate at level 4.
    expect(reason({ authentication: true }, { authentication: true, level: 4 })).toBe(12);
  });

  test("the limits themselves are fine", () => {
    for (const partner of [{ bufferSize: 128 }, { bufferSize: 99_999 }, { credit: 1 }, { credit: 999 }]) {
      expect(negotiate(offer, { ...ssid, ...partner }, false).ok).toBe(true);
    }
    expect(negotiate(offer, { ...ssid, credit: 20 }, true).ok).toBe(true);
    expect(negotiate({ ...offer, minimumLevel: 5 }, ssid, true).ok).toBe(true);
  });

  test("special logic is not agreed on, and its offer is no reason to end", () => {
    expect(negotiate(offer, { ...ssid, specialLogic: true }, false)).toEqual(negotiate(offer, ssid, false));
  });

  test("a responder's answer leads both sides to the same session, or to the same reason", () => {
    fc.assert(
      fc.property(offers, offers, (initiator, responder) => {
        const atResponder = negotiate(responder, announce(initiator), false);
        if (!atResponder.ok) {
          expect([10, 12]).toContain(atResponder.reason);
          return;
        }
        const agreed = atResponder.session;
        expect(agreed.level).toBe(Math.min(initiator.level, responder.level));
        expect(agreed.bufferSize).toBe(Math.min(initiator.bufferSize, responder.bufferSize));
        expect(agreed.credit).toBe(Math.min(initiator.credit, responder.credit));
        expect(agreed.compression).toBe(initiator.compression && responder.compression);
        expect(agreed.restart).toBe(initiator.restart && responder.restart);
        const atInitiator = negotiate(initiator, announce(agreed), true);
        if (initiator.authentication !== agreed.authentication) {
          // The initiator alone knows that it wanted authentication, where its level has no field for it.
          expect(atInitiator).toMatchObject({ ok: false, reason: 12 });
          return;
        }
        expect(atInitiator).toEqual({
          ok: true,
          session: { ...agreed, mode: mirror[agreed.mode] },
        });
      }),
      { numRuns: 500 },
    );
  });

  test("any numbers at all give an agreement within the limits or a reason", () => {
    const anyNumber = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 127, 128, 999, 1000, 99_999));
    fc.assert(
      fc.property(offers, anyNumber, anyNumber, fc.boolean(), (own, bufferSize, credit, answer) => {
        const result = negotiate(own, { ...ssid, bufferSize, credit }, answer);
        if (!result.ok) {
          expect([2, 6, 10, 12]).toContain(result.reason);
          return;
        }
        expect(result.session.bufferSize).toBeGreaterThanOrEqual(128);
        expect(result.session.bufferSize).toBeLessThanOrEqual(own.bufferSize);
        expect(result.session.credit).toBeGreaterThanOrEqual(1);
        expect(result.session.credit).toBeLessThanOrEqual(own.credit);
      }),
    );
  });
});
