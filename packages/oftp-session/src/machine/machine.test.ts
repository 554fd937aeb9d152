/** What the actions of RFC 5024 section 9 leave in the variables, and what the output events carry. */
import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import type { Command, Eerp, Sfid, Ssid } from "@waybill/oftp-codec";
import type { Action } from "./actions.js";
import type { EventOf, SessionEvent } from "./events.js";
import { sessionOf } from "./outputs.js";
import { initialState, isSessionOpen, type SessionConstants, type SessionState } from "./state.js";
import { transition } from "./transition.js";

const request: EventOf<"F_CONNECT_RQ"> = {
  type: "F_CONNECT_RQ",
  id: "O0013HERE",
  password: "OURS",
  mode: "B",
  restart: true,
  authentication: false,
  userData: "HELLO",
};
const response: EventOf<"F_CONNECT_RS"> = {
  type: "F_CONNECT_RS",
  id: "O0013HERE",
  password: "OURS",
  mode: "B",
  restart: true,
  authentication: false,
};
const partner: Ssid = {
  kind: "SSID",
  level: 4,
  code: "O0013PARTNER",
  password: "THEIRS",
  bufferSize: 1024,
  capability: "S",
  compression: true,
  restart: true,
  specialLogic: true,
  credit: 2,
  authentication: false,
  userData: "",
};
const sfid: Sfid = {
  kind: "SFID",
  datasetName: "FILE",
  timestamp: { date: "20260101", time: "1200000001" },
  destination: "O0013HERE",
  originator: "O0013PARTNER",
  userData: "",
  format: "U",
  maxRecordSize: 0,
  fileSize: 1,
  originalFileSize: 1,
  restartPosition: 9,
  securityLevel: 0,
  cipherSuite: 0,
  compression: 0,
  envelope: 0,
  signedReceipt: false,
  description: "",
};

/** Runs events one after the other and gives the last step's actions. */
function run(constants: Partial<SessionConstants>, events: readonly SessionEvent[]) {
  let state = initialState(constants);
  let actions: readonly Action[] = [];
  for (const event of events) ({ state, actions } = transition(state, event));
  return { state, actions };
}

function sent(actions: readonly Action[]): Command[] {
  return actions.flatMap((action) => (action.type === "send" ? [action.command] : []));
}

function find<T extends Action["type"]>(actions: readonly Action[], type: T) {
  const action = actions.find((one) => one.type === type);
  if (action === undefined) throw new Error(`there is no ${type}`);
  return action as Extract<Action, { readonly type: T }>;
}

const calling: readonly SessionEvent[] = [
  request,
  { type: "N_CON_CF" },
  { type: "SSRM", command: { kind: "SSRM" } },
];
const called: readonly SessionEvent[] = [{ type: "N_CON_IND" }, { type: "SSID", command: partner }];
const answer: SessionEvent = { type: "SSID", command: { ...partner, capability: "B" } };

describe("time-outs", () => {
  test("are told as 09, with an ESID as soon as the partner can take one", () => {
    for (const events of [calling.slice(0, 1), calling.slice(0, 2)]) {
      const { state, actions } = run({}, [...events, { type: "TIME-OUT" }]);
      expect(sent(actions)).toEqual([]);
      expect(find(actions, "F_ABORT_IND")).toMatchObject({ reason: 9, origin: "local" });
      expect(state.name).toBe("IDLE");
    }
    const { actions } = run({}, [...calling, { type: "TIME-OUT" }]);
    expect(sent(actions)).toMatchObject([{ kind: "ESID", reason: 9 }]);
    expect(find(actions, "F_ABORT_IND")).toMatchObject({ reason: 9, origin: "local" });
    expect(actions.at(-1)).toEqual({ type: "N_DISC_RQ" });
  });
});

describe("constants", () => {
  test.each([
    { maxBufSize: 127 },
    { maxBufSize: 100_000 },
    { maxBufSize: 1024.5 },
    { maxWindow: 0 },
    { maxWindow: 1000 },
    { level: 2 as const, minimumLevel: 4 as const },
  ])("%j is refused", (constants) => {
    let error: unknown;
    try {
      initialState(constants);
    } catch (caught) {
      error = caught;
    }
    expect(isTransferError(error, "ERR_OFTP_CONSTANTS")).toBe(true);
  });
});

describe("an initiator", () => {
  test("sends an SSID of its constants and its request, and forgets the password", () => {
    const { state, actions } = run({ maxWindow: 7, maxBufSize: 2048, capCompression: true }, calling);
    expect(sent(actions)).toEqual([
      {
        kind: "SSID",
        level: 5,
        code: "O0013HERE",
        password: "OURS",
        bufferSize: 2048,
        capability: "B",
        compression: true,
        restart: true,
        specialLogic: false,
        credit: 7,
        authentication: false,
        userData: "HELLO",
      },
    ]);
    expect(JSON.stringify(state)).not.toContain("OURS");
  });

  test("agrees on the lower of everything, in its own terms", () => {
    const events = [...calling, { type: "SSID", command: { ...partner, capability: "R" } } as const];
    const { state, actions } = run({}, events);
    const { ssid, session } = find(actions, "F_CONNECT_CF");
    expect(session).toEqual({
      level: 4,
      bufferSize: 1024,
      credit: 2,
      mode: "S",
      compression: false,
      restart: true,
      authentication: false,
    });
    expect(sessionOf(state.variables)).toEqual(session);
    expect(ssid.password).toBe("THEIRS");
    expect(JSON.stringify(state)).not.toContain("THEIRS");
    expect(isSessionOpen(state)).toBe(true);
  });

  test.each([
    [{ capInit: "responder" }, {}, 10],
    [{ capMode: "S" }, { mode: "R" }, 10],
    [{ capMode: "R" }, { mode: "S" }, 10],
    [{}, { resources: false }, 8],
  ] as const)("P1 of 9.8: %j, %j", (constants, change, reason) => {
    const { state, actions } = run(constants, [{ ...request, ...change }]);
    expect(state).toEqual(initialState(constants));
    expect(actions).toEqual([expect.objectContaining({ type: "F_ABORT_IND", reason, origin: "local" })]);
  });

  test("only sends when it may only send", () => {
    expect(sent(run({ capMode: "S" }, calling).actions)).toMatchObject([{ capability: "S" }]);
    const sending = calling.map((event) => (event === request ? { ...request, mode: "S" as const } : event));
    expect(sent(run({}, sending).actions)).toMatchObject([{ capability: "S" }]);
  });

  test("says what kept the session from beginning", () => {
    const full: SessionEvent = { type: "ESID", command: { kind: "ESID", reason: 8, text: "later" } };
    for (const events of [calling.slice(0, 2), calling]) {
      const { state, actions } = run({}, [...events, full]);
      expect(find(actions, "F_ABORT_IND")).toMatchObject({ reason: 8, text: "later", origin: "distant" });
      expect(actions.at(-1)).toEqual({ type: "N_DISC_RQ" });
      expect(state.name).toBe("IDLE");
    }
  });
});

describe("a responder", () => {
  test("shows the SSID and answers with what was agreed", () => {
    const shown = run({}, called);
    expect(find(shown.actions, "F_CONNECT_IND")).toMatchObject({
      ssid: partner,
      session: { level: 4, bufferSize: 1024, credit: 2, mode: "R" },
    });
    const { state, actions } = run({}, [...called, { ...response, restart: false }]);
    expect(sent(actions)).toEqual([
      {
        kind: "SSID",
        level: 4,
        code: "O0013HERE",
        password: "OURS",
        bufferSize: 1024,
        capability: "R",
        compression: false,
        restart: false,
        specialLogic: false,
        credit: 2,
        authentication: false,
        userData: "",
      },
    ]);
    expect(state.name).toBe("IDLELI");
    expect(JSON.stringify(state)).not.toMatch(/OURS|THEIRS/);
  });

  test("keeps one partner within that partner's limits, and never beyond its constants", () => {
    const limits = { level: 2, maxBufSize: 256, maxWindow: 1, compression: false } as const;
    const narrow = run({ capCompression: true }, [...called, { ...response, limits }]);
    expect(sent(narrow.actions)).toMatchObject([
      { level: 2, bufferSize: 256, credit: 1, compression: false },
    ]);
    const generous = {
      level: 5,
      minimumLevel: 1,
      maxBufSize: 90_000,
      maxWindow: 999,
      compression: true,
    } as const;
    const constants = { level: 2, maxBufSize: 512, maxWindow: 1 } as const;
    const wide = run(constants, [...called, { ...response, limits: generous }]);
    expect(sent(wide.actions)).toMatchObject([{ level: 2, bufferSize: 512, credit: 1, compression: false }]);
    const strict = run({ minimumLevel: 4 }, [...called, { ...response, limits: { level: 2 } }]);
    expect(sent(strict.actions)).toMatchObject([{ kind: "ESID", reason: 10 }]);
  });

  test("refuses a mode that leaves nothing", () => {
    const { state, actions } = run({}, [...called, { ...response, mode: "S" }]);
    expect(sent(actions)).toMatchObject([{ kind: "ESID", reason: 10 }]);
    expect(find(actions, "F_ABORT_IND")).toMatchObject({ reason: 10, origin: "local" });
    expect(state.name).toBe("WF_NDISC");
  });

  test("refuses secure authentication unless the user monitor agrees to it", () => {
    const demanding = { ...partner, level: 5 as const, authentication: true };
    const events: readonly SessionEvent[] = [{ type: "N_CON_IND" }, { type: "SSID", command: demanding }];
    expect(sent(run({}, [...events, response]).actions)).toMatchObject([{ kind: "ESID", reason: 12 }]);
    const agreed = run({}, [...events, { ...response, authentication: true }]);
    expect(sent(agreed.actions)).toMatchObject([{ kind: "SSID", authentication: true }]);
    expect(agreed.state.name).toBe("WF_SECD");
  });

  test("can refuse a password with the reason for it", () => {
    const events = [...called, { type: "F_RELEASE_RQ", reason: 4, text: "" } as const];
    const { state, actions } = run({}, events);
    expect(sent(actions)).toEqual([{ kind: "ESID", reason: 4, text: "" }]);
    expect(state.name).toBe("WF_NDISC");
  });
});

describe("secure authentication", () => {
  const demanding = { ...partner, level: 5 as const, authentication: true, capability: "B" as const };
  const begun: readonly SessionEvent[] = [
    { ...request, authentication: true },
    ...calling.slice(1),
    { type: "SSID", command: demanding },
  ];
  const challenge = Uint8Array.of(1, 2, 3);
  const challenged: SessionEvent = { type: "AUCH", command: { kind: "AUCH", challenge } };
  const ready: SessionEvent = { type: "AURP_READY", response: new Uint8Array(20) };

  test("asks for the response, and sends it when it comes", () => {
    const first = run({}, begun);
    expect(sent(first.actions)).toEqual([{ kind: "SECD" }]);
    expect(sessionOf(first.state.variables)).toMatchObject({
      level: 5,
      bufferSize: 1024,
      credit: 2,
      mode: "B",
    });
    const asked = transition(first.state, challenged);
    expect(asked.state.name).toBe("WF_AUCH");
    expect(find(asked.actions, "AURP_NEEDED").challenge).toBe(challenge);
    const answered = transition(asked.state, ready);
    expect(sent(answered.actions)).toEqual([{ kind: "AURP", response: new Uint8Array(20) }]);
    expect(answered.state).toMatchObject({ name: "WF_SECD", variables: { authenticationNeeds: undefined } });
    expect(transition(answered.state, ready).actions).toMatchObject([{ type: "USER_ERROR" }]);
  });

  test("does not answer twice, and not before it was asked", () => {
    const first = run({}, begun);
    expect(transition(first.state, ready).actions).toMatchObject([{ type: "USER_ERROR" }]);
    const asked = transition(first.state, challenged);
    const again = transition(asked.state, challenged);
    expect(sent(again.actions)).toMatchObject([{ kind: "ESID", reason: 2 }]);
    // The answer that comes too late is nobody's mistake.
    expect(transition(again.state, ready)).toEqual({ state: again.state, actions: [] });
  });

  test("asks a responder for a challenge, once, and leaves it listening at the end", () => {
    const begin: readonly SessionEvent[] = [
      { type: "N_CON_IND" },
      { type: "SSID", command: demanding },
      { ...response, authentication: true },
      { type: "SECD", command: { kind: "SECD" } },
    ];
    const asked = run({}, begin);
    expect(asked).toMatchObject({
      state: { name: "WF_SECD" },
      actions: expect.arrayContaining([{ type: "AUCH_NEEDED" }]),
    });
    const twice = transition(asked.state, { type: "SECD", command: { kind: "SECD" } });
    expect(sent(twice.actions)).toMatchObject([{ kind: "ESID", reason: 2 }]);
    const made = transition(asked.state, { type: "AUCH_READY", challenge });
    expect(sent(made.actions)).toEqual([{ kind: "AUCH", challenge }]);
    expect(made.state).toMatchObject({ name: "WF_AURP", variables: { authenticationNeeds: undefined } });
    const right: SessionEvent = {
      type: "AURP",
      command: { kind: "AURP", response: new Uint8Array(20) },
      valid: true,
    };
    const turned = transition(made.state, right);
    expect(sent(turned.actions)).toEqual([{ kind: "SECD" }]);
    const opened = transition(transition(turned.state, challenged).state, ready);
    expect(opened.state).toMatchObject({ name: "IDLELI", variables: { authenticationNeeds: undefined } });
    expect(isSessionOpen(opened.state)).toBe(true);
  });

  test("says which side demands it", () => {
    const demanded = run({}, [...called, { ...response, authentication: true }]);
    expect(sent(demanded.actions)).toMatchObject([{ reason: 12, text: expect.stringContaining("required") }]);
    const refused = run({}, [{ type: "N_CON_IND" }, { type: "SSID", command: demanding }, response]);
    expect(sent(refused.actions)).toMatchObject([
      { reason: 12, text: expect.stringContaining("not available") },
    ]);
  });

  test("ends when the response is wrong", () => {
    const waiting: SessionState = { ...run({}, begun).state, name: "WF_AURP" };
    const wrong: SessionEvent = {
      type: "AURP",
      command: { kind: "AURP", response: new Uint8Array(20) },
      valid: false,
    };
    const { state, actions } = transition(waiting, wrong);
    expect(sent(actions)).toMatchObject([{ kind: "ESID", reason: 11 }]);
    expect(state.name).toBe("WF_NDISC");
  });
});

describe("the speaker", () => {
  const speaking = [...calling, answer];

  test("sends a file under credit", () => {
    let { state } = run({}, speaking);
    const step = (event: SessionEvent) => {
      const result = transition(state, event);
      state = result.state;
      return result.actions;
    };
    const payload = Uint8Array.of(1, 2, 3);
    expect(sent(step({ type: "F_START_FILE_RQ", sfid }))).toEqual([sfid]);
    expect(state.variables.restartPos).toBe(9);
    const opened = step({ type: "SFPA", command: { kind: "SFPA", restartPosition: 8 } });
    expect(find(opened, "F_START_FILE_CF")).toMatchObject({ positive: true, restartPosition: 8 });
    expect(state.variables.creditS).toBe(2);
    const first = step({ type: "F_DATA_RQ", payload });
    expect(sent(first)).toEqual([{ kind: "DATA", payload }]);
    expect(first.at(-1)).toEqual({ type: "F_DATA_CF" });
    expect(step({ type: "F_DATA_RQ", payload })).not.toContainEqual({ type: "F_DATA_CF" });
    expect(state).toMatchObject({ name: "OPOWFC", variables: { creditS: 0 } });
    // 9.11 note 1: no EFID without credit.
    expect(step({ type: "F_CLOSE_FILE_RQ", recordCount: 0, unitCount: 6 })).toMatchObject([
      { type: "USER_ERROR" },
    ]);
    expect(step({ type: "CDT", command: { kind: "CDT" } })).toContainEqual({ type: "F_DATA_CF" });
    expect(state).toMatchObject({ name: "OPO", variables: { creditS: 2 } });
    expect(sent(step({ type: "F_CLOSE_FILE_RQ", recordCount: 0, unitCount: 6 }))).toEqual([
      { kind: "EFID", recordCount: 0, unitCount: 6 },
    ]);
    expect(state.variables.creditS).toBe(0);
    const closed = step({ type: "EFPA", command: { kind: "EFPA", changeDirection: true } });
    expect(closed.slice(-2)).toEqual([
      { type: "F_CLOSE_FILE_CF", positive: true, speaker: false },
      { type: "send", command: { kind: "CD" } },
    ]);
  });

  test("sends what was stored while it waited for CD", () => {
    const waiting: SessionState = { ...run({}, speaking).state, name: "WF_CD" };
    const eerp: Eerp = {
      ...sfid,
      kind: "EERP",
      hash: new Uint8Array(0),
      signature: new Uint8Array(0),
    };
    const change: SessionEvent = { type: "CD", command: { kind: "CD" } };
    const storing = transition(waiting, { type: "F_EERP_RQ", eerp });
    expect(storing).toMatchObject({ state: { name: "ERSTWFCD" }, actions: [] });
    const changed = transition(storing.state, change);
    expect(sent(changed.actions)).toEqual([eerp]);
    expect(changed.state.variables.reqBuf).toBeUndefined();
    const nerp = { ...eerp, kind: "NERP", creator: "X", reason: 1, text: "" } as const;
    const negative = transition(
      transition({ ...waiting, variables: { ...waiting.variables, level: 4 } }, { type: "F_NERP_RQ", nerp })
        .state,
      change,
    );
    expect(sent(negative.actions)).toEqual([nerp]);
    const file = transition(transition(waiting, { type: "F_START_FILE_RQ", sfid }).state, change);
    expect(sent(file.actions)).toEqual([sfid]);
    expect(file.state).toMatchObject({ name: "OPOP", variables: { restartPos: 9, reqBuf: undefined } });
  });

  test("sends no NERP below level 4 and takes none", () => {
    const nerp = { ...sfid, kind: "NERP", creator: "X", reason: 1, text: "" } as const;
    const empty = { hash: new Uint8Array(0), signature: new Uint8Array(0) };
    const old = run({ level: 2 }, speaking).state;
    const refused = transition(old, { type: "F_NERP_RQ", nerp: { ...nerp, ...empty } });
    expect(refused.actions).toMatchObject([{ type: "USER_ERROR", text: expect.stringContaining("level 4") }]);
    const listening: SessionState = { ...old, name: "IDLELI" };
    const taken = transition(listening, { type: "NERP", command: { ...nerp, ...empty } });
    expect(sent(taken.actions)).toMatchObject([{ kind: "ESID", reason: 2 }]);
  });

  test("fills a data exchange buffer to the last octet and not beyond", () => {
    const sending: SessionState = { ...run({}, speaking).state, name: "OPO" };
    const full = transition(sending, { type: "F_DATA_RQ", payload: new Uint8Array(1023) });
    expect(sent(full.actions)).toHaveLength(1);
    const more = transition(sending, { type: "F_DATA_RQ", payload: new Uint8Array(1024) });
    expect(more.actions).toMatchObject([{ type: "USER_ERROR", text: expect.stringContaining("1023") }]);
  });
});

describe("the listener", () => {
  const listening = run({}, [...called, response]).state;

  test("counts the credit that it has given", () => {
    let state = listening;
    const step = (event: SessionEvent) => {
      const result = transition(state, event);
      state = result.state;
      return result.actions;
    };
    expect(find(step({ type: "SFID", command: sfid }), "F_START_FILE_IND").sfid).toBe(sfid);
    const beyond = step({ type: "F_START_FILE_RS", positive: true, restartPosition: 10 });
    expect(beyond).toMatchObject([{ type: "USER_ERROR", text: expect.stringContaining("9") }]);
    expect(sent(step({ type: "F_START_FILE_RS", positive: true, restartPosition: 9 }))).toEqual([
      { kind: "SFPA", restartPosition: 9 },
    ]);
    expect(state.variables.creditL).toBe(2);
    const data: SessionEvent = { type: "DATA", command: { kind: "DATA", payload: new Uint8Array(5) } };
    expect(sent(step(data))).toEqual([]);
    expect(state.variables.creditL).toBe(1);
    const last = step(data);
    expect(last.slice(-2)).toEqual([
      { type: "F_DATA_IND", payload: new Uint8Array(5) },
      { type: "send", command: { kind: "CDT" } },
    ]);
    expect(state.variables.creditL).toBe(2);
  });

  test("takes a full data exchange buffer and ends at a larger one", () => {
    const receiving: SessionState = {
      ...listening,
      name: "OPI",
      variables: { ...listening.variables, creditL: 2 },
    };
    const of = (length: number) =>
      transition(receiving, { type: "DATA", command: { kind: "DATA", payload: new Uint8Array(length) } });
    expect(of(1023).state.name).toBe("OPI");
    expect(sent(of(1024).actions)).toMatchObject([{ kind: "ESID", reason: 7 }]);
  });

  test("says what was wrong without repeating what it contained", () => {
    const again = transition(listening, { type: "SSID", command: partner });
    expect(sent(again.actions)).toEqual([
      { kind: "ESID", reason: 2, text: "SSID is not valid in state IDLELI" },
    ]);
    const restart = { ...listening, variables: { ...listening.variables, restart: false } };
    expect(sent(transition(restart, { type: "SFID", command: sfid }).actions)).toMatchObject([
      { kind: "ESID", reason: 2, text: expect.stringContaining("restart") },
    ]);
  });
});
