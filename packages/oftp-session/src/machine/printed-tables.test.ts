/** The state tables, held against RFC 5024 as it is printed: the columns and letters below are copied from its pages. */
import { describe, expect, test } from "@jest/globals";
import { stateTables } from "./dispatch.js";
import type { TableName } from "./table-types.js";

interface Printed {
  readonly table: TableName;
  readonly states: string;
  readonly cells: string;
}

const printed: readonly Printed[] = [
  {
    table: "sessionConnection",
    states: "IDLE I_WF_NC I_WF_RM I_WF_SSID A_NC_ONLY A_WF_CONRS WF_AUCH WF_AURP WF_SECD Other-States",
    cells: `
      | F_CONNECT_RQ | A | X | X | X | X | X | X | X | X | X |
      | N_CON_CF     | X | C | X | X | X | X | X | X | X | X |
      | SSRM         | X | X | H | X | X | X | L | L | L | X |
      | SSID         | X | X | X | D | E | F | L | L | L | F |
      | N_CON_IND    | B | X | X | X | X | X | X | X | X | X |
      | F_CONNECT_RS | X | U | U | U | U | G | X | X | X | U |
      | ESID         | X | X | X | F | X | X | F | F | F | X |
      | AUCH         | X | X | U | U | X | X | I | L | L | U |
      | AURP         | X | X | U | U | X | X | L | K | L | U |
      | SECD         | X | X | U | U | X | X | L | L | J | U |`,
  },
  {
    table: "errorAndAbort",
    states: "IDLE I_WF_NC WF_NDISC Other-States",
    cells: `
      | TIME-OUT         | X | X | A | B |
      | F_ABORT_RQ       | X | A | X | C |
      | N_RST_IND        | X | X | A | D |
      | N_DISC_IND       | X | E | F | G |
      | Invalid Buffer   | X | X | H | I |`,
  },
  {
    table: "speaker1",
    states:
      "IDLESP IDLESPCD WF_RTR WF_CD ERSTWFCD NRSTWFCD SFSTWFCD CDSTWFCD OPOP OPO OPOWFC WF_NDISC Other-States",
    cells: `
      | F_EERP_RQ       | A | A | W | F | W | W | U | U | U | U | U | U | U |
      | F_NERP_RQ       | Y | Y | W | Z | W | W | U | U | U | U | U | U | U |
      | F_START_FILE_RQ | B | B | W | G | W | W | U | U | U | U | U | X | U |
      | SFPA            | C | C | C | C | C | C | C | C | K | C | C | S | C |
      | SFNA            | C | C | C | C | C | C | C | C | L | C | C | S | C |
      | CD              | C | C | C | H | R | Z1| I | J | C | C | C | S | C |
      | F_DATA_RQ       | U | U | U | U | U | U | U | U | U | M | U | S | U |
      | CDT             | C | C | C | C | C | C | C | C | C | P | O | S | C |
      | F_CD_RQ         | D | U | W | T | W | W | U | U | U | U | U | X | U |
      | F_REL_RQ(Ok)    | U | E | U | U | U | U | U | U | U | U | U | X | U |
      | F_REL_RQ(Err)   | Q | Q | Q | Q | Q | Q | Q | Q | Q | Q | Q | S | Q |
      | RTR             | C | C | N | C | C | C | C | C | C | C | C | S | C |`,
  },
  {
    table: "speaker2",
    states: "OPO OPOWFC CLOP",
    cells: `
      | F_CLOSE_FILE_RQ | A | E | U |
      | EFPA            | B | B | C |
      | EFNA            | B | B | D |`,
  },
  {
    table: "listener",
    states: "IDLELI IDLELICD OPIP OPI CLIP RTRP",
    cells: `
      | SFID            | A | A | B | B | B | B |
      | DATA            | B | B | B | I | B | B |
      | EFID            | B | B | B | J | B | B |
      | F_START_FILE_RS | U | U | H | U | U | U |
      | F_CLOSE_FILE_RS | U | U | U | U | K | U |
      | CD              | C | B | B | B | B | B |
      | ESID R=Normal   | D | F | D | D | D | D |
      | ESID R=Error    | D | D | D | D | D | D |
      | EERP            | E | E | B | B | B | B |
      | NERP            | L | L | B | B | B | B |
      | F_RTR_RS        | U | U | U | U | U | M |`,
  },
];

function parse(cells: string): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const line of cells.trim().split("\n")) {
    const [event, ...letters] = line
      .split("|")
      .map((cell) => cell.trim())
      .filter((cell) => cell !== "");
    rows.set(event!, letters);
  }
  return rows;
}

describe("the state tables are those of RFC 5024 section 9", () => {
  test.each(printed)("$table", ({ table, states, cells }) => {
    const ours = stateTables[table];
    expect(ours.states.map((state) => state.replace(" ", "-"))).toEqual(states.split(" "));
    const rows = parse(cells);
    expect(Object.keys(ours.cells)).toEqual([...rows.keys()]);
    for (const [event, letters] of rows) {
      expect({ event, letters: ours.cells[event]!.split(" ") }).toEqual({ event, letters });
      expect(letters).toHaveLength(ours.states.length);
    }
  });

  test("every letter has a transition, and every transition a cell or an amendment", () => {
    for (const { transitions, cells } of Object.values(stateTables)) {
      const used = new Set(
        Object.values(cells)
          .flatMap((letters) => letters.split(" "))
          .filter((letter) => !["X", "U", "W"].includes(letter)),
      );
      const extra = Object.keys(transitions).filter((letter) => !used.has(letter));
      expect([...used].filter((letter) => transitions[letter] === undefined)).toEqual([]);
      expect(extra.filter((letter) => letter !== "I1" && letter !== "J1")).toEqual([]);
    }
  });
});
