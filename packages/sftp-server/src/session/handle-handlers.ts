import { StatusCode } from "../codec/packet-types.js";
import { FileSystemError } from "../file-system-error.js";
import { type Handlers, status, success } from "./session-context.js";
import { statisticsReply } from "./statistics-reply.js";

type HandleKind = "close" | "fstat" | "fsetstat" | "readdir" | "fsync" | "fstatvfs";

/** Requests that name a handle, apart from READ and WRITE. */
export const handleHandlers: Handlers<HandleKind> = {
  async close({ handles, settings }, { id, handle }) {
    const entry = handles.remove(handle);
    await entry.close();
    if (entry.kind === "file") {
      const { path, bytesRead, bytesWritten } = entry;
      settings.onEvent({ type: "file-closed", path, bytesRead, bytesWritten, closedByClient: true });
      settings.logger.info({ path, bytesRead, bytesWritten }, "file closed");
    }
    return success(id);
  },

  async fstat({ handles }, { id, handle }) {
    return { kind: "attributes", id, attributes: await handles.file(handle).handle.stat() };
  },

  async fsetstat({ handles }, { id, handle, attributes }) {
    const file = handles.file(handle);
    try {
      await file.handle.setstat(attributes);
    } finally {
      if (attributes.size !== undefined) file.version.bump();
    }
    return success(id);
  },

  async readdir({ handles }, { id, handle }) {
    const names = await handles.directory(handle).next();
    return names.length > 0 ? { kind: "name", id, names } : status(id, StatusCode.EOF, "End of directory");
  },

  async fsync({ handles }, { id, handle }) {
    const file = handles.file(handle);
    if (file.handle.sync === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    await file.handle.sync();
    return success(id);
  },

  async fstatvfs(context, { id, handle }) {
    const file = context.handles.file(handle);
    if (file.handle.statvfs === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    return statisticsReply(context.settings.readOnly, id, await file.handle.statvfs());
  },
};
