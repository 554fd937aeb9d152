import type { Command, Eerp, Efid, Nerp, Sfid, Sfpa, Ssid } from "@waybill/oftp-codec";
import type { OftpStation, TrailEntry } from "@waybill/oftp-session";

/** What went over the wire, as one station saw it, without the content of files. */
export interface Wire {
  /** By direction and command: `sent SECD`. */
  readonly order: readonly string[];
  of<K extends SeenKind>(direction: TrailEntry["direction"], kind: K): readonly Extract<Seen, { kind: K }>[];
}

type Seen = Ssid | Sfid | Sfpa | Efid | Eerp | Nerp;
type SeenKind = Seen["kind"];

const KINDS: ReadonlySet<string> = new Set<SeenKind>(["SSID", "SFID", "SFPA", "EFID", "EERP", "NERP"]);

/** Listens to a station. To be called before its session begins. */
export function wireOf(station: OftpStation): Wire {
  const order: string[] = [];
  const seen: (readonly [TrailEntry["direction"], Seen])[] = [];
  station.on("trail", ({ entry: { direction, command } }) => {
    if (command === undefined || command.kind === "DATA" || command.kind === "CDT") return;
    order.push(`${direction} ${command.kind}`);
    if (isSeen(command)) seen.push([direction, copyOf(command)]);
  });
  return {
    order,
    of: <K extends SeenKind>(direction: TrailEntry["direction"], kind: K) =>
      seen
        .filter(([its, command]) => its === direction && command.kind === kind)
        .map(([, command]) => command as Extract<Seen, { kind: K }>),
  };
}

function isSeen(command: Command): command is Seen {
  return KINDS.has(command.kind);
}

/** Octets of the trail are valid during the call only. */
function copyOf(command: Seen): Seen {
  if (command.kind !== "EERP" && command.kind !== "NERP") return command;
  return { ...command, hash: Buffer.from(command.hash), signature: Buffer.from(command.signature) };
}

/** What the caller sees of a session with secure authentication (RFC 5024 section 4.2.3). */
export const AUTHENTICATION = [
  "sent SECD",
  "received AUCH",
  "sent AURP",
  "received SECD",
  "sent AUCH",
  "received AURP",
];

/** The commands of secure authentication that were seen. */
export function authenticationIn({ order }: Wire): readonly string[] {
  return order.filter((each) => /SECD|AUCH|AURP/.test(each));
}
