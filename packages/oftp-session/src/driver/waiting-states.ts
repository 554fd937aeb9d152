import type { SessionStateName } from "../machine/index.js";

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

export function waitsForPartner(state: SessionStateName): boolean {
  return !LOCAL_STATES.has(state);
}
