import type { Eerp, Nerp, ProtocolLevel } from "@waybill/oftp-codec";
import { fileKey, isAnswerTo } from "./file-identity.js";
import type { QueuedFile, SentState } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { StationCore } from "./station-core.js";

/** The file that an end response is about. */
export interface AnsweredFile {
  readonly file: QueuedFile;
  /** `queued`: its EFPA was lost, but the partner has it. */
  readonly state: SentState | "queued";
  /** Records what became of it. `level`: that of the session. */
  settle(state: SentState, level: ProtocolLevel): Promise<void>;
}

/** Finds the file that an end response is about. `key`: as the response names it. */
export async function answeredFile(
  core: StationCore,
  partner: Partner,
  key: string,
  response: Eerp | Nerp,
): Promise<AnsweredFile | undefined> {
  const { queue } = core;
  const isMeant = (file: QueuedFile) => file.partner === partner.name && isAnswerTo(file, response);
  const sent = await queue.findSent(key);
  if (sent !== undefined && sent.file.partner !== partner.name) return undefined;
  if (sent !== undefined) return { ...sent, settle: (state) => queue.settle(key, sent, state) };
  const queued = (await queue.list(partner.name)).find(isMeant);
  if (queued !== undefined) {
    return {
      file: queued,
      state: "queued",
      settle: async (state, level) => {
        const sentAt = core.now().getTime();
        const sentKey = fileKey(queued, level);
        await queue.sent(sentKey, queued, sentAt);
        await core.dispose(queued);
        await queue.settle(sentKey, { file: queued, state: "waiting", sentAt }, state);
      },
    };
  }
  // It was sent at another level.
  const other = (await queue.listSent()).find(([, { file, state }]) => state === "waiting" && isMeant(file));
  if (other === undefined) return undefined;
  const [sentKey, found] = other;
  return { ...found, settle: (state) => queue.settle(sentKey, found, state) };
}
