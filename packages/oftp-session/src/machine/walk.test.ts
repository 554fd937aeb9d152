/**
 * Walks every state with every event. What is expected is written by hand, from the pages of RFC 5024 section 9 and the
 * amendments: which entry counts where, and what each line of each entry does.
 */
import { describe, expect, test } from "@jest/globals";
import type { Eerp, Nerp, Sfid, Ssid } from "@waybill/oftp-codec";
import type { Action } from "./actions.js";
import type { SessionEvent } from "./events.js";
import {
  initialState,
  type SessionConstants,
  type SessionStateName,
  type SessionVariables,
  sessionStateNames,
} from "./state.js";
import { transition } from "./transition.js";

// c 9.8, e 9.9, s 9.10, t 9.11, l 9.12; V protocol violation, U user error, "." nothing, x both have sent an ESID.
// "V*9" is nine cells. The bars stand between the states of connecting, the speaker's, the listener's and WF_NDISC.
const grid = `
  F_CONNECT_RQ    | cA U*8                       | U*12                                | U*6            | U
  N_CON_CF        | U cC U*7                     | U*12                                | U*6            | U
  N_CON_IND       | cB U*8                       | U*12                                | U*6            | U
  F_CONNECT_RS    | U*5 cG U*3                   | U*12                                | U*6            | U
  SSRM            | . U cH V V V V V V           | V*12                                | V*6            | .
  SSID            | . U V cD cE V V V V          | V*12                                | V*6            | .
  ESID R=Normal   | . U cF*7                     | lD*12                               | lD lF lD*4     | x
  ESID R=Error    | . U cF*7                     | lD*12                               | lD*6           | x
  AUCH            | . U V V V V cI1 V V          | V*12                                | V*6            | .
  AURP            | . U V V V V V cK V           | V*12                                | V*6            | .
  SECD            | . U V V V V V V cJ1          | V*12                                | V*6            | .
  AURP_READY      | . U*5 cI U*2                 | U*12                                | U*6            | .
  AUCH_READY      | . U*7 cJ                     | U*12                                | U*6            | .
  TIME-OUT        | . eB eB eB*6                 | eB*12                               | eB*6           | eA
  F_ABORT_RQ      | U eA eC*7                    | eC*12                               | eC*6           | eC
  N_RST_IND       | . eD eD*7                    | eD*12                               | eD*6           | eA
  N_DISC_IND      | . eE eG*7                    | eG*12                               | eG*6           | eF
  Invalid Buffer  | . U eI*7                     | eI*12                               | eI*6           | .
  F_EERP_RQ       | U*9                          | sA sA U sF U*8                      | U*6            | U
  F_NERP_RQ       | U*9                          | sY sY U sZ U*8                      | U*6            | U
  F_START_FILE_RQ | U*9                          | sB sB U sG U*8                      | U*6            | U
  SFPA            | . U V*7                      | V*8 sK V V V                        | V*6            | .
  SFNA            | . U V*7                      | V*8 sL V V V                        | V*6            | .
  CD              | . U V*7                      | V V V sH sR sZ1 sI sJ V V V V       | lC V*5         | .
  F_DATA_RQ       | U*9                          | U*9 sM U U                          | U*6            | .
  CDT             | . U V*7                      | V*9 sP sO V                         | V*6            | .
  F_CD_RQ         | U*9                          | sD U U sT U*8                       | U*6            | U
  F_REL_RQ(Ok)    | U*9                          | U sE U*10                           | U*6            | U
  F_REL_RQ(Err)   | U eC sQ*7                    | sQ*12                               | sQ*6           | .
  RTR             | . U V*7                      | V V sN V*9                          | V*6            | .
  F_CLOSE_FILE_RQ | U*9                          | U*9 tA U U                          | U*6            | U
  EFPA            | . U V*7                      | V*11 tC                             | V*6            | .
  EFNA            | . U V*7                      | V*11 tD                             | V*6            | .
  SFID            | . U V*7                      | V*12                                | lA lA V*4      | .
  DATA            | . U V*7                      | V*12                                | V V V lI V V   | .
  EFID            | . U V*7                      | V*12                                | V V V lJ V V   | .
  F_START_FILE_RS | U*9                          | U*12                                | U U lH U U U   | U
  F_CLOSE_FILE_RS | U*9                          | U*12                                | U U U U lK U   | U
  EERP            | . U V*7                      | V*12                                | lE lE V*4      | .
  NERP            | . U V*7                      | V*12                                | lL lL V*4      | .
  F_RTR_RS        | U*9                          | U*12                                | U U U U U lM   | U
`;

/**
 * The transition tables: entry, predicates, output events, next state. "stop" and "start" are the timer actions. L1, L2 and
 * the rest of the predicates that are not the RFC's are explained in the tables.
 */
const lines = `
  cA  | P1             |            | F_ABORT_IND(10,L)                    | IDLE
  cA  | !P1            | start      | N_CON_RQ                             | I_WF_NC
  cB  | P3             |            | N_DISC_RQ                            | IDLE
  cB  | !P3            | start      | N_CON_RS SSRM                        | A_NC_ONLY
  cC  |                | stop start |                                      | I_WF_RM
  cD  | P2&P8&P11      | stop start | SECD                                 | WF_AUCH
  cD  | P2&P8&!P11     | stop start | F_CONNECT_CF                         | IDLESP
  cD  | P2&!P8         | stop start | ESID(12) F_ABORT_IND(12,L)           | WF_NDISC
  cD  | else           | stop start | ESID(10) F_ABORT_IND(10,L)           | WF_NDISC
  cD  | else: credit   | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  cE  | P4             | stop start | ESID(10) F_ABORT_IND(10,L)           | WF_NDISC
  cE  | P4: buffer     | stop start | ESID(06) F_ABORT_IND(06,L)           | WF_NDISC
  cE  | !P4            | stop start | F_CONNECT_IND                        | A_WF_CONRS
  cF  |                | stop       | F_ABORT_IND(received,D) N_DISC_RQ    | IDLE
  cG  | P2&P9&P10      | stop start | SSID                                 | WF_SECD
  cG  | P2&!P9&P10     | stop start | SSID                                 | IDLELI
  cG  | !P10           | stop start | ESID(12) F_ABORT_IND(12,L)           | WF_NDISC
  cG  | else           | stop start | ESID(10) F_ABORT_IND(10,L)           | WF_NDISC
  cG  | L3             |            | USER_ERROR                           | same
  cH  |                | stop start | SSID                                 | I_WF_SSID
  cI1 | !L1            | stop start | AURP_NEEDED                          | same
  cI1 | L1             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  cI  | !L1            |            | USER_ERROR                           | same
  cI  | P5             | stop start | AURP                                 | WF_SECD
  cI  | !P5            | stop start | AURP                                 | IDLELI
  cJ1 | !L2            | stop start | AUCH_NEEDED                          | same
  cJ1 | L2             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  cJ  | !L2            |            | USER_ERROR                           | same
  cJ  | L2             | stop start | AUCH                                 | WF_AURP
  cK  | P6             | stop start | F_CONNECT_CF                         | IDLESP
  cK  | P7             | stop start | SECD                                 | WF_AUCH
  cK  | else           | stop start | ESID(11) F_ABORT_IND(11,L)           | WF_NDISC

  eA  |                | stop       | N_DISC_RQ                            | IDLE
  eB  |                |            | ESID(09)? F_ABORT_IND(09,L) N_DISC_RQ| IDLE
  eC  |                | stop       | N_DISC_RQ                            | IDLE
  eD  |                | stop       | N_DISC_RQ F_ABORT_IND(99,D)          | IDLE
  eE  |                | stop       | F_ABORT_IND(99,D)                    | IDLE
  eF  |                | stop       |                                      | IDLE
  eG  |                | stop       | F_ABORT_IND(99,D)                    | IDLE
  eI  |                | stop start | ESID(01) F_ABORT_IND(01,L)           | WF_NDISC
  eI  | R=06           | stop start | ESID(06) F_ABORT_IND(06,L)           | WF_NDISC
  eI  | R=07           | stop start | ESID(07) F_ABORT_IND(07,L)           | WF_NDISC

  sA  | P5             | stop start | EERP                                 | WF_RTR
  sA  | !P5            | stop start | EERP                                 | WF_RTR
  sB  | P1             |            | USER_ERROR                           | same
  sB  | P1: mode       |            | USER_ERROR                           | same
  sB  | !P1            | stop start | SFID                                 | OPOP
  sD  |                | stop start | CD                                   | IDLELICD
  sE  |                | stop start | ESID(00)                             | WF_NDISC
  sF  |                |            |                                      | ERSTWFCD
  sG  | P1             |            | USER_ERROR                           | same
  sG  | P1: mode       |            | USER_ERROR                           | same
  sG  | !P1            |            |                                      | SFSTWFCD
  sH  |                | stop start | F_CD_IND(solicited)                  | IDLESP
  sI  |                | stop start | SFID                                 | OPOP
  sJ  |                | stop start | CD                                   | IDLELICD
  sK  | P2             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  sK  | !P2            | stop start | F_START_FILE_CF(+)                   | OPO
  sL  |                | stop start | F_START_FILE_CF(-)                   | IDLESP
  sM  | L1             |            | USER_ERROR                           | same
  sM  | P3             | stop start | DATA                                 | OPOWFC
  sM  | !P3            | stop start | DATA F_DATA_CF                       | OPO
  sN  |                | stop start | F_RTR_CF                             | IDLESP
  sO  |                | stop start | F_DATA_CF                            | OPO
  sP  |                | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  sQ  |                | stop start | ESID(05)                             | WF_NDISC
  sR  |                | stop start | EERP                                 | WF_RTR
  sT  |                |            |                                      | CDSTWFCD
  sY  | L2             |            | USER_ERROR                           | same
  sY  | P4&P5          | stop start | NERP                                 | WF_RTR
  sY  | P4&!P5         | stop start | NERP                                 | WF_RTR
  sZ  | L2             |            | USER_ERROR                           | same
  sZ  |                |            |                                      | NRSTWFCD
  sZ1 | P4             | stop start | NERP                                 | WF_RTR

  tA  |                | stop start | EFID                                 | CLOP
  tC  | P1             | stop start | F_CLOSE_FILE_CF(+,SP=No) CD          | IDLELI
  tC  | !P1            | stop start | F_CLOSE_FILE_CF(+,SP=Yes)            | IDLESP
  tD  |                | stop start | F_CLOSE_FILE_CF(-)                   | IDLESP

  lA  | P1             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  lA  | P1: mode       | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  lA  | !P1            | stop start | F_START_FILE_IND                     | OPIP
  lC  |                | stop start | F_CD_IND                             | IDLESPCD
  lD  |                | stop       | F_ABORT_IND(received,D) N_DISC_RQ    | IDLE
  lE  |                | stop start | F_EERP_IND                           | RTRP
  lF  |                | stop       | F_RELEASE_IND N_DISC_RQ              | IDLE
  lH  | P4             |            | USER_ERROR                           | same
  lH  | P2&!P4         | stop start | SFPA                                 | OPI
  lH  | !P2&!P4        | stop start | SFNA                                 | IDLELI
  lI  | L1             | stop start | ESID(07) F_ABORT_IND(07,L)           | WF_NDISC
  lI  | P6             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  lI  | !P6&!P7        | stop start | F_DATA_IND                           | OPI
  lI  | !P6&P7         | stop start | F_DATA_IND CDT                       | OPI
  lJ  |                | stop start | F_CLOSE_FILE_IND                     | CLIP
  lK  | P2&P3          | stop start | EFPA(CD-Req)                         | WF_CD
  lK  | P2&!P3         | stop start | EFPA(no-CD)                          | IDLELI
  lK  | !P2            | stop start | EFNA                                 | IDLELI
  lL  | L2             | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  lL  | !L2            | stop start | F_NERP_IND                           | RTRP
  lM  |                | stop start | RTR                                  | IDLELI

  V   |                | stop start | ESID(02) F_ABORT_IND(02,L)           | WF_NDISC
  U   |                |            | USER_ERROR                           | same
  .   |                |            |                                      | same
  x   |                | stop       | N_DISC_RQ                            | IDLE
`;

const ssid: Ssid = {
  kind: "SSID",
  level: 5,
  code: "O0013PARTNER",
  password: "THEIRS",
  bufferSize: 4096,
  capability: "B",
  compression: true,
  restart: true,
  specialLogic: false,
  credit: 10,
  authentication: false,
  userData: "",
};
const file = {
  datasetName: "FILE",
  timestamp: { date: "20260101", time: "1200000001" },
  destination: "O0013HERE",
  originator: "O0013PARTNER",
};
const sfid: Sfid = {
  kind: "SFID",
  ...file,
  userData: "",
  format: "U",
  maxRecordSize: 0,
  fileSize: 1,
  originalFileSize: 1,
  restartPosition: 0,
  securityLevel: 0,
  cipherSuite: 0,
  compression: 0,
  envelope: 0,
  signedReceipt: false,
  description: "",
};
const empty = new Uint8Array(0);
const eerp: Eerp = { kind: "EERP", ...file, userData: "", hash: empty, signature: empty };
const nerp: Nerp = {
  kind: "NERP",
  ...file,
  creator: "O0013HERE",
  reason: 3,
  text: "",
  hash: empty,
  signature: empty,
};
const signature = new Uint8Array(8);

const events: Readonly<Record<string, SessionEvent> & { AURP?: SessionEvent }> = {
  F_CONNECT_RQ: {
    type: "F_CONNECT_RQ",
    id: "O0013HERE",
    password: "OURS",
    mode: "B",
    restart: true,
    authentication: false,
  },
  N_CON_CF: { type: "N_CON_CF" },
  N_CON_IND: { type: "N_CON_IND" },
  F_CONNECT_RS: {
    type: "F_CONNECT_RS",
    id: "O0013HERE",
    password: "OURS",
    mode: "B",
    restart: true,
    authentication: false,
  },
  SSRM: { type: "SSRM", command: { kind: "SSRM" } },
  SSID: { type: "SSID", command: ssid },
  "ESID R=Normal": { type: "ESID", command: { kind: "ESID", reason: 0, text: "" } },
  "ESID R=Error": { type: "ESID", command: { kind: "ESID", reason: 8, text: "full" } },
  AUCH: { type: "AUCH", command: { kind: "AUCH", challenge: new Uint8Array(30) } },
  AURP: { type: "AURP", command: { kind: "AURP", response: new Uint8Array(20) }, valid: true },
  SECD: { type: "SECD", command: { kind: "SECD" } },
  AURP_READY: { type: "AURP_READY", response: new Uint8Array(20) },
  AUCH_READY: { type: "AUCH_READY", challenge: new Uint8Array(30) },
  "TIME-OUT": { type: "TIME-OUT" },
  F_ABORT_RQ: { type: "F_ABORT_RQ" },
  N_RST_IND: { type: "N_RST_IND" },
  N_DISC_IND: { type: "N_DISC_IND" },
  "Invalid Buffer": { type: "Invalid Buffer", reason: 1, text: "no command" },
  F_EERP_RQ: { type: "F_EERP_RQ", eerp },
  F_NERP_RQ: { type: "F_NERP_RQ", nerp },
  F_START_FILE_RQ: { type: "F_START_FILE_RQ", sfid },
  SFPA: { type: "SFPA", command: { kind: "SFPA", restartPosition: 0 } },
  SFNA: { type: "SFNA", command: { kind: "SFNA", reason: 1, retry: false, text: "" } },
  CD: { type: "CD", command: { kind: "CD" } },
  F_DATA_RQ: { type: "F_DATA_RQ", payload: new Uint8Array(100) },
  CDT: { type: "CDT", command: { kind: "CDT" } },
  F_CD_RQ: { type: "F_CD_RQ" },
  "F_REL_RQ(Ok)": { type: "F_RELEASE_RQ", reason: 0 },
  "F_REL_RQ(Err)": { type: "F_RELEASE_RQ", reason: 5, text: "closing" },
  RTR: { type: "RTR", command: { kind: "RTR" } },
  F_CLOSE_FILE_RQ: { type: "F_CLOSE_FILE_RQ", recordCount: 0, unitCount: 100 },
  EFPA: { type: "EFPA", command: { kind: "EFPA", changeDirection: false } },
  EFNA: { type: "EFNA", command: { kind: "EFNA", reason: 99, text: "" } },
  SFID: { type: "SFID", command: sfid },
  DATA: { type: "DATA", command: { kind: "DATA", payload: new Uint8Array(100) } },
  EFID: { type: "EFID", command: { kind: "EFID", recordCount: 0, unitCount: 100 } },
  F_START_FILE_RS: { type: "F_START_FILE_RS", positive: true, restartPosition: 0 },
  F_CLOSE_FILE_RS: { type: "F_CLOSE_FILE_RS", positive: true, speaker: false },
  EERP: { type: "EERP", command: eerp },
  NERP: { type: "NERP", command: nerp },
  F_RTR_RS: { type: "F_RTR_RS" },
};

interface Situation {
  readonly constants?: Partial<SessionConstants>;
  readonly variables?: Partial<SessionVariables>;
  readonly event?: SessionEvent;
}

function changed(name: string, change: object): SessionEvent {
  const event = events[name]!;
  return (
    "command" in event ? { ...event, command: { ...event.command, ...change } } : { ...event, ...change }
  ) as SessionEvent;
}

/** What makes the predicates of a line hold, where the plain situation does not. */
const situations: Readonly<Record<string, Situation>> = {
  "cA P1": { constants: { capInit: "responder" } },
  "cB P3": { constants: { capInit: "initiator" } },
  "cD P2&P8&P11": {
    variables: { authentication: true },
    event: changed("SSID", { authentication: true }),
  },
  "cD P2&!P8": { event: changed("SSID", { authentication: true }) },
  "cD else": { variables: { mode: "S" }, event: changed("SSID", { capability: "S" }) },
  "cD else: credit": { variables: { caller: true }, event: changed("SSID", { credit: 21 }) },
  "cE P4": {
    constants: { capMode: "S" },
    variables: { mode: "S" },
    event: changed("SSID", { capability: "S" }),
  },
  "cE P4: buffer": { event: changed("SSID", { bufferSize: 127 }) },
  "cG P2&P9&P10": {
    variables: { partner: { ...ssid, authentication: true } },
    event: changed("F_CONNECT_RS", { authentication: true }),
  },
  "cG !P10": { event: changed("F_CONNECT_RS", { authentication: true }) },
  "cG else": {
    variables: { partner: { ...ssid, level: 4 } },
    event: changed("F_CONNECT_RS", { limits: { minimumLevel: 5 } }),
  },
  "cG L3": { event: changed("F_CONNECT_RS", { limits: { maxWindow: 0 } }) },
  "cI1 L1": { variables: { authenticationNeeds: "AURP" } },
  "cI P5": { variables: { authenticationNeeds: "AURP", caller: true } },
  "cI !P5": { variables: { authenticationNeeds: "AURP" } },
  "cJ1 L2": { variables: { authenticationNeeds: "AUCH" } },
  "cJ L2": { variables: { authenticationNeeds: "AUCH" } },
  "cK P6": { variables: { caller: true } },
  "cK else": { event: { ...events.AURP!, valid: false } as SessionEvent },
  "eI R=06": { event: changed("Invalid Buffer", { reason: 6 }) },
  "eI R=07": { event: changed("Invalid Buffer", { reason: 7 }) },
  "sA P5": { event: { type: "F_EERP_RQ", eerp: { ...eerp, signature } } },
  "sB P1": { variables: { restart: false }, event: restarting() },
  "sB P1: mode": { variables: { mode: "R" } },
  "sG P1": { variables: { restart: false }, event: restarting() },
  "sG P1: mode": { variables: { mode: "R" } },
  "sI ": { variables: { reqBuf: { type: "F_START_FILE_RQ", sfid } } },
  "sR ": { variables: { reqBuf: { type: "F_EERP_RQ", eerp } } },
  "sZ1 P4": { variables: { reqBuf: { type: "F_NERP_RQ", nerp } } },
  "sK P2": { event: changed("SFPA", { restartPosition: 1 }) },
  "sM L1": { event: { type: "F_DATA_RQ", payload: new Uint8Array(4096) } },
  "sM P3": { variables: { creditS: 1 } },
  "sY L2": { variables: { level: 2 } },
  "sY P4&P5": { event: { type: "F_NERP_RQ", nerp: { ...nerp, signature } } },
  "sZ L2": { variables: { level: 2 } },
  "tC P1": { event: changed("EFPA", { changeDirection: true }) },
  "lA P1": { variables: { restart: false }, event: changed("SFID", { restartPosition: 7 }) },
  "lA P1: mode": { variables: { mode: "S" } },
  "lH P4": { event: changed("F_START_FILE_RS", { restartPosition: 1 }) },
  "lH !P2&!P4": { event: { type: "F_START_FILE_RS", positive: false, reason: 4, retry: true } },
  "lI L1": {
    event: { type: "DATA", command: { kind: "DATA", payload: new Uint8Array(4096) } },
  },
  "lI P6": { variables: { creditL: 0 } },
  "lI !P6&P7": { variables: { creditL: 1 } },
  "lK P2&P3": { event: { type: "F_CLOSE_FILE_RS", positive: true, speaker: true } },
  "lK !P2": { event: { type: "F_CLOSE_FILE_RS", positive: false, reason: 6 } },
  "lL L2": { variables: { level: 2 } },
};

function restarting(): SessionEvent {
  return { type: "F_START_FILE_RQ", sfid: { ...sfid, restartPosition: 5 } };
}

/** An action as the expectations write it. */
function render(action: Action): string {
  const two = (reason: number) => String(reason).padStart(2, "0");
  switch (action.type) {
    case "START_TIMER":
      return "start";
    case "STOP_TIMER":
      return "stop";
    case "send":
      if (action.command.kind === "ESID") return `ESID(${two(action.command.reason)})`;
      if (action.command.kind === "EFPA") {
        return action.command.changeDirection ? "EFPA(CD-Req)" : "EFPA(no-CD)";
      }
      return action.command.kind;
    case "F_ABORT_IND":
      return `F_ABORT_IND(${two(action.reason)},${action.origin === "local" ? "L" : "D"})`;
    case "F_START_FILE_CF":
      return `F_START_FILE_CF(${action.positive ? "+" : "-"})`;
    case "F_CLOSE_FILE_CF":
      if (!action.positive) return "F_CLOSE_FILE_CF(-)";
      return `F_CLOSE_FILE_CF(+,SP=${action.speaker ? "Yes" : "No"})`;
    case "F_CD_IND":
      return action.solicited ? "F_CD_IND(solicited)" : "F_CD_IND";
    default:
      return action.type;
  }
}

interface Line {
  readonly predicate: string;
  readonly outputs: readonly string[];
  readonly next: string;
}

const expectations = new Map<string, Line[]>();
for (const text of lines.trim().split("\n")) {
  if (text.trim() === "") continue;
  const [entry, predicate, timers, outputs, next] = text.split("|").map((part) => part.trim());
  const known = expectations.get(entry!) ?? [];
  const outputNames = `${timers} ${outputs}`.split(" ").filter((name) => name !== "");
  known.push({ predicate: predicate!, outputs: outputNames, next: next! });
  expectations.set(entry!, known);
}

interface Cell {
  readonly row: string;
  readonly state: SessionStateName;
  readonly entry: string;
}

const walk: Cell[] = [];
for (const text of grid.trim().split("\n")) {
  const [row, ...groups] = text.split("|").map((part) => part.trim());
  const entries = groups.flatMap((group) =>
    group.split(" ").flatMap((cell) => {
      const [entry, count = "1"] = cell.split("*");
      return Array<string>(Number(count)).fill(entry!);
    }),
  );
  if (entries.length !== sessionStateNames.length) throw new Error(`${row} has ${entries.length} cells`);
  sessionStateNames.forEach((state, index) => {
    walk.push({ row: row!, state, entry: entries[index]! });
  });
}

// Before its SSID nobody listens to an initiator, and while the connection is made there is nobody.
const withoutEsid: readonly string[] = ["I_WF_NC", "I_WF_RM"];

function plainState(name: SessionStateName, situation: Situation) {
  const { constants, variables } = initialState({ maxWindow: 20, ...situation.constants });
  const session: Partial<SessionVariables> = {
    id: "O0013HERE",
    bufSize: 4096,
    window: 20,
    creditL: 20,
    creditS: 20,
    partner: ssid,
    // Only the rows of 9.10 look at it.
    ...(name === "ERSTWFCD" ? { reqBuf: { type: "F_EERP_RQ", eerp } as const } : {}),
  };
  return { name, constants, variables: { ...variables, ...session, ...situation.variables } };
}

function check({ row, state, entry }: Cell, line: Line): void {
  const situation = situations[`${entry} ${line.predicate}`] ?? {};
  const event = situation.event ?? events[row]!;
  const before = plainState(state, situation);
  const frozen = structuredClone(before);
  const result = transition(before, event);
  const received = event.type === "ESID" ? String(event.command.reason).padStart(2, "0") : "";
  const outputs = line.outputs
    .filter((name) => name !== "ESID(09)?" || !withoutEsid.includes(state))
    .map((name) => name.replace("received", received).replace("?", ""));
  expect({ outputs: result.actions.map(render), next: result.state.name }).toEqual({
    outputs,
    next: line.next === "same" ? state : line.next,
  });
  expect(before).toEqual(frozen);
  if (line.next === "same" && outputs.every((name) => name === "USER_ERROR")) {
    expect(result.state).toBe(before);
  }
  if (result.state.name === "IDLE" && state !== "IDLE") {
    expect(result.state).toEqual(initialState({ maxWindow: 20, ...situation.constants }));
  }
}

describe("every event in every state", () => {
  test("the grid has all states, all events and all entries", () => {
    const rows = [...new Set(walk.map((cell) => cell.row))];
    expect(rows.sort()).toEqual(Object.keys(events).sort());
    expect(walk).toHaveLength(28 * 41);
    const named = new Set(walk.map((cell) => cell.entry));
    expect([...named].sort()).toEqual([...expectations.keys()].sort());
    const reached = new Set(
      [...expectations].flatMap(([entry, all]) => all.map((l) => `${entry} ${l.predicate}`)),
    );
    expect(Object.keys(situations).filter((key) => !reached.has(key))).toEqual([]);
  });

  for (const state of sessionStateNames) {
    describe(state, () => {
      for (const cell of walk.filter((one) => one.state === state)) {
        for (const line of expectations.get(cell.entry)!) {
          test(`${cell.row}: ${cell.entry} ${line.predicate} -> ${line.next}`, () => {
            check(cell, line);
          });
        }
      }
    });
  }
});
