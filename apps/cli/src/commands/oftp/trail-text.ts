import {
  answerReasonText,
  type CommandKind,
  endSessionReasonText,
  negativeResponseReasonText,
} from "@waybill/oftp-codec";
import { printable } from "../../printable.js";
import type { CapturedBuffer } from "./trail-file.js";

/** Options of {@link TrailText}. */
export interface TrailTextOptions {
  /** Show the octets too. */
  readonly raw: boolean;
}

/** What a command is about. */
const MEANINGS: Readonly<Record<string, string>> = {
  SSRM: "ready",
  SSID: "start session",
  SFID: "start file",
  SFPA: "start file: yes",
  SFNA: "start file: no",
  DATA: "data",
  CDT: "credit",
  EFID: "end file",
  EFPA: "end file: yes",
  EFNA: "end file: no",
  ESID: "end session",
  CD: "change direction",
  EERP: "end to end response",
  NERP: "negative end response",
  RTR: "ready to receive",
  SECD: "security change direction",
  AUCH: "authentication challenge",
  AURP: "authentication response",
};

/** Fields that the first word of a line says already. */
const SILENT = /CMD$|MSG$|CR$/;

/** A captured session as lines for people; runs of DATA are one line. */
export class TrailText {
  readonly #raw: boolean;
  readonly #print: (line: string) => void;
  readonly #sessions = new Map<string, number>();
  #shown: string | undefined;
  #data: { readonly first: CapturedBuffer; buffers: number; octets: number } | undefined;

  constructor(print: (line: string) => void, { raw }: TrailTextOptions) {
    this.#print = (line) => print(printable(line));
    this.#raw = raw;
  }

  add(captured: CapturedBuffer): void {
    const { session, record } = captured;
    const data = this.#data;
    if (record.kind === "DATA") {
      const { first } = data ?? { first: captured };
      if (data !== undefined && first.session === session && first.record.direction === record.direction) {
        data.buffers += 1;
        data.octets += record.length - 1;
        return;
      }
      this.end();
      this.#data = { first: captured, buffers: 1, octets: record.length - 1 };
      return;
    }
    this.end();
    this.#showSession(captured);
    const { kind, fields } = record;
    const names = new Set(fields?.map(({ name }) => name));
    // That of EERPHSHL is the length of EERPHSH, which is shown itself.
    const isLength = (name: string) => name.endsWith("L") && names.has(name.slice(0, -1));
    const facts = (fields ?? [])
      .filter(({ name, value }) => value !== "" && !SILENT.test(name) && !isLength(name))
      .map(({ name, value }) => shownField(kind, name.slice(kind?.length), value));
    const about = kind === undefined ? "no command" : (MEANINGS[kind] ?? "");
    const damaged = fields === undefined ? [`cannot be decoded (${record.length} octets)`] : [];
    this.#line(captured, [`${kind ?? "?"}`.padEnd(4), about.padEnd(22), ...facts, ...damaged].join(" "));
    if (this.#raw || fields === undefined) this.#showOctets(captured);
  }

  /** There is no more. */
  end(): void {
    const data = this.#data;
    if (data === undefined) return;
    this.#data = undefined;
    this.#showSession(data.first);
    const buffers = data.buffers === 1 ? "1 buffer" : `${data.buffers} buffers`;
    this.#line(data.first, `DATA ${"data".padEnd(22)} ${buffers}, ${data.octets} octets`);
  }

  #line({ record: { at, direction } }: CapturedBuffer, text: string): void {
    const time = Number.isNaN(at) ? "" : `${new Date(at).toISOString().slice(11)} `;
    this.#print(`${time}${direction === "sent" ? "->" : "<-"} ${text}`.trimEnd());
  }

  #showOctets({ record }: CapturedBuffer): void {
    const octets = Buffer.from(record.octets);
    for (let at = 0; at < octets.length; at += 16) {
      const part = octets.subarray(at, at + 16);
      const hex = part.toString("hex").replaceAll(/(..)/g, "$1 ");
      const text = part.toString("latin1").replaceAll(/[^\x20-\x7e]/g, ".");
      this.#print(`    ${String(at).padStart(5)}  ${hex.padEnd(49)} ${text}`);
    }
  }

  /** Sessions may be interleaved: a line says where another one goes on. */
  #showSession({ session, partner, role, record }: CapturedBuffer): void {
    const key = `${session} ${partner}`;
    if (this.#shown === key) return;
    const known = this.#sessions.get(session);
    const number = known ?? this.#sessions.size + 1;
    this.#sessions.set(session, number);
    // The partner is known only once its SSID has come: no reason for another line.
    const same = this.#shown?.startsWith(`${session} `) === true;
    this.#shown = key;
    if (same) return;
    const facts = [
      ...(Number.isNaN(record.at) ? [] : [new Date(record.at).toISOString().slice(0, 10)]),
      ...(role === undefined ? [] : [role === "initiator" ? "calling" : "called"]),
      ...(partner === undefined ? [] : [`partner ${partner}`]),
    ];
    const text = facts.length === 0 ? "" : `: ${facts.join(", ")}`;
    this.#print(`${known === undefined ? "session" : "again session"} ${number}${text}`);
  }
}

/** Numbers that are filled up with zeros: sizes, counts, positions. */
const NUMBERS = new Set(["SDEB", "CRED", "LRECL", "FSIZ", "OSIZ", "REST", "ACNT", "RCNT", "UCNT"]);

function shownField(kind: CommandKind | undefined, name: string, value: string): string {
  if (NUMBERS.has(name)) return `${name}=${value.replace(/^0+(?=\d)/, "")}`;
  if (name !== "REAS") return `${name}=${quoted(value)}`;
  const reason = Number(value);
  if (kind === "ESID") return `REAS=${value} (${endSessionReasonText(reason)})`;
  return `REAS=${value} (${kind === "NERP" ? negativeResponseReasonText(reason) : answerReasonText(reason)})`;
}

function quoted(value: string): string {
  return /[\s"]/.test(value) ? JSON.stringify(value) : value;
}
