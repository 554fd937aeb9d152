import type { Eerp, Nerp, ProtocolLevel } from "@waybill/oftp-codec";
import { fileKey, isAnswerTo } from "./file-identity.js";
import type { QueuedFile, SentFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { StationCore } from "./station-core.js";

/** The file that an end response is about, and its key. */
export async function answeredFile(
  core: StationCore,
  partner: Partner,
  key: string,
  response: Eerp | Nerp,
  level: ProtocolLevel,
): Promise<readonly [string, SentFile] | undefined> {
  const { queue } = core;
  const sent = await queue.findSent(key);
  if (sent !== undefined) return sent.file.partner === partner.name ? [key, sent] : undefined;
  const isMeant = (file: QueuedFile) => file.partner === partner.name && isAnswerTo(file, response);
  // Its EFPA was lost, but the partner has it.
  const queued = (await queue.list(partner.name)).find(isMeant);
  if (queued !== undefined) {
    const sentAt = core.now().getTime();
    const queuedKey = fileKey(queued, level);
    await queue.sent(queuedKey, queued, sentAt);
    await core.dispose(queued);
    return [queuedKey, { file: queued, state: "waiting", sentAt }];
  }
  // It was sent at another level.
  return (await queue.listSent()).find(([, { file, state }]) => state === "waiting" && isMeant(file));
}
