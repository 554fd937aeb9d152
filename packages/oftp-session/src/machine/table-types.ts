/** How the tables of RFC 5024 section 9 are written down here. */
import type { Action } from "./actions.js";
import type { EventOf, SessionEvent, SessionEventType } from "./events.js";
import type { Negotiation } from "./negotiation.js";
import type { SessionState, SessionStateName, SessionVariables } from "./state.js";

/** The tables of section 9, and the one of the answers that the driver gives to AUCH_NEEDED and AURP_NEEDED. */
export type TableName =
  | "sessionConnection"
  | "errorAndAbort"
  | "speaker1"
  | "speaker2"
  | "listener"
  | "authentication";

/** A row of a table: an event, split where the RFC splits it. */
export type EventRow =
  | Exclude<SessionEventType, "F_RELEASE_RQ" | "ESID">
  | "F_REL_RQ(Ok)"
  | "F_REL_RQ(Err)"
  | "ESID R=Normal"
  | "ESID R=Error";

/** One event on its way through a table entry. */
export interface Draft {
  readonly state: SessionState;
  readonly event: SessionEvent;
  variables: SessionVariables;
  readonly actions: Action[];
  /** The reason that the ESID or abort of this transition has. */
  reason: number;
  text: string;
  /** The result of predicate P2 of 9.8, so that it is found once. */
  negotiation: Negotiation | undefined;
}

export type Predicate = (draft: Draft) => boolean;
export type TableAction = (draft: Draft) => void;
/** Builds one output event. Its `name` is the RFC's. */
export interface Output {
  readonly label: string;
  readonly emit: (draft: Draft) => void;
}

/** One line of a transition table. */
export interface Branch {
  /**
   * As printed: "P1", "P2 & !P3", "else", or "" for always. Predicates "L1" and so on are not the RFC's: the table says
   * what they are.
   */
  readonly predicate: string;
  readonly actions: readonly number[];
  readonly outputs: readonly Output[];
  /** "UE" is a user error: nothing changes. "same" leaves the state as it is. */
  readonly next: SessionStateName | "UE" | "same";
}

/** The transitions of one letter, in the order in which their predicates are tried. */
export type Transitions = Readonly<Record<string, readonly Branch[]>>;

export interface StateTable {
  readonly section: string;
  /** The state columns from left to right, read from the printed table's diagonal. */
  readonly states: readonly (SessionStateName | "Other States")[];
  /** Event to letters, one for each column, exactly as printed. */
  readonly cells: Readonly<Record<string, string>>;
  readonly predicates: Readonly<Record<string, Predicate>>;
  readonly actions: Readonly<Record<number, TableAction>>;
  readonly transitions: Transitions;
}

export function branch(
  predicate: string,
  actions: readonly number[],
  outputs: readonly Output[],
  next: Branch["next"],
): Branch {
  return { predicate, actions, outputs, next };
}

/** The draft's event as one of the types that the table's cells guarantee. No list: this runs for every data buffer. */
export function input<
  A extends SessionEventType,
  B extends SessionEventType = A,
  C extends SessionEventType = A,
>(draft: Draft, first: A, second?: B, third?: C): EventOf<A | B | C> {
  const { type } = draft.event;
  if (type !== first && type !== second && type !== third) {
    throw new TypeError(`a table entry for ${first} met ${type}`);
  }
  return draft.event as EventOf<A | B | C>;
}

const startTimerAction: Action = Object.freeze({ type: "START_TIMER" });
const stopTimerAction: Action = Object.freeze({ type: "STOP_TIMER" });

export const startTimer: TableAction = (draft) => {
  draft.actions.push(startTimerAction);
};
export const stopTimer: TableAction = (draft) => {
  draft.actions.push(stopTimerAction);
};

/** Actions that the tables name but that an output event does, or that special logic would need (it is always refused). */
export const builtByOutput: TableAction = () => {};
