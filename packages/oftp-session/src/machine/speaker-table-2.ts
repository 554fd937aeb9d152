/** RFC 5024 section 9.11: the speaker at the end of a file. */
import { cd, efid, esid, fAbortInd, fCloseFileCfNegative, fCloseFileCfPositive } from "./outputs.js";
import { branch, builtByOutput, input, type StateTable, startTimer, stopTimer } from "./table-types.js";

export const speakerTable2: StateTable = {
  section: "9.11",
  // There is no column for other states: `uncoveredCell` in amendments.ts says what counts there.
  states: ["OPO", "OPOWFC", "CLOP"],
  cells: {
    F_CLOSE_FILE_RQ: "A E U",
    EFPA: "B B C",
    EFNA: "B B D",
  },

  transitions: {
    A: [branch("", [1, 2, 5, 7], [efid], "CLOP")],
    B: [branch("", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC")],
    C: [
      branch("P1", [1, 2, 3], [fCloseFileCfPositive(false), cd], "IDLELI"),
      branch("!P1", [1, 2, 4], [fCloseFileCfPositive(true)], "IDLESP"),
    ],
    D: [branch("", [1, 2, 6], [fCloseFileCfNegative], "IDLESP")],
    // Note 1: EFID is forbidden while the speaker waits for credit, and the user monitor must not ask for it.
    E: [branch("", [], [], "UE")],
  },

  predicates: {
    P1: (draft) => input(draft, "EFPA").command.changeDirection,
    P2: () => true,
  },

  actions: {
    1: stopTimer,
    2: startTimer,
    3: builtByOutput,
    4: builtByOutput,
    5: builtByOutput,
    6: builtByOutput,
    7: (draft) => {
      draft.variables = { ...draft.variables, creditS: 0 };
    },
    8: builtByOutput,
  },
};
