import type { SessionState, SessionStateName } from "../machine/index.js";
import {
  DEFAULT_INACTIVITY_TIMEOUT_MS,
  DEFAULT_LOCAL_TIMEOUT_MS,
  type SessionOptions,
} from "./session-options.js";

/** How long the partner may take to disconnect after an ESID, if it may be silent for so long. */
const DISCONNECT_MS = 5000;

/** States in which the next step is this station's; in all others the session waits for its partner. */
const LOCAL_STATES: ReadonlySet<SessionStateName> = new Set<SessionStateName>([
  "IDLE",
  "A_WF_CONRS",
  "IDLESP",
  "IDLESPCD",
  "OPO",
  "OPIP",
  "CLIP",
  "RTRP",
]);

/** How long the partner may take to disconnect. */
export function disconnectMs({ inactivityTimeoutMs }: SessionOptions): number {
  return Math.min(DISCONNECT_MS, inactivityTimeoutMs ?? DEFAULT_INACTIVITY_TIMEOUT_MS);
}

/**
 * How long nothing may happen now. `waitsForRoom`: this station would send data, but the partner takes in none;
 * `storing`: the partner would send data, but this station takes in none.
 */
export function waitingLimitMs(
  { name, variables }: SessionState,
  waitsForRoom: boolean,
  storing: boolean,
  options: SessionOptions,
): number {
  if (name === "WF_NDISC") return disconnectMs(options);
  const { inactivityTimeoutMs, localTimeoutMs } = options;
  const silence = inactivityTimeoutMs ?? DEFAULT_INACTIVITY_TIMEOUT_MS;
  const here = LOCAL_STATES.has(name) || storing || variables.authenticationNeeds !== undefined;
  return waitsForRoom || !here ? silence : (localTimeoutMs ?? DEFAULT_LOCAL_TIMEOUT_MS);
}
