import type { Aurp, Command } from "@waybill/oftp-codec";
import type { PeerEvent } from "./events.js";

/**
 * The event that a received command is. An AURP is not among them: it needs the answer whether the response is valid.
 */
export function peerEvent(command: Exclude<Command, Aurp>): PeerEvent {
  // Each command's kind is the type of its event, which the compiler cannot see across the union.
  return { type: command.kind, command } as PeerEvent;
}
