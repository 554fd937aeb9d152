/** RFC 5024 section 9.10: the speaker, and whoever waits to become it. */
import { levelWithNerp } from "./negotiation.js";
import {
  cd,
  data,
  eerp,
  esid,
  fAbortInd,
  fCdInd,
  fDataCf,
  fRtrCf,
  fStartFileCfNegative,
  fStartFileCfPositive,
  nerp,
  sfid,
} from "./outputs.js";
import {
  branch,
  builtByOutput,
  type Draft,
  input,
  type StateTable,
  startTimer,
  stopTimer,
  type TableAction,
} from "./table-types.js";

const storeRequest: TableAction = (draft) => {
  draft.variables = {
    ...draft.variables,
    reqBuf: input(draft, "F_EERP_RQ", "F_NERP_RQ", "F_START_FILE_RQ"),
  };
};

function startFileRequest(draft: Draft) {
  return draft.event.type === "F_START_FILE_RQ" ? draft.event : draft.variables.reqBuf;
}

const setRestartPosition: TableAction = (draft) => {
  const request = startFileRequest(draft);
  if (request?.type !== "F_START_FILE_RQ") throw new TypeError("no F_START_FILE_RQ is stored");
  draft.variables = { ...draft.variables, restartPos: request.sfid.restartPosition };
};

export const speakerTable1: StateTable = {
  section: "9.10",
  states: [
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
    "WF_NDISC",
    "Other States",
  ],
  cells: {
    F_EERP_RQ: "A A W F W W U U U U U U U",
    F_NERP_RQ: "Y Y W Z W W U U U U U U U",
    F_START_FILE_RQ: "B B W G W W U U U U U X U",
    SFPA: "C C C C C C C C K C C S C",
    SFNA: "C C C C C C C C L C C S C",
    CD: "C C C H R Z1 I J C C C S C",
    F_DATA_RQ: "U U U U U U U U U M U S U",
    CDT: "C C C C C C C C C P O S C",
    F_CD_RQ: "D U W T W W U U U U U X U",
    "F_REL_RQ(Ok)": "U E U U U U U U U U U X U",
    "F_REL_RQ(Err)": "Q Q Q Q Q Q Q Q Q Q Q S Q",
    RTR: "C C N C C C C C C C C S C",
  },

  transitions: {
    A: [branch("P5", [1, 2, 3, 18], [eerp], "WF_RTR"), branch("!P5", [1, 2, 3], [eerp], "WF_RTR")],
    B: [branch("P1", [], [], "UE"), branch("!P1", [1, 2, 5], [sfid], "OPOP")],
    C: [branch("", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC")],
    D: [branch("", [1, 2], [cd], "IDLELICD")],
    E: [branch("", [1, 2], [esid("00")], "WF_NDISC")],
    F: [branch("", [4], [], "ERSTWFCD")],
    G: [branch("P1", [], [], "UE"), branch("!P1", [6], [], "SFSTWFCD")],
    // Printed without an output event, because the user monitor does not see WF_CD. The "solicited F_CD_IND" of 3.3.4.2,
    // rule 4, can only be this one; a user monitor that stored no request waits for it.
    H: [branch("", [1, 2], [fCdInd(true)], "IDLESP")],
    I: [branch("", [1, 2, 10], [sfid], "OPOP")],
    J: [branch("", [1, 2], [cd], "IDLELICD")],
    K: [
      branch("P2", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!P2", [1, 2, 7, 12], [fStartFileCfPositive], "OPO"),
    ],
    L: [branch("", [1, 2, 8], [fStartFileCfNegative], "IDLESP")],
    M: [
      branch("L1", [], [], "UE"),
      branch("P3", [1, 2, 11, 13], [data], "OPOWFC"),
      branch("!P3", [1, 2, 11, 13], [data, fDataCf], "OPO"),
    ],
    // N and O are printed without actions 1 and 2: the timer of the EERP or the last DATA would go on in IDLESP and OPO
    // although the partner has just answered.
    N: [branch("", [1, 2], [fRtrCf], "IDLESP")],
    O: [branch("", [1, 2, 12], [fDataCf], "OPO")],
    // "Protocol Error" stands in the predicate column, but it explains and selects nothing: a CDT while there is credit
    // (9.12 note 1).
    P: [branch("", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC")],
    Q: [branch("", [1, 2, 19], [esid("R")], "WF_NDISC")],
    R: [branch("", [1, 2, 9], [eerp], "WF_RTR")],
    S: [branch("", [], [], "WF_NDISC")],
    // Nothing is stored: the state alone says that CD was asked for.
    T: [branch("", [], [], "CDSTWFCD")],
    Y: [
      branch("L2", [], [], "UE"),
      branch("P4 & P5", [1, 2, 15, 18], [nerp], "WF_RTR"),
      branch("!P4 & !P5", [1, 2, 15, 14], [nerp], "WF_RTR"),
      branch("P4 & !P5", [1, 2, 15], [nerp], "WF_RTR"),
      branch("!P4 & P5", [1, 2, 15, 14, 18], [nerp], "WF_RTR"),
    ],
    Z: [branch("L2", [], [], "UE"), branch("", [16], [], "NRSTWFCD")],
    Z1: [branch("P4", [1, 2, 17], [nerp], "WF_RTR"), branch("!P4", [1, 2, 17, 14], [nerp], "WF_RTR")],
  },

  predicates: {
    P1: (draft) => {
      const { sfid: file } = input(draft, "F_START_FILE_RQ");
      if (draft.variables.mode === "R") {
        draft.text = "this station only receives in this session";
        return true;
      }
      if (file.restartPosition === 0 || draft.variables.restart) return false;
      draft.text = "restart was not agreed on in this session";
      return true;
    },
    P2: (draft) => {
      if (input(draft, "SFPA").command.restartPosition <= draft.variables.restartPos) return false;
      draft.text = "SFPAACNT is greater than SFIDREST";
      return true;
    },
    P3: (draft) => draft.variables.creditS - 1 === 0,
    // Special logic is never agreed on.
    P4: () => true,
    // Whether it is signed is the caller's: the command says it.
    P5: (draft) =>
      draft.event.type === "F_NERP_RQ"
        ? draft.event.nerp.signature.length > 0
        : input(draft, "F_EERP_RQ").eerp.signature.length > 0,
    // Not the RFC's: a data exchange buffer, command octet included, that is larger than agreed.
    L1: (draft) => {
      if (input(draft, "F_DATA_RQ").payload.length < draft.variables.bufSize) return false;
      draft.text = `a data exchange buffer has ${draft.variables.bufSize - 1} octets after the command at most`;
      return true;
    },
    // Not the RFC's: releases before 1.4 know no NERP.
    L2: (draft) => {
      if (draft.variables.level >= levelWithNerp) return false;
      draft.text = `NERP needs level ${levelWithNerp}, and this session has ${draft.variables.level}`;
      return true;
    },
  },

  actions: {
    1: stopTimer,
    2: startTimer,
    3: builtByOutput,
    4: storeRequest,
    5: setRestartPosition,
    6: storeRequest,
    7: builtByOutput,
    8: builtByOutput,
    9: builtByOutput,
    10: setRestartPosition,
    11: builtByOutput,
    12: (draft) => {
      draft.variables = { ...draft.variables, creditS: draft.variables.window };
    },
    13: (draft) => {
      draft.variables = { ...draft.variables, creditS: draft.variables.creditS - 1 };
    },
    // Special logic (never used) and signing (done by the caller before the request).
    14: builtByOutput,
    15: builtByOutput,
    16: storeRequest,
    17: builtByOutput,
    18: builtByOutput,
    // Not the RFC's: the reason that the user monitor gave.
    19: (draft) => {
      const { reason, text } = input(draft, "F_RELEASE_RQ");
      draft.reason = reason;
      draft.text = text ?? "";
    },
  },
};
