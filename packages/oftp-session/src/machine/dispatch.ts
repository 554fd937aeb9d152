/** The five tables and their amendments, joined into one entry for each state and event. */
import { amendments, localTransitions, uncoveredCell } from "./amendments.js";
import { authenticationTable } from "./authentication-table.js";
import { errorAndAbortTable } from "./error-and-abort-table.js";
import type { SessionEvent } from "./events.js";
import { listenerTable } from "./listener-table.js";
import { sessionConnectionTable } from "./session-connection-table.js";
import { speakerTable1 } from "./speaker-table-1.js";
import { speakerTable2 } from "./speaker-table-2.js";
import { type SessionStateName, sessionStateNames } from "./state.js";
import type {
  Branch,
  EventRow,
  Output,
  Predicate,
  StateTable,
  TableAction,
  TableName,
} from "./table-types.js";

export const stateTables: Readonly<Record<TableName, StateTable>> = {
  sessionConnection: sessionConnectionTable,
  errorAndAbort: errorAndAbortTable,
  speaker1: speakerTable1,
  speaker2: speakerTable2,
  listener: listenerTable,
  authentication: authenticationTable,
};

/** A branch whose names have become functions. */
export interface CompiledBranch {
  readonly tests: readonly { readonly predicate: Predicate; readonly expected: boolean }[];
  readonly actions: readonly TableAction[];
  readonly outputs: readonly Output[];
  readonly next: Branch["next"];
}

type Entry = readonly CompiledBranch[];

const userErrorLetters: readonly string[] = ["U", "W", "X"];

/** The row of an event: F_RELEASE_RQ and ESID have two. */
export function rowOf(event: SessionEvent): EventRow {
  if (event.type === "F_RELEASE_RQ") return event.reason === 0 ? "F_REL_RQ(Ok)" : "F_REL_RQ(Err)";
  if (event.type === "ESID") return event.command.reason === 0 ? "ESID R=Normal" : "ESID R=Error";
  return event.type;
}

function compile(table: StateTable, branches: readonly Branch[]): Entry {
  return branches.map((line) => ({
    tests: line.predicate === "" || line.predicate === "else" ? [] : parsePredicates(table, line.predicate),
    actions: line.actions.map((number) => demand(table.actions[number], table, `action ${number}`)),
    outputs: line.outputs,
    next: line.next,
  }));
}

function parsePredicates(table: StateTable, expression: string): CompiledBranch["tests"] {
  return expression.split(" & ").map((term) => {
    const expected = !term.startsWith("!");
    const name = expected ? term : term.slice(1);
    return { predicate: demand(table.predicates[name], table, `predicate ${name}`), expected };
  });
}

function demand<T>(value: T | undefined, table: StateTable, what: string): T {
  if (value === undefined) throw new TypeError(`the table of section ${table.section} has no ${what}`);
  return value;
}

const compiled = new Map<string, Entry>();
for (const [name, table] of Object.entries(stateTables)) {
  for (const [letter, branches] of Object.entries(table.transitions)) {
    compiled.set(`${name} ${letter}`, compile(table, branches));
  }
}
for (const [letter, branches] of Object.entries(localTransitions)) {
  compiled.set(`local ${letter}`, compile(errorAndAbortTable, branches));
}

/** The name of the entry that counts for a state and an event: the table and its letter, such as "listener I". */
export function entryName(state: SessionStateName, row: EventRow): string {
  const amendment = amendments.find((one) => one.states.includes(state) && one.events.includes(row));
  if (amendment !== undefined) return `${amendment.table} ${amendment.letter}`;
  const cell = printedCell(state, row);
  if (cell === undefined) {
    const { table, letter } = uncoveredCell(row);
    return `${table} ${letter}`;
  }
  return userErrorLetters.includes(cell.letter) ? "local userError" : `${cell.table} ${cell.letter}`;
}

/**
 * The cell as it is printed. A table that names the state decides over one that has it under "Other States"; no two
 * tables name the same state for the same event.
 */
function printedCell(state: SessionStateName, row: EventRow): { table: string; letter: string } | undefined {
  let others: { table: string; letter: string } | undefined;
  for (const [name, table] of Object.entries(stateTables)) {
    const letters = cellsOf(table, row)?.split(" ");
    if (letters === undefined) continue;
    const named = letters[table.states.indexOf(state)];
    if (named !== undefined) return { table: name, letter: named };
    const other = letters[table.states.indexOf("Other States")];
    if (other !== undefined) others ??= { table: name, letter: other };
  }
  return others;
}

/** 9.8 has one row for ESID, 9.12 two. */
function cellsOf(table: StateTable, row: EventRow): string | undefined {
  const { [row]: cells, ESID: both } = table.cells;
  return cells ?? (row.startsWith("ESID") ? both : undefined);
}

const allRows: readonly EventRow[] = [
  ...new Set(
    Object.values(stateTables).flatMap((table) =>
      Object.keys(table.cells).flatMap((row) => (row === "ESID" ? [] : [row as EventRow])),
    ),
  ),
];

const entries: Readonly<Record<string, Readonly<Record<string, Entry>>>> = Object.fromEntries(
  sessionStateNames.map((state) => [
    state,
    Object.fromEntries(allRows.map((row) => [row, demandEntry(entryName(state, row))])),
  ]),
);

function demandEntry(name: string): Entry {
  const entry = compiled.get(name);
  if (entry === undefined) throw new TypeError(`there is no transition ${name}`);
  return entry;
}

/** The compiled branches for a state and an event, in the order in which they are tried. */
export function entryFor(state: SessionStateName, row: EventRow): Entry {
  const entry = entries[state]?.[row];
  if (entry === undefined) throw new TypeError(`there is no entry for ${row} in ${state}`);
  return entry;
}
