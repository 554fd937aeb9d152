/** RFC 5024 section 9.9: errors and aborts. */
import { endSessionReasons } from "@waybill/oftp-codec";
import { esid, fAbortInd, fAbortIndNetwork, nDiscRq } from "./outputs.js";
import type { SessionStateName } from "./state.js";
import { branch, input, type StateTable, startTimer, stopTimer } from "./table-types.js";

/** States in which the partner does not wait for a command of ours yet, or no longer. */
const withoutEsid: ReadonlySet<SessionStateName> = new Set<SessionStateName>([
  "IDLE",
  "I_WF_NC",
  "I_WF_RM",
  "WF_NDISC",
]);

export const errorAndAbortTable: StateTable = {
  section: "9.9",
  states: ["IDLE", "I_WF_NC", "WF_NDISC", "Other States"],
  cells: {
    "TIME-OUT": "X X A B",
    F_ABORT_RQ: "X A X C",
    N_RST_IND: "X X A D",
    N_DISC_IND: "X E F G",
    "Invalid Buffer": "X X H I",
  },

  transitions: {
    // A and E are printed without action 1, but the timer of action 2 in 9.8 A runs in I_WF_NC, and that of every ESID in
    // WF_NDISC.
    A: [branch("", [1], [nDiscRq], "IDLE")],
    B: [
      // Printed without ESID. Reason 09 exists to be told; the connection is closed after it without waiting, since the
      // partner has been silent for long enough.
      branch("L1", [], [esid("09"), fAbortInd("local"), nDiscRq], "IDLE"),
      branch("!L1", [3], [fAbortInd("local"), nDiscRq], "IDLE"),
    ],
    C: [branch("", [1], [nDiscRq], "IDLE")],
    D: [branch("", [1], [nDiscRq, fAbortIndNetwork], "IDLE")],
    E: [branch("", [1], [fAbortIndNetwork], "IDLE")],
    F: [branch("", [1], [], "IDLE")],
    G: [branch("", [1], [fAbortIndNetwork], "IDLE")],
    H: [branch("", [], [], "WF_NDISC")],
    // Printed is ESID(R=01). The codec tells an unknown command (01) from an invalid field (06) and a wrong length (07),
    // as 5.3.11 does.
    I: [branch("", [1, 2, 4], [esid("R"), fAbortInd("local")], "WF_NDISC")],
  },

  predicates: {
    // Not the RFC's: the partner can take an ESID.
    L1: (draft) => !withoutEsid.has(draft.state.name),
  },
  actions: {
    1: stopTimer,
    2: startTimer,
    // Not the RFC's: the reasons that are told when no ESID with its own reason comes first.
    3: (draft) => {
      draft.reason = endSessionReasons.timeOut.code;
      draft.text = `nothing came in state ${draft.state.name}`;
    },
    4: (draft) => {
      const { reason, text } = input(draft, "Invalid Buffer");
      draft.reason = reason;
      draft.text = text;
    },
  },
};
