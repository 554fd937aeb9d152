import type { Request } from "../codec/requests.js";
import type { TakenPacket } from "./request-intake.js";

interface UnderWay {
  readonly request: Request;
  readonly taken: TakenPacket;
  readonly bytes: number;
}

/**
 * The requests that were taken in and are not answered yet.
 *
 * An array and not a Map: after every few dozen changes V8 gives a Map a new table, to which the old one refers. Once one
 * of the tables is in the old generation, dead or alive, all that follow it go there too, with the requests in them, and
 * the collector has to look at all memory again and again. There are only a few at a time, and the oldest ends first.
 */
export class RequestsUnderWay {
  readonly #list: UnderWay[] = [];
  #bytes = 0;

  get count(): number {
    return this.#list.length;
  }

  /** Bytes of the requests, and of the data that they ask for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `answerBytes`: the data that it asks for. */
  add(request: Request, taken: TakenPacket, answerBytes: number): void {
    const bytes = taken.end - taken.begin + answerBytes;
    this.#list.push({ request, taken, bytes });
    this.#bytes += bytes;
  }

  /** The packet of a request that is over; undefined when it is over already. */
  remove(request: Request): TakenPacket | undefined {
    const index = this.#list.findIndex((each) => each.request === request);
    if (index < 0) return undefined;
    const [{ taken, bytes }] = this.#list.splice(index, 1) as [UnderWay];
    this.#bytes -= bytes;
    return taken;
  }
}
