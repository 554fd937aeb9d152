/** The protocol machine of RFC 5024 section 9 as one pure function. */
import { endSessionReasons } from "@waybill/oftp-codec";
import type { Action } from "./actions.js";
import { type CompiledBranch, entryFor, rowOf } from "./dispatch.js";
import type { SessionEvent } from "./events.js";
import { initialVariables, type SessionState } from "./state.js";
import type { Draft } from "./table-types.js";

export interface Transition {
  readonly state: SessionState;
  /** To be done in this order. */
  readonly actions: readonly Action[];
}

/**
 * What happens to a session when an event comes, by the tables of RFC 5024 section 9.
 *
 * Neither argument is changed. It throws nothing for any event in any state: a partner's mistake ends the session with an
 * ESID, and the caller's own is the action USER_ERROR with the state unchanged. A session that is over is in IDLE again
 * and has forgotten its variables.
 */
export function transition(state: SessionState, event: SessionEvent): Transition {
  const draft: Draft = {
    state,
    event,
    variables: state.variables,
    actions: [],
    reason: endSessionReasons.unspecified.code,
    text: "",
    negotiation: undefined,
  };
  const chosen = choose(entryFor(state.name, rowOf(event)), draft);
  if (chosen === undefined || chosen.next === "UE") return userError(draft);
  for (const action of chosen.actions) action(draft);
  for (const output of chosen.outputs) output.emit(draft);
  const name = chosen.next === "same" ? state.name : chosen.next;
  if (name === "IDLE" && state.name !== "IDLE") {
    draft.variables = initialVariables(state.constants);
  }
  const unchanged = name === state.name && draft.variables === state.variables;
  return {
    state: unchanged ? state : { name, constants: state.constants, variables: draft.variables },
    actions: draft.actions,
  };
}

function choose(branches: readonly CompiledBranch[], draft: Draft): CompiledBranch | undefined {
  for (const branch of branches) {
    if (holds(branch, draft)) return branch;
  }
  return undefined;
}

function holds(branch: CompiledBranch, draft: Draft): boolean {
  for (const { predicate, expected } of branch.tests) {
    if (predicate(draft) !== expected) return false;
  }
  return true;
}

function userError(draft: Draft): Transition {
  const { state, event } = draft;
  const text = draft.text || `${event.type} is not allowed in state ${state.name}`;
  return {
    state,
    actions: [{ type: "USER_ERROR", event: event.type, state: state.name, text }],
  };
}
