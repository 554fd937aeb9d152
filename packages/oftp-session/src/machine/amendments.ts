/**
 * Where this station does not do what a cell of RFC 5024 section 9 says, or where the RFC has no cell. The tables
 * themselves are kept as printed; entries of the transition tables that differ say so where they stand.
 *
 * The rules behind the list: 'X' and 'U' are for mistakes on this side, so a buffer from the partner must never end there;
 * and an ESID ends the session in every state, its reason told.
 */
import { nDiscRq } from "./outputs.js";
import type { SessionStateName } from "./state.js";
import { branch, type EventRow, type TableName, type Transitions } from "./table-types.js";

export interface Amendment {
  readonly events: readonly EventRow[];
  readonly states: readonly SessionStateName[];
  /** The transition that counts instead. */
  readonly table: TableName | "local";
  readonly letter: string;
}

const esidRows: readonly EventRow[] = ["ESID R=Normal", "ESID R=Error"];

/** Rows that the partner's bytes lead to. */
export const commandRows: readonly EventRow[] = [
  "SSRM",
  "SSID",
  "SECD",
  "AUCH",
  "AURP",
  "SFID",
  "SFPA",
  "SFNA",
  "DATA",
  "CDT",
  "EFID",
  "EFPA",
  "EFNA",
  ...esidRows,
  "CD",
  "EERP",
  "NERP",
  "RTR",
];

/** States of an open session that are the speaker's, or in which CD is awaited. */
const speakerStates: readonly SessionStateName[] = [
  "IDLESP",
  "IDLESPCD",
  "WF_RTR",
  "WF_CD",
  "ERSTWFCD",
  "NRSTWFCD",
  "SFSTWFCD",
  "CDSTWFCD",
  "OPOP",
  "OPO",
  "OPOWFC",
  "CLOP",
];
const listenerStates: readonly SessionStateName[] = ["IDLELI", "IDLELICD", "OPIP", "OPI", "CLIP", "RTRP"];
const openStates = [...speakerStates, ...listenerStates];

/** Transitions that the RFC does not have. */
export const localTransitions: Transitions = {
  ignore: [branch("", [], [], "same")],
  userError: [branch("", [], [], "UE")],
  // Both sides have ended the session: neither needs to wait for the other to close the connection. Action 1 of 9.9.
  bothEnded: [branch("", [1], [nDiscRq], "IDLE")],
};

/** What counts for a cell that no table has: a table of section 9 without a column for the state and "Other States". */
export function uncoveredCell(row: EventRow): Pick<Amendment, "table" | "letter"> {
  // As the rows SFPA, CD and others of 9.10 have it for all other states.
  if (commandRows.includes(row)) return { table: "speaker1", letter: "C" };
  return { table: "local", letter: "userError" };
}

export const amendments: readonly Amendment[] = [
  // 9.8 has 'X' or nothing, 9.10 'C': after N_DISC_RQ there may be buffers, a reset or a close on their way, and there is
  // no partner any more who could be told.
  {
    events: [...commandRows, "Invalid Buffer", "TIME-OUT", "N_RST_IND", "N_DISC_IND"],
    states: ["IDLE"],
    table: "local",
    letter: "ignore",
  },
  // Without a connection a command cannot come (9.10 has 'C' for other states): the driver's mistake.
  { events: commandRows, states: ["I_WF_NC"], table: "local", letter: "userError" },
  // 9.10 has 'Q' for other states, but an ESID needs a connection.
  { events: ["F_REL_RQ(Err)"], states: ["IDLE"], table: "local", letter: "userError" },
  { events: ["F_REL_RQ(Err)"], states: ["I_WF_NC"], table: "errorAndAbort", letter: "C" },
  // 9.9 has 'X', but action 2 of 9.8 A has started a timer, and a connection that is being made can be reset.
  { events: ["TIME-OUT"], states: ["I_WF_NC"], table: "errorAndAbort", letter: "B" },
  { events: ["N_RST_IND"], states: ["I_WF_NC"], table: "errorAndAbort", letter: "D" },

  // 9.8 has 'X' or 'U', but the partner can send these at any time.
  {
    events: ["SSRM"],
    states: ["I_WF_SSID", "A_NC_ONLY", "A_WF_CONRS", ...openStates],
    table: "sessionConnection",
    letter: "L",
  },
  { events: ["SSID"], states: ["I_WF_RM"], table: "sessionConnection", letter: "L" },
  // 9.8 has 'F', which closes the connection and tells the partner nothing.
  { events: ["SSID"], states: ["A_WF_CONRS", ...openStates], table: "sessionConnection", letter: "L" },
  {
    events: ["AUCH", "AURP", "SECD"],
    states: ["I_WF_RM", "I_WF_SSID", "A_NC_ONLY", "A_WF_CONRS", ...openStates],
    table: "sessionConnection",
    letter: "L",
  },
  // The two steps of I and J, see there.
  { events: ["AUCH"], states: ["WF_AUCH"], table: "sessionConnection", letter: "I1" },
  { events: ["SECD"], states: ["WF_SECD"], table: "sessionConnection", letter: "J1" },

  // 9.8 has 'X' for these, and 9.10 and 9.11 no row at all. A responder that is full says so instead of SSRM or SSID.
  {
    events: esidRows,
    states: ["I_WF_RM", "A_NC_ONLY", "A_WF_CONRS"],
    table: "sessionConnection",
    letter: "F",
  },
  { events: esidRows, states: speakerStates, table: "listener", letter: "D" },

  // Buffers that were on their way when this side ended the session; 9.10 has 'S' for those that it knows, 9.8 has 'X' or
  // 'F'.
  {
    events: commandRows.filter((row) => !esidRows.includes(row)),
    states: ["WF_NDISC"],
    table: "speaker1",
    letter: "S",
  },
  { events: esidRows, states: ["WF_NDISC"], table: "local", letter: "bothEnded" },
  // 9.9 has 'X', but there is no reason to make a user wait for a partner that does not close.
  { events: ["F_ABORT_RQ"], states: ["WF_NDISC"], table: "errorAndAbort", letter: "C" },
];
