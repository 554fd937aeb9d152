import { type SealOptions, seal } from "@waybill/cms-security";
import type { Command, Sfid } from "@waybill/oftp-codec";
import type { OftpStation, StationSession } from "@waybill/oftp-session";
import { dataOf, type RawPeer, sfidOf } from "./raw-peer.js";
import { codeOf, rawCaller } from "./stations.js";

/** Octets of a message in one exchange buffer. */
const PIECE = 900;

/** Content in layers, whole. */
export async function sealed(content: Uint8Array, options: SealOptions): Promise<Buffer> {
  const source = (async function* () {
    yield content;
  })();
  const pieces: Uint8Array[] = [];
  for await (const piece of seal(source, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A partner that announces and sends what a test tells it to; it is the speaker of a session with a station. */
export class RawSender {
  readonly #peer: RawPeer;
  readonly #session: StationSession;
  readonly #destination: string;
  #files = 0;

  private constructor(peer: RawPeer, session: StationSession, destination: string) {
    this.#peer = peer;
    this.#session = session;
    this.#destination = destination;
  }

  /** Calls `station`, whose name this is, as its partner `name`. */
  static async call(name: string, station: OftpStation, stationName: string): Promise<RawSender> {
    const { peer, session } = await rawCaller(station);
    await peer.call({ code: codeOf(name), password: `PW${name.toUpperCase()}`.slice(0, 8), credit: 99 });
    return new RawSender(peer, session, codeOf(stationName));
  }

  /** Offers a file, sends it if it is wanted, and gives the answer. */
  async send(sfid: Partial<Sfid>, message: Uint8Array): Promise<Command | undefined> {
    const content = Buffer.from(message);
    this.#files += 1;
    const time = `1011120${String(this.#files).padStart(3, "0")}`;
    this.#peer.send(
      sfidOf({
        originator: codeOf("here"),
        destination: this.#destination,
        timestamp: { date: "20261120", time },
        fileSize: Math.ceil(content.length / 1024),
        originalFileSize: 1,
        ...sfid,
      }),
    );
    const start = await this.#peer.next();
    if (start?.kind !== "SFPA") return start;
    if (start.restartPosition !== 0) throw new Error("the station has a part of the file");
    for (let at = 0; at < content.length; at += PIECE) {
      this.#peer.send(dataOf(content.subarray(at, at + PIECE), at + PIECE >= content.length));
    }
    this.#peer.send({ kind: "EFID", recordCount: 0, unitCount: content.length });
    return this.#peer.next();
  }

  async close(): Promise<void> {
    await this.#peer.close();
    await this.#session.ended;
  }
}
