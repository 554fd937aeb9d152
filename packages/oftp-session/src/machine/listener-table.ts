/** RFC 5024 section 9.12: the listener. */
import { levelWithNerp } from "./negotiation.js";
import {
  cdt,
  efna,
  efpa,
  esid,
  fAbortInd,
  fAbortIndReceived,
  fCdInd,
  fCloseFileInd,
  fDataInd,
  fEerpInd,
  fNerpInd,
  fReleaseInd,
  fStartFileInd,
  nDiscRq,
  rtr,
  sfna,
  sfpa,
} from "./outputs.js";
import { branch, builtByOutput, input, type StateTable, startTimer, stopTimer } from "./table-types.js";

export const listenerTable: StateTable = {
  section: "9.12",
  states: ["IDLELI", "IDLELICD", "OPIP", "OPI", "CLIP", "RTRP"],
  cells: {
    SFID: "A A B B B B",
    DATA: "B B B I B B",
    EFID: "B B B J B B",
    F_START_FILE_RS: "U U H U U U",
    F_CLOSE_FILE_RS: "U U U U K U",
    // Decides over the row CD of 9.10, whose column "Other States" would take these states too.
    CD: "C B B B B B",
    "ESID R=Normal": "D F D D D D",
    "ESID R=Error": "D D D D D D",
    EERP: "E E B B B B",
    NERP: "L L B B B B",
    F_RTR_RS: "U U U U U M",
  },

  transitions: {
    A: [
      branch("P1", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!P1", [1, 2, 3], [fStartFileInd], "OPIP"),
    ],
    B: [branch("", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC")],
    C: [branch("", [1, 2], [fCdInd(false)], "IDLESPCD")],
    D: [branch("", [1], [fAbortIndReceived, nDiscRq], "IDLE")],
    E: [branch("", [1, 2, 4], [fEerpInd], "RTRP")],
    F: [branch("", [1], [fReleaseInd, nDiscRq], "IDLE")],
    H: [
      branch("P4", [], [], "UE"),
      branch("P2 & !P4 & !P5", [1, 2, 8], [sfpa], "OPI"),
      branch("!P2 & !P4 & !P5", [1, 2], [sfna], "IDLELI"),
      branch("P2 & !P4 & P5", [1, 2, 5, 8], [sfpa], "OPI"),
      branch("!P2 & !P4 & P5", [1, 2, 5], [sfna], "IDLELI"),
    ],
    I: [
      // Not printed: a buffer larger than agreed (3.4.2, "Data Exchange Buffer size error").
      branch("L1", [1, 2], [esid("07"), fAbortInd("local")], "WF_NDISC"),
      branch("P6", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!P5 & !P6 & !P7", [1, 2, 7], [fDataInd], "OPI"),
      // Note 1: when the CDT leaves is the driver's choice; it may hold it back until its sink took the data.
      branch("!P5 & !P6 & P7", [1, 2, 8], [fDataInd, cdt], "OPI"),
      branch("P5 & !P6 & P8", [1, 2], [esid("07"), fAbortInd("local")], "WF_NDISC"),
      branch("P5 & !P6 & !P7 & !P8", [1, 2, 6, 7], [fDataInd], "OPI"),
      branch("P5 & !P6 & P7 & !P8", [1, 2, 5, 6, 8], [fDataInd, cdt], "OPI"),
    ],
    J: [branch("", [1, 2], [fCloseFileInd], "CLIP")],
    K: [
      branch("P2 & P3 & !P5", [1, 2], [efpa(true)], "WF_CD"),
      branch("P2 & !P3 & !P5", [1, 2], [efpa(false)], "IDLELI"),
      branch("!P2 & !P5", [1, 2], [efna], "IDLELI"),
      branch("P2 & !P3 & P5", [1, 2, 5], [efpa(false)], "IDLELI"),
      branch("!P2 & P5", [1, 2, 5], [efna], "IDLELI"),
      branch("P2 & P3 & P5", [1, 2, 5], [efpa(true)], "WF_CD"),
    ],
    L: [
      branch("L2", [1, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!L2", [1, 2, 10], [fNerpInd], "RTRP"),
    ],
    M: [branch("", [1, 2], [rtr], "IDLELI")],
  },

  predicates: {
    P1: (draft) => {
      const { restartPosition } = input(draft, "SFID").command;
      if (draft.variables.mode === "S") {
        draft.text = "this station only sends in this session";
        return true;
      }
      if (restartPosition > 0 && !draft.variables.restart) {
        draft.text = "SFIDREST is set, but restart was not agreed on";
        return true;
      }
      return false;
    },
    P2: (draft) => input(draft, "F_START_FILE_RS", "F_CLOSE_FILE_RS").positive,
    P3: (draft) => {
      const answer = input(draft, "F_CLOSE_FILE_RS");
      return answer.positive && answer.speaker;
    },
    // Printed with V.Restart, which is a yes or no: V.Restart-pos is meant (3.3.1, note 4).
    P4: (draft) => {
      const answer = input(draft, "F_START_FILE_RS");
      if (!answer.positive || answer.restartPosition <= draft.variables.restartPos) return false;
      draft.text = `the restart position must not be greater than the ${draft.variables.restartPos} that was offered`;
      return true;
    },
    // Special logic is never agreed on, so there is no CRC either.
    P5: () => false,
    P6: (draft) => draft.variables.creditL - 1 < 0,
    P7: (draft) => draft.variables.creditL - 1 === 0,
    P8: () => false,
    // Not the RFC's: the buffer, command octet included, is larger than agreed.
    L1: (draft) => input(draft, "DATA").command.payload.length + 1 > draft.variables.bufSize,
    // Not the RFC's: releases before 1.4 know no NERP.
    L2: (draft) => {
      if (draft.variables.level >= levelWithNerp) return false;
      draft.text = `NERP is not known at level ${draft.variables.level}`;
      return true;
    },
  },

  actions: {
    1: stopTimer,
    2: startTimer,
    3: (draft) => {
      const { restartPosition } = input(draft, "SFID").command;
      draft.variables = { ...draft.variables, restartPos: restartPosition };
    },
    4: builtByOutput,
    5: builtByOutput,
    6: builtByOutput,
    7: (draft) => {
      draft.variables = { ...draft.variables, creditL: draft.variables.creditL - 1 };
    },
    8: (draft) => {
      draft.variables = { ...draft.variables, creditL: draft.variables.window };
    },
    10: builtByOutput,
  },
};
