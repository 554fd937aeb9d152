import {
  answerReasonText,
  type Command,
  endSessionReasonText,
  type ProtocolLevel,
  type Sfid,
} from "@waybill/oftp-codec";
import type { TrailEntry } from "@waybill/oftp-session";

const RELEASES: Readonly<Record<ProtocolLevel, string>> = { 1: "1.2", 2: "1.3", 4: "1.4", 5: "2.0" };

/** Tells a session, command by command; runs of data are one line. */
export class Story {
  readonly #print: (line: string) => void;
  readonly #names: { readonly sent: string; readonly received: string };
  readonly #only: ReadonlySet<Command["kind"]> | undefined;
  #data: { readonly direction: TrailEntry["direction"]; buffers: number } | undefined;

  /**
   * `own` and `partner`: the names of the two, seen from the one whose trail it is. `only`: the commands that are told.
   * Default: all.
   */
  constructor(
    print: (line: string) => void,
    own: string,
    partner: string,
    only?: readonly Command["kind"][],
  ) {
    this.#print = print;
    this.#names = { sent: `${own} -> ${partner}`, received: `${own} <- ${partner}` };
    this.#only = only && new Set(only);
  }

  add({ direction, command }: TrailEntry): void {
    if (command === undefined || this.#only?.has(command.kind) === false) return;
    if (command.kind === "DATA") {
      if (this.#data?.direction !== direction) this.#endData();
      this.#data ??= { direction, buffers: 0 };
      this.#data.buffers += 1;
      return;
    }
    this.#endData();
    this.#line(direction, command.kind, meaning(command));
  }

  #endData(): void {
    const data = this.#data;
    this.#data = undefined;
    if (data === undefined) return;
    const buffers = data.buffers === 1 ? "one buffer" : `${data.buffers} buffers`;
    this.#line(data.direction, "DATA", `its content, in ${buffers}`);
  }

  #line(direction: TrailEntry["direction"], kind: string, text: string): void {
    this.#print(`${this.#names[direction]}  ${kind.padEnd(4)}  ${text}`);
  }
}

function meaning(command: Command): string {
  switch (command.kind) {
    case "SSRM":
      return "ODETTE-FTP is spoken here";
    case "SSID":
      return `I am ${command.code.trimEnd()}, here is my password; release ${RELEASES[command.level]}`;
    case "SECD":
      return "now challenge me";
    case "AUCH":
      return "a random number, encrypted with your certificate: what is it?";
    case "AURP":
      return "this; only who has the key could decrypt it";
    case "SFID":
      return offer(command);
    case "SFPA":
      return command.restartPosition === 0 ? "send it" : `send it from KiB ${command.restartPosition} on`;
    case "SFNA":
    case "EFNA":
      return `no: ${answerReasonText(command.reason)}`;
    case "CDT":
      return "credit for more";
    case "EFID":
      return `that was it, ${command.unitCount} octets`;
    case "EFPA":
      return "it is on my disk";
    case "CD":
      return "your turn";
    case "EERP": {
      const signed = command.signature.length === 0 ? "" : "signed ";
      return `${signed}receipt: ${command.datasetName.trimEnd()} has arrived where it was to go`;
    }
    case "NERP":
      return `${command.datasetName.trimEnd()} has not arrived`;
    case "RTR":
      return "the receipt is noted";
    case "ESID":
      return `that is all: ${endSessionReasonText(command.reason).toLowerCase()}`;
    default:
      return "";
  }
}

function offer({ datasetName, fileSize, cipherSuite, signedReceipt }: Sfid): string {
  const suite = cipherSuite === 0 ? "" : `, cipher suite ${String(cipherSuite).padStart(2, "0")}`;
  const wish = signedReceipt ? "; sign its receipt" : "";
  return `I have a file ${datasetName.trimEnd()} for you, ${fileSize} KiB${suite}${wish}`;
}
