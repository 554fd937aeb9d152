/** The state of one ODETTE-FTP entity: RFC 5024 sections 9.3 (states), 9.6 (variables) and 9.7 (constants). */
import { TransferError } from "@waybill/net-core";
import {
  type Capability,
  MAX_BUFFER_SIZE,
  MIN_BUFFER_SIZE,
  type ProtocolLevel,
  type Ssid,
} from "@waybill/oftp-codec";
import type { EventOf } from "./events.js";
import { MAX_CREDIT } from "./negotiation.js";

/** The states of RFC 5024 section 9.3, in the order of the tables 9.8, 9.10, 9.11 and 9.12. */
export const sessionStateNames = [
  "IDLE",
  "I_WF_NC",
  "I_WF_RM",
  "I_WF_SSID",
  "A_NC_ONLY",
  "A_WF_CONRS",
  "WF_AUCH",
  "WF_AURP",
  "WF_SECD",
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
  "IDLELI",
  "IDLELICD",
  "OPIP",
  "OPI",
  "CLIP",
  "RTRP",
  "WF_NDISC",
] as const;

export type SessionStateName = (typeof sessionStateNames)[number];

/** C.…: what this station can do (section 9.7). */
export interface SessionConstants {
  /** Cap-init. */
  readonly capInit: "initiator" | "responder" | "both";
  /** Cap-mode. */
  readonly capMode: Capability;
  /** Cap-compression: compression of data exchange buffers. */
  readonly capCompression: boolean;
  /** Cap-restart. */
  readonly capRestart: boolean;
  /** Cap-logic: special logic is for asynchronous X.25 entries, never for TCP (section 5.3.2). */
  readonly capLogic: 0;
  /** Max-buf-size in octets, 128 to 99999. */
  readonly maxBufSize: number;
  /** Max-window, 1 to 999. */
  readonly maxWindow: number;
  /** Highest level spoken. */
  readonly level: ProtocolLevel;
  /** Lowest level accepted. Stations of RFC 2204 announce 1 though they speak release 1.3. */
  readonly minimumLevel: ProtocolLevel;
}

/** Level 5 down to 1, both roles, both directions, restart, no compression, 32 KiB buffers, credit 99. */
export const defaultConstants: SessionConstants = Object.freeze({
  capInit: "both",
  capMode: "B",
  capCompression: false,
  capRestart: true,
  capLogic: 0,
  maxBufSize: 32_768,
  maxWindow: 99,
  level: 5,
  minimumLevel: 1,
});

/** V.…: what one session has agreed on and remembers (section 9.6). Called-addr and Calling-addr are the driver's. */
export interface SessionVariables {
  /** Buf-size in octets, the command octet included. */
  readonly bufSize: number;
  readonly compression: boolean;
  /** Credit_L and Credit_S. */
  readonly creditL: number;
  readonly creditS: number;
  readonly id: string;
  /** Pswd; emptied once the SSID was built. */
  readonly pswd: string;
  readonly userData: string;
  /** Mode, in own terms: "S" means that this station only sends. */
  readonly mode: Capability;
  /** Req-buf: the request stored while waiting for CD. */
  readonly reqBuf: EventOf<"F_EERP_RQ" | "F_NERP_RQ" | "F_START_FILE_RQ"> | undefined;
  readonly restart: boolean;
  readonly restartPos: number;
  readonly window: number;
  /** Caller: this entity is the initiator. */
  readonly caller: boolean;
  readonly authentication: boolean;
  /** The agreed level; that of the constants before. */
  readonly level: ProtocolLevel;
  /** The partner's SSID once it came, its password removed when the session is open. */
  readonly partner: Ssid | undefined;
  /** What the driver was asked for and has not given yet. V.Challenge itself stays with the driver. */
  readonly authenticationNeeds: "AUCH" | "AURP" | undefined;
}

/** One entity between two events. Immutable: {@link transition} returns the next one. */
export interface SessionState {
  readonly name: SessionStateName;
  readonly constants: SessionConstants;
  readonly variables: SessionVariables;
}

/** The variables of a session that has not begun. */
export function initialVariables(constants: SessionConstants): SessionVariables {
  return {
    bufSize: constants.maxBufSize,
    compression: constants.capCompression,
    creditL: 0,
    creditS: 0,
    id: "",
    pswd: "",
    userData: "",
    mode: constants.capMode,
    reqBuf: undefined,
    restart: constants.capRestart,
    restartPos: 0,
    window: constants.maxWindow,
    caller: false,
    authentication: false,
    level: constants.level,
    partner: undefined,
    authenticationNeeds: undefined,
  };
}

/**
 * The state IDLE of a station. What is not given has the value of {@link defaultConstants}.
 *
 * @throws TransferError `ERR_OFTP_CONSTANTS` when a buffer size, credit or level is outside the RFC's range.
 */
export function initialState(constants: Partial<SessionConstants> = {}): SessionState {
  const whole: SessionConstants = Object.freeze({ ...defaultConstants, ...constants });
  demandRange("maxBufSize", whole.maxBufSize, MIN_BUFFER_SIZE, MAX_BUFFER_SIZE);
  demandRange("maxWindow", whole.maxWindow, 1, MAX_CREDIT);
  if (whole.minimumLevel > whole.level) {
    throw new TransferError(
      "ERR_OFTP_CONSTANTS",
      `The lowest level ${whole.minimumLevel} is above the highest, ${whole.level}.`,
    );
  }
  return { name: "IDLE", constants: whole, variables: initialVariables(whole) };
}

function demandRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new TransferError("ERR_OFTP_CONSTANTS", `${name} must be ${least} to ${most}, but it is ${value}.`);
  }
}

const connecting: ReadonlySet<SessionStateName> = new Set<SessionStateName>([
  "IDLE",
  "I_WF_NC",
  "I_WF_RM",
  "I_WF_SSID",
  "A_NC_ONLY",
  "A_WF_CONRS",
  "WF_AUCH",
  "WF_AURP",
  "WF_SECD",
]);

/** Whether the session is set up: SSIDs exchanged, partners authenticated, not ending yet. */
export function isSessionOpen(state: SessionState): boolean {
  return !connecting.has(state.name) && state.name !== "WF_NDISC";
}
