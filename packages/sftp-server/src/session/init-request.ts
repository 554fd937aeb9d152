import { TransferError } from "@waybill/net-core";
import { PROTOCOL_VERSION } from "../codec/packet-types.js";
import type { Reply } from "../codec/replies.js";
import { decodeRequest, type Packet } from "../codec/request-decoder.js";
import type { FileSystem } from "../file-system.js";
import { announcedExtensions } from "./extension-handlers.js";

/**
 * The answer to the first packet of a session (draft-ietf-secsh-filexfer-02, section 4).
 * Errors: `ERR_SFTP_NO_INIT`, `ERR_SFTP_VERSION`, `ERR_SFTP_MALFORMED`.
 */
export function answerInit(packet: Packet, fileSystem: FileSystem): Reply {
  const init = decodeRequest(packet);
  if (init.kind !== "init") {
    throw new TransferError("ERR_SFTP_NO_INIT", "The client sent a request before SSH_FXP_INIT.");
  }
  if (init.version < PROTOCOL_VERSION) {
    throw new TransferError(
      "ERR_SFTP_VERSION",
      `The client speaks SFTP version ${init.version}; version ${PROTOCOL_VERSION} is needed.`,
    );
  }
  return { kind: "version", version: PROTOCOL_VERSION, extensions: announcedExtensions(fileSystem) };
}
