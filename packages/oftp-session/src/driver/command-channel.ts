import {
  type Command,
  type DataBufferPool,
  decodeCommand,
  encodeCommand,
  type ProtocolLevel,
  STREAM_HEADER_SIZE,
} from "@waybill/oftp-codec";
import type { SessionObservers } from "./session-observers.js";
import type { SessionWire } from "./session-wire.js";

/** Commands over the wire, in the layout of the session's level; whoever wants the trail sees them here. */
export class CommandChannel {
  readonly #wire: SessionWire;
  readonly #observers: SessionObservers;
  #level: ProtocolLevel;
  #agreed = false;

  constructor(wire: SessionWire, observers: SessionObservers, level: ProtocolLevel) {
    this.#wire = wire;
    this.#observers = observers;
    this.#level = level;
  }

  /** The agreed level, and until there is one the highest that both know of. */
  get level(): ProtocolLevel {
    return this.#level;
  }

  agreeOn(level: ProtocolLevel): void {
    this.#level = level;
    this.#agreed = true;
  }

  send(command: Command): void {
    const octets = encodeCommand(command, this.#level, { relayed: true });
    this.#observers.trail("sent", octets, command, this.#level);
    this.#wire.send(octets);
  }

  /** Sends a data exchange buffer that has been encoded and framed; `payload` is a view of it. */
  sendData(framed: Buffer, payload: Uint8Array, pool: DataBufferPool | undefined): void {
    const observers = this.#observers;
    if (observers.trails) {
      observers.trail("sent", framed.subarray(STREAM_HEADER_SIZE), { kind: "DATA", payload }, this.#level);
    }
    this.#wire.sendFramed(framed, pool);
  }

  /** The command in an exchange buffer. Errors: those of `decodeCommand`. */
  received(octets: Uint8Array): Command {
    let command: Command | undefined;
    try {
      command = decodeCommand(octets, this.#level);
      // For an ESID that may be the answer to it.
      if (command.kind === "SSID" && !this.#agreed) {
        this.#level = Math.min(this.#level, command.level) as ProtocolLevel;
      }
      return command;
    } finally {
      this.#observers.trail("received", octets, command, this.#level);
    }
  }
}
