import type { Eerp, Nerp, ProtocolLevel, VirtualFileId } from "@waybill/oftp-codec";
import { levelWithNerp } from "../machine/index.js";

/** Below this level the wire has no century and no counter (RFC 2204 section 5.3.3). */
const LEVEL_WITH_COUNTER = levelWithNerp;

/**
 * What a virtual file is known by on both sides and over restarts: its five identifying fields as the wire has them at a
 * level. A key for the state store.
 */
export function fileKey(id: VirtualFileId, level: ProtocolLevel): string {
  const { date, time } = id.timestamp;
  const counted = level >= LEVEL_WITH_COUNTER ? time : `${time.slice(0, 6)}0000`;
  return [id.datasetName, date, counted, id.originator, id.destination]
    .map((part) => part.trimEnd())
    .join("|");
}

/** Whether an end response is about a file, whatever the level was at which either of them was sent. */
export function isAnswerTo(file: VirtualFileId, response: Eerp | Nerp): boolean {
  const lowest = 1;
  if (fileKey(file, lowest) !== answeredFileKey(response, lowest)) return false;
  const counter = response.timestamp.time.slice(6);
  return counter === "0000" || counter === file.timestamp.time.slice(6);
}

/** The key of the file that an end response is about: originator and destination are those of the file, swapped. */
export function answeredFileKey(response: Eerp | Nerp, level: ProtocolLevel): string {
  const { datasetName, timestamp, originator, destination } = response;
  return fileKey({ datasetName, timestamp, originator: destination, destination: originator }, level);
}
