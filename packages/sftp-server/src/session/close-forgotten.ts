import type { HandleTable } from "./handle-table.js";
import type { SessionSettings } from "./session-options.js";

/** Closes what the client had open when the session ended. One that fails does not keep the others open. */
export async function closeForgotten(handles: HandleTable, settings: SessionSettings): Promise<void> {
  const { logger, onEvent } = settings;
  for (const entry of handles.removeAll()) {
    try {
      await entry.close();
    } catch (error) {
      logger.warn({ error, path: entry.path }, "a file could not be closed properly");
    }
    if (entry.kind === "file") {
      const { path, bytesRead, bytesWritten } = entry;
      onEvent({ type: "file-closed", path, bytesRead, bytesWritten, closedByClient: false });
      logger.info({ path, bytesRead, bytesWritten }, "file closed, the client had not done it");
    }
  }
}
