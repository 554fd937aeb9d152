import type { Eerp, Nerp, Sfid } from "@waybill/oftp-codec";
import type { OftpStation } from "@waybill/oftp-session";

/** One virtual file as it went over the wire, put together over restarts. */
export interface WireFile {
  readonly sfid: Sfid;
  /** What EFID counts: of format V without the lengths of the records. */
  readonly octets: Buffer;
  /** SFPA's answers, in the order of the attempts. */
  readonly positions: number[];
}

/** What a station has sent and been answered, read from the protocol trail: none of its own code is asked. */
export class ReceiptWire {
  /** By dataset name, date and time: a file that is dated anew is another one. */
  readonly files = new Map<string, WireFile>();
  /** EERP and NERP that came. */
  readonly responses: (Eerp | Nerp)[] = [];

  /** Call it before the first session: only who listens then gets a trail. */
  constructor(station: OftpStation) {
    const sessions = new Map<string, FileOnItsWay>();
    station.on("trail", ({ session, entry: { direction, command, octets } }) => {
      const sent = direction === "sent";
      if (sent && command?.kind === "SFID") sessions.set(session.id, this.#begin(command));
      const file = sessions.get(session.id);
      if (!sent && command?.kind === "SFPA") file?.goOnAt(command.restartPosition);
      if (sent && octets[0] === DATA) file?.add(octets.subarray(1));
      if (!sent && (command?.kind === "EERP" || command?.kind === "NERP")) this.responses.push(command);
    });
  }

  file(datasetName: string): WireFile {
    const found = [...this.files.values()].filter(({ sfid }) => sfid.datasetName === datasetName);
    if (found.length !== 1) throw new Error(`${found.length} files ${datasetName} were sent`);
    return found[0]!;
  }

  #begin(sfid: Sfid): FileOnItsWay {
    const { datasetName, timestamp } = sfid;
    const key = `${datasetName} ${timestamp.date} ${timestamp.time}`;
    const known = this.files.get(key);
    if (known instanceof FileOnItsWay) return known;
    const file = new FileOnItsWay(sfid);
    this.files.set(key, file);
    return file;
  }
}

const DATA = 0x44;
const END_OF_RECORD = 0x80;
const COMPRESSED = 0x40;
const COUNT = 0x3f;

class FileOnItsWay implements WireFile {
  readonly sfid: Sfid;
  readonly positions: number[] = [];
  #parts: Buffer[] = [];
  #length = 0;
  /** Octets at the end of each record. */
  #ends: number[] = [];

  constructor(sfid: Sfid) {
    this.sfid = sfid;
  }

  get octets(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** `position`: of SFPA, in blocks of 1024 octets or in records. */
  goOnAt(position: number): void {
    const { format, envelope } = this.sfid;
    const hasRecords = envelope === 0 && (format === "F" || format === "V");
    const at = hasRecords ? (this.#ends[position - 1] ?? 0) : position * 1024;
    this.positions.push(position);
    this.#parts = [this.octets.subarray(0, at)];
    this.#length = at;
    this.#ends = this.#ends.filter((end) => end <= at);
  }

  add(payload: Uint8Array): void {
    const content = contentOf(payload, (end) => this.#ends.push(this.#length + end));
    this.#parts.push(content);
    this.#length += content.length;
  }
}

/** What the subrecords of a data exchange buffer hold (RFC 5024 section 7.2). */
export function contentOf(payload: Uint8Array, onRecordEnd: (at: number) => void = () => {}): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < payload.length; ) {
    const header = payload[at]!;
    const count = header & COUNT;
    const isRun = (header & COMPRESSED) !== 0;
    const part = isRun
      ? Buffer.alloc(count, payload[at + 1])
      : Buffer.from(payload.subarray(at + 1, at + 1 + count));
    parts.push(part);
    length += part.length;
    at += 1 + (isRun ? 1 : count);
    if ((header & END_OF_RECORD) !== 0) onRecordEnd(length);
  }
  return Buffer.concat(parts);
}
