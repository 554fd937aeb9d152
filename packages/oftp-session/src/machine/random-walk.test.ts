/** Two machines joined back to back, driven by users that do anything at all. */
import { describe, expect, test } from "@jest/globals";
import type { Command, Sfid } from "@waybill/oftp-codec";
import fc from "fast-check";
import type { Action } from "./actions.js";
import type { SessionEvent } from "./events.js";
import { peerEvent } from "./peer-event.js";
import { initialState, isSessionOpen, type SessionState, type SessionStateName } from "./state.js";
import { transition } from "./transition.js";

const timestamp = { date: "20260101", time: "1200000001" };
const id = { datasetName: "FILE", timestamp, destination: "O0013B", originator: "O0013A" };
const none = new Uint8Array(0);
const sfid: Sfid = {
  kind: "SFID",
  ...id,
  userData: "",
  format: "U",
  maxRecordSize: 0,
  fileSize: 1,
  originalFileSize: 1,
  restartPosition: 3,
  securityLevel: 0,
  cipherSuite: 0,
  compression: 0,
  envelope: 0,
  signedReceipt: false,
  description: "",
};

interface Side {
  state: SessionState;
  /** What is on its way to this side. */
  readonly inbox: SessionEvent[];
  needs: "AUCH" | "AURP" | undefined;
  readonly told: string[];
}

function connectRequest(authentication: boolean): SessionEvent {
  return { type: "F_CONNECT_RQ", id: "O0013A", password: "A", mode: "B", restart: true, authentication };
}

function connectResponse(authentication: boolean): SessionEvent {
  return { type: "F_CONNECT_RS", id: "O0013B", password: "B", mode: "B", restart: true, authentication };
}

/** What users may do; most of it is wrong in most states. */
const userEvents: readonly SessionEvent[] = [
  connectRequest(false),
  connectResponse(true),
  connectResponse(false),
  { type: "F_START_FILE_RQ", sfid },
  { type: "F_START_FILE_RS", positive: true, restartPosition: 2 },
  { type: "F_START_FILE_RS", positive: true, restartPosition: 4 },
  { type: "F_START_FILE_RS", positive: false, reason: 5, retry: false },
  { type: "F_DATA_RQ", payload: new Uint8Array(20) },
  { type: "F_DATA_RQ", payload: new Uint8Array(500) },
  { type: "F_CLOSE_FILE_RQ", recordCount: 0, unitCount: 20 },
  { type: "F_CLOSE_FILE_RS", positive: true, speaker: true },
  { type: "F_CLOSE_FILE_RS", positive: true, speaker: false },
  { type: "F_CLOSE_FILE_RS", positive: false, reason: 6 },
  { type: "F_EERP_RQ", eerp: { kind: "EERP", ...id, userData: "", hash: none, signature: none } },
  {
    type: "F_NERP_RQ",
    nerp: { kind: "NERP", ...id, creator: "O0013B", reason: 1, text: "", hash: none, signature: none },
  },
  { type: "F_RTR_RS" },
  { type: "F_CD_RQ" },
  { type: "AUCH_READY", challenge: new Uint8Array(40) },
  { type: "AURP_READY", response: new Uint8Array(20) },
];
const release: SessionEvent = { type: "F_RELEASE_RQ", reason: 0 };
/** Events that may end a session at any moment. */
const endings: readonly SessionEvent[] = [
  { type: "F_RELEASE_RQ", reason: 5, text: "closing" },
  { type: "F_ABORT_RQ" },
  { type: "TIME-OUT" },
  { type: "N_RST_IND" },
  { type: "N_DISC_IND" },
  { type: "Invalid Buffer", reason: 6, text: "SFIDFMT" },
];

const speakers: ReadonlySet<SessionStateName> = new Set<SessionStateName>([
  "IDLESP",
  "IDLESPCD",
  "WF_RTR",
  "OPOP",
  "OPO",
  "OPOWFC",
  "CLOP",
]);
const pairs: Readonly<Record<string, string>> = {
  IDLESP: "IDLELI",
  IDLESPCD: "IDLELICD",
  WF_RTR: "RTRP",
  OPOP: "OPIP",
  OPO: "OPI",
  CLOP: "CLIP",
};

function receive(command: Command): SessionEvent {
  return command.kind === "AURP" ? { type: "AURP", command, valid: true } : peerEvent(command);
}

function join(level: 2 | 5) {
  const left: Side = {
    state: initialState({ level, maxWindow: 3, maxBufSize: 128 }),
    inbox: [],
    needs: undefined,
    told: [],
  };
  const right: Side = {
    state: initialState({ maxWindow: 5, maxBufSize: 256 }),
    inbox: [],
    needs: undefined,
    told: [],
  };
  return { left, right };
}
type Joined = ReturnType<typeof join>;

function other(joined: Joined, side: Side): Side {
  return side === joined.left ? joined.right : joined.left;
}

function apply(joined: Joined, side: Side, event: SessionEvent): readonly Action[] {
  const before = side.state;
  const { state, actions } = transition(before, event);
  side.state = state;
  const partner = other(joined, side);
  for (const action of actions) {
    side.told.push(action.type);
    if (action.type === "send") partner.inbox.push(receive(action.command));
    else if (action.type === "N_CON_RQ") partner.inbox.push({ type: "N_CON_IND" });
    else if (action.type === "N_CON_RS") partner.inbox.push({ type: "N_CON_CF" });
    else if (action.type === "N_DISC_RQ") partner.inbox.push({ type: "N_DISC_IND" });
    else if (action.type === "AUCH_NEEDED") side.needs = "AUCH";
    else if (action.type === "AURP_NEEDED") side.needs = "AURP";
    else if (action.type === "USER_ERROR" && state !== before)
      throw new Error("a user error changed the state");
  }
  checkRoles(joined);
  return actions;
}

// Thrown and not expected: this runs some hundred thousand times, and `expect` is slow.
function checkRoles({ left, right }: Joined): void {
  const names = `${left.state.name} and ${right.state.name}`;
  if (speakers.has(left.state.name) && speakers.has(right.state.name))
    throw new Error(`two speakers: ${names}`);
  if (left.inbox.length > 0 || right.inbox.length > 0) return;
  if (!isSessionOpen(left.state) || !isSessionOpen(right.state)) return;
  const [speaker, listener] = speakers.has(left.state.name) ? [left, right] : [right, left];
  if (pairs[speaker.state.name] !== listener.state.name) throw new Error(`nobody can go on: ${names}`);
}

/** Delivers the next event to a side; nothing that a partner sends may be called a user error. */
function deliver(joined: Joined, side: Side): boolean {
  const event = side.inbox.shift();
  if (event === undefined) return false;
  const actions = apply(joined, side, event);
  if (actions[0]?.type === "USER_ERROR") throw new Error(`user error at ${event.type}: ${actions[0].text}`);
  return true;
}

/** What a user who wants to finish does next, or undefined when it is the partner's turn. */
function next(side: Side): SessionEvent | undefined {
  const authentication = side.state.variables.partner?.authentication === true;
  switch (side.state.name) {
    case "A_WF_CONRS":
      return connectResponse(authentication);
    case "WF_SECD":
      return side.needs === "AUCH" ? userEvents.find((event) => event.type === "AUCH_READY") : undefined;
    case "WF_AUCH":
      return side.needs === "AURP" ? userEvents.find((event) => event.type === "AURP_READY") : undefined;
    case "IDLESP":
      return { type: "F_CD_RQ" };
    case "IDLESPCD":
      return release;
    case "OPO":
      return { type: "F_CLOSE_FILE_RQ", recordCount: 0, unitCount: 0 };
    case "OPIP":
      return { type: "F_START_FILE_RS", positive: false, reason: 1, retry: true };
    case "CLIP":
      return { type: "F_CLOSE_FILE_RS", positive: true, speaker: false };
    case "RTRP":
      return { type: "F_RTR_RS" };
    default:
      return undefined;
  }
}

function finish(joined: Joined): void {
  for (let step = 0; step < 200; step += 1) {
    if (deliver(joined, joined.left) || deliver(joined, joined.right)) continue;
    const side = next(joined.left) !== undefined ? joined.left : joined.right;
    const event = next(side);
    if (event === undefined) break;
    if (event.type === "AUCH_READY" || event.type === "AURP_READY") side.needs = undefined;
    apply(joined, side, event);
  }
  expect([joined.left.state.name, joined.right.state.name]).toEqual(["IDLE", "IDLE"]);
}

interface Move {
  readonly left: boolean;
  readonly deliver: boolean;
  /** Choose among what is allowed, which gets further than choosing among everything. */
  readonly allowed: boolean;
  readonly choice: number;
}
const moves = fc.array(
  fc.record({
    left: fc.boolean(),
    deliver: fc.boolean(),
    allowed: fc.boolean(),
    choice: fc.nat({ max: 999 }),
  }),
  { size: "large", maxLength: 150 },
);

function choose(side: Side, { allowed, choice }: Move): SessionEvent | undefined {
  const candidates = allowed
    ? userEvents.filter((event) => transition(side.state, event).actions[0]?.type !== "USER_ERROR")
    : userEvents;
  return candidates[choice % candidates.length];
}

function walk(joined: Joined, path: readonly Move[]): void {
  for (const move of path) {
    const side = move.left ? joined.left : joined.right;
    if (move.deliver && deliver(joined, side)) continue;
    const event = choose(side, move);
    // There is one session only.
    if (event === undefined || event.type === "F_CONNECT_RQ") continue;
    apply(joined, side, event);
  }
}

function open(joined: Joined, authentication: boolean): void {
  apply(joined, joined.left, connectRequest(authentication));
  for (let step = 0; step < 50; step += 1) {
    if (deliver(joined, joined.left) || deliver(joined, joined.right)) continue;
    const side = [joined.left, joined.right].find(
      (one) => !isSessionOpen(one.state) && next(one) !== undefined,
    );
    if (side === undefined) break;
    apply(joined, side, next(side)!);
  }
}

describe("two machines", () => {
  test.each([false, true])("come to a session, secure authentication: %s", (authentication) => {
    const joined = join(5);
    open(joined, authentication);
    expect([joined.left.state.name, joined.right.state.name]).toEqual(["IDLESP", "IDLELI"]);
    expect(joined.left.state.variables).toMatchObject({ bufSize: 128, window: 3, level: 5, authentication });
    expect(joined.right.state.variables).toMatchObject({ bufSize: 128, window: 3, level: 5, authentication });
    finish(joined);
    expect(joined.left.told).toContain("F_RELEASE_IND");
    expect(joined.left.told).not.toContain("F_ABORT_IND");
    expect(joined.right.told).not.toContain("F_ABORT_IND");
  });

  test("never come to a halt or to two speakers, whatever their users do while connecting", () => {
    fc.assert(
      fc.property(
        moves,
        fc.boolean(),
        fc.constantFrom(2 as const, 5 as const),
        (path, authentication, level) => {
          const joined = join(level);
          apply(joined, joined.left, connectRequest(authentication));
          walk(joined, path);
          finish(joined);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("never come to a halt or to two speakers in an open session, and end it normally", () => {
    const visited = new Set<SessionStateName>();
    fc.assert(
      fc.property(moves, fc.constantFrom(2 as const, 5 as const), (path, level) => {
        const joined = join(level);
        open(joined, false);
        for (const move of path) {
          walk(joined, [move]);
          visited.add(joined.left.state.name).add(joined.right.state.name);
        }
        finish(joined);
        const told = [...joined.left.told, ...joined.right.told];
        expect(told).not.toContain("F_ABORT_IND");
        expect(told.filter((type) => type === "F_RELEASE_IND")).toHaveLength(1);
      }),
      { numRuns: 1000 },
    );
    // The walk is worth something only if it gets everywhere.
    const plain: readonly SessionStateName[] = [
      "WF_RTR",
      "RTRP",
      "OPOP",
      "OPIP",
      "OPO",
      "OPI",
      "CLOP",
      "CLIP",
      "WF_CD",
    ];
    const stored: readonly SessionStateName[] = ["ERSTWFCD", "SFSTWFCD", "CDSTWFCD", "OPOWFC"];
    expect([...plain, ...stored].filter((name) => !visited.has(name))).toEqual([]);
  });

  test("are both idle after any abnormal end at any moment", () => {
    const ending = fc.record({ left: fc.boolean(), which: fc.nat({ max: endings.length - 1 }) });
    fc.assert(
      fc.property(moves, ending, moves, (path, { left, which }, rest) => {
        const joined = join(5);
        open(joined, false);
        walk(joined, path);
        const side = left ? joined.left : joined.right;
        const event = endings[which]!;
        const text = event.type;
        apply(joined, side, event);
        // A reset or a lost connection is seen by both.
        if (text === "N_RST_IND" || text === "N_DISC_IND") other(joined, side).inbox.push(event);
        walk(joined, rest);
        finish(joined);
        expect([...joined.left.told, ...joined.right.told]).toContain("F_ABORT_IND");
      }),
      { numRuns: 1000 },
    );
  });

  test("survive a partner that sends anything", () => {
    const commands: readonly SessionEvent[] = [
      ...(["SSRM", "CDT", "CD", "RTR", "SECD"] as const).map((kind) => receive({ kind })),
      receive({ kind: "SFPA", restartPosition: 2 }),
      receive({ kind: "SFNA", reason: 1, retry: true, text: "" }),
      receive({ kind: "DATA", payload: new Uint8Array(127) }),
      receive({ kind: "DATA", payload: new Uint8Array(128) }),
      receive({ kind: "EFID", recordCount: 0, unitCount: 1 }),
      receive({ kind: "EFPA", changeDirection: true }),
      receive({ kind: "EFNA", reason: 1, text: "" }),
      receive({ kind: "ESID", reason: 0, text: "" }),
      receive({ kind: "ESID", reason: 3, text: "" }),
      receive({ kind: "AUCH", challenge: none }),
      receive({ kind: "AURP", response: none }),
      receive(sfid),
      receive({ kind: "EERP", ...id, userData: "", hash: none, signature: none }),
      receive({ kind: "NERP", ...id, creator: "X", reason: 1, text: "", hash: none, signature: none }),
    ];
    const anything = fc.array(
      fc.record({
        hostile: fc.boolean(),
        choice: fc.nat({ max: commands.length - 1 }),
        user: fc.nat({ max: userEvents.length - 1 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(anything, (path) => {
        const joined = join(5);
        open(joined, false);
        let before = joined.left.state;
        for (const { hostile, choice, user } of path) {
          const { state, actions } = transition(before, hostile ? commands[choice]! : userEvents[user]!);
          const types = actions.map((action) => action.type);
          if (hostile && types.includes("USER_ERROR")) throw new Error("a partner's command is a user error");
          if (state.name === "WF_NDISC" && before.name !== "WF_NDISC") expect(types).toContain("F_ABORT_IND");
          before = state.name === "IDLE" ? joined.left.state : state;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
