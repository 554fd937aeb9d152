/** RFC 5024 section 9.8: how a session is set up. */
import { endSessionReasons, MIN_BUFFER_SIZE } from "@waybill/oftp-codec";
import { intersectModes } from "./negotiation.js";
import {
  auch,
  auchNeeded,
  aurp,
  aurpNeeded,
  esid,
  fAbortInd,
  fAbortIndReceived,
  fConnectCf,
  fConnectInd,
  nConRq,
  nConRs,
  nDiscRq,
  secd,
  ssid,
  ssrm,
} from "./outputs.js";
import { agree, fail, negotiated, partnerAuthenticates } from "./session-agreement.js";
import { type Branch, branch, input, type StateTable, startTimer, stopTimer } from "./table-types.js";

// I and J are reached in two steps, because the driver needs time to open or make a challenge: I1 and J1 ask, and the
// events AURP_READY and AUCH_READY lead to I and J (authentication-table.ts).
export const answerI: readonly Branch[] = [
  branch("!L1", [], [], "UE"),
  branch("P5", [4, 2, 9], [aurp], "WF_SECD"),
  branch("!P5", [4, 2, 9], [aurp], "IDLELI"),
];
export const answerJ: readonly Branch[] = [
  branch("!L2", [], [], "UE"),
  branch("L2", [4, 2, 9], [auch], "WF_AURP"),
];

export const sessionConnectionTable: StateTable = {
  section: "9.8",
  states: [
    "IDLE",
    "I_WF_NC",
    "I_WF_RM",
    "I_WF_SSID",
    "A_NC_ONLY",
    "A_WF_CONRS",
    "WF_AUCH",
    "WF_AURP",
    "WF_SECD",
    "Other States",
  ],
  cells: {
    F_CONNECT_RQ: "A X X X X X X X X X",
    N_CON_CF: "X C X X X X X X X X",
    SSRM: "X X H X X X L L L X",
    SSID: "X X X D E F L L L F",
    N_CON_IND: "B X X X X X X X X X",
    F_CONNECT_RS: "X U U U U G X X X U",
    ESID: "X X X F X X F F F X",
    AUCH: "X X U U X X I L L U",
    AURP: "X X U U X X L K L U",
    SECD: "X X U U X X L L J U",
  },

  transitions: {
    A: [branch("P1", [], [fAbortInd("local")], "IDLE"), branch("!P1", [1, 2], [nConRq], "I_WF_NC")],
    B: [branch("P3", [], [nDiscRq], "IDLE"), branch("!P3", [2], [nConRs, ssrm], "A_NC_ONLY")],
    C: [branch("", [4, 2], [], "I_WF_RM")],
    D: [
      branch("P2 & P8 & P11", [4, 2, 5], [secd], "WF_AUCH"),
      branch("P2 & P8 & !P11", [4, 2, 5], [fConnectCf], "IDLESP"),
      branch("P2 & !P8", [4, 2], [esid("12"), fAbortInd("local")], "WF_NDISC"),
      // Printed is 10, for every incompatibility. The negotiation has the reason that fits better where there is one:
      // 02 for the greater credit (5.3.2) and 06 for a value outside its field's range.
      branch("else", [4, 2], [esid("R"), fAbortInd("local")], "WF_NDISC"),
    ],
    E: [
      // Printed is N_DISC_RQ without an ESID and IDLE. Reason 10 exists to be told, and nothing says that it may not; the
      // same holds for the other values of the SSID that can be judged before the user monitor is asked.
      branch("P4", [4, 2], [esid("R"), fAbortInd("local")], "WF_NDISC"),
      branch("!P4", [4, 2, 7], [fConnectInd], "A_WF_CONRS"),
    ],
    F: [branch("", [4], [fAbortIndReceived, nDiscRq], "IDLE")],
    G: [
      branch("L3", [], [], "UE"),
      branch("P2 & P9 & P10", [4, 2, 5], [ssid], "WF_SECD"),
      branch("P2 & !P9 & P10", [4, 2, 5], [ssid], "IDLELI"),
      branch("!P10", [4, 2, 8], [esid("12"), fAbortInd("local")], "WF_NDISC"),
      branch("else", [4, 2], [esid("R"), fAbortInd("local")], "WF_NDISC"),
    ],
    H: [branch("", [4, 2], [ssid], "I_WF_SSID")],
    I: answerI,
    I1: [
      branch("L1", [4, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!L1", [4, 2, 10], [aurpNeeded], "same"),
    ],
    J: answerJ,
    J1: [
      branch("L2", [4, 2], [esid("02"), fAbortInd("local")], "WF_NDISC"),
      branch("!L2", [4, 2, 11], [auchNeeded], "same"),
    ],
    K: [
      branch("P6", [4, 2], [fConnectCf], "IDLESP"),
      branch("P7", [4, 2], [secd], "WF_AUCH"),
      branch("else", [4, 2], [esid("11"), fAbortInd("local")], "WF_NDISC"),
    ],
    L: [branch("", [4, 2], [esid("02"), fAbortInd("local")], "WF_NDISC")],
  },

  predicates: {
    P1: (draft) => {
      const request = input(draft, "F_CONNECT_RQ");
      const { capInit, capMode } = draft.state.constants;
      if (request.resources === false) {
        return fail(
          draft,
          endSessionReasons.resourcesNotAvailable.code,
          "there are no resources for a session",
        );
      }
      if (capInit === "responder") {
        return fail(draft, endSessionReasons.modeIncompatible.code, "this station is a responder only");
      }
      return (
        intersectModes(capMode, request.mode) === undefined &&
        fail(
          draft,
          endSessionReasons.modeIncompatible.code,
          `mode ${request.mode} is asked for, but this station's is ${capMode}`,
        )
      );
    },
    P2: (draft) => negotiated(draft).ok,
    P3: (draft) => draft.state.constants.capInit === "initiator",
    P4: (draft) => !negotiated(draft).ok,
    P5: (draft) => draft.variables.caller,
    P6: (draft) => draft.variables.caller && input(draft, "AURP").valid,
    P7: (draft) => !draft.variables.caller && input(draft, "AURP").valid,
    P8: (draft) => draft.variables.authentication === partnerAuthenticates(draft),
    P9: (draft) => input(draft, "F_CONNECT_RS").authentication,
    P10: (draft) => partnerAuthenticates(draft) === input(draft, "F_CONNECT_RS").authentication,
    P11: (draft) => draft.variables.authentication,
    // Not the RFC's: whether the driver has been asked for the response (L1) or the challenge (L2).
    L1: (draft) => draft.variables.authenticationNeeds === "AURP",
    L2: (draft) => draft.variables.authenticationNeeds === "AUCH",
    // Not the RFC's: limits that no SSID could carry.
    L3: (draft) => {
      const { maxBufSize = MIN_BUFFER_SIZE, maxWindow = 1 } = input(draft, "F_CONNECT_RS").limits ?? {};
      const valid = Number.isInteger(maxBufSize) && Number.isInteger(maxWindow);
      return (
        (!valid || maxBufSize < MIN_BUFFER_SIZE || maxWindow < 1) &&
        fail(
          draft,
          endSessionReasons.invalidData.code,
          "limits need a buffer of 128 octets and a credit of 1 at least",
        )
      );
    },
  },

  actions: {
    1: (draft) => {
      const request = input(draft, "F_CONNECT_RQ");
      const { constants } = draft.state;
      draft.variables = {
        ...draft.variables,
        mode: intersectModes(constants.capMode, request.mode) ?? constants.capMode,
        pswd: request.password,
        id: request.id,
        userData: request.userData ?? "",
        // Printed without C.Cap-restart, which nothing else would ever look at.
        restart: request.restart && constants.capRestart,
        authentication: request.authentication,
        bufSize: constants.maxBufSize,
        // Printed without the window and the level, which the SSID needs too.
        window: constants.maxWindow,
        level: constants.level,
        compression: constants.capCompression,
        caller: true,
      };
    },
    2: startTimer,
    // Action 3, the parameters of O.SSID, is the output event itself.
    4: stopTimer,
    5: agree,
    // Action 6, a challenge, is the driver's.
    // Not the RFC's:
    7: (draft) => {
      draft.variables = { ...draft.variables, partner: input(draft, "SSID").command };
    },
    8: (draft) => {
      draft.variables = {
        ...draft.variables,
        authentication: input(draft, "F_CONNECT_RS").authentication,
      };
    },
    9: (draft) => {
      draft.variables = { ...draft.variables, authenticationNeeds: undefined };
    },
    10: (draft) => {
      draft.variables = { ...draft.variables, authenticationNeeds: "AURP" };
    },
    11: (draft) => {
      draft.variables = { ...draft.variables, authenticationNeeds: "AUCH" };
    },
  },
};
