/** The second step of I and J of RFC 5024 section 9.8: what the driver answers to AURP_NEEDED and AUCH_NEEDED. */
import { answerI, answerJ, sessionConnectionTable } from "./session-connection-table.js";
import { branch, type StateTable } from "./table-types.js";

export const authenticationTable: StateTable = {
  section: "9.8 (I and J)",
  states: ["WF_AUCH", "WF_SECD", "IDLE", "WF_NDISC", "Other States"],
  cells: {
    // N: an answer that comes when the session has ended meanwhile is nobody's mistake.
    AURP_READY: "I U N N U",
    AUCH_READY: "U J N N U",
  },
  transitions: { I: answerI, J: answerJ, N: [branch("", [], [], "same")] },
  predicates: sessionConnectionTable.predicates,
  actions: sessionConnectionTable.actions,
};
