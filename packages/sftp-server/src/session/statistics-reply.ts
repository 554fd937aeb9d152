import { encodeStatistics, type FileSystemStatistics, STATVFS_READ_ONLY } from "../codec/extensions.js";
import type { Reply } from "../codec/replies.js";

/** The reply to `statvfs@openssh.com` and `fstatvfs@openssh.com`. */
export function statisticsReply(readOnly: boolean, id: number, statistics: FileSystemStatistics): Reply {
  const flags = readOnly ? statistics.flags | STATVFS_READ_ONLY : statistics.flags;
  return { kind: "extended", id, data: encodeStatistics({ ...statistics, flags }) };
}
