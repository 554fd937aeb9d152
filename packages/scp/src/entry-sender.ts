import { errorCode, type TransferError } from "@waybill/net-core";
import { openFile } from "./file-body.js";
import { classifyChild, type LocalFolder, readLocalFolder } from "./local-folder.js";
import type { ProgressMeter } from "./progress.js";
import { remoteJoin } from "./remote-path.js";
import { remoteExists, setRemoteAttributes } from "./remote-shell.js";
import { sinkCommand } from "./scp-command.js";
import { aboutEntry, asTransferError, endsEverything, existsError } from "./scp-errors.js";
import { type OutgoingHeader, SourceSession } from "./source-session.js";
import type { StreamFile } from "./stream-body.js";
import type { TransferContext } from "./transfer-context.js";
import type { FileEntry, FolderEntry, UploadEntry } from "./upload-plan.js";

/**
 * The name in a line when the sink's target names the entry already, as it must for a name with a line break. A sink whose
 * target is a folder, against expectation, would make an entry of this name in it: no file system takes it.
 */
const PLACEHOLDER_NAME = "x".repeat(300);
/** setuid and setgid go out with `preserve`, as OpenSSH sends them. */
const PRESERVED_BITS = 0o6777;
const PERMISSION_BITS = 0o777;

/** A folder on its way: what it is here, what it will be there, and the folders that it is in. */
interface Outgoing {
  readonly entry: FolderEntry;
  readonly folder: LocalFolder;
  readonly remotePath: string;
  readonly ancestors: readonly string[];
}

/** Sends files and folders over sessions, and notes how each fared. */
export class EntrySender {
  readonly #context: TransferContext;
  readonly #onlyFile: boolean;

  /** `onlyFile`: one single file is all there is to send. */
  constructor(context: TransferContext, onlyFile: boolean) {
    this.#context = context;
    this.#onlyFile = onlyFile;
  }

  /** Sends an entry into a session whose sink is at `remotePath`, or at the folder of that. */
  async send(session: SourceSession, entry: UploadEntry, remotePath: string): Promise<void> {
    const sendable = entry.name !== undefined && !entry.name.includes("\n");
    const wireName = sendable ? entry.name : PLACEHOLDER_NAME;
    if (entry.kind === "directory") await this.#sendFolder(session, entry, remotePath, [], wireName);
    else await this.#sendFile(session, entry, remotePath, wireName);
  }

  /** Sends what is in a folder into a session whose sink is at `remotePath`. */
  async sendContents(session: SourceSession, entry: FolderEntry, remotePath: string): Promise<void> {
    const outgoing = await this.#read(entry, remotePath, []);
    if (outgoing !== undefined) await this.#sendChildren(session, outgoing);
  }

  /**
   * Sends an entry whose name no line can carry, over sessions of its own. In a tree that is done while the session of the
   * tree is in the folder: that is writable then, and gets its times afterwards.
   */
  async sendApart(entry: UploadEntry, remotePath: string, ancestors: readonly string[] = []): Promise<void> {
    try {
      if (entry.kind === "directory") await this.#sendFolderApart(entry, remotePath, ancestors);
      else
        await this.#inSession(remotePath, false, (session) =>
          this.#sendFile(session, entry, remotePath, PLACEHOLDER_NAME),
        );
    } catch (error) {
      if (endsEverything(error)) throw error;
      const path = entry.kind === "stream" ? entry.name : entry.path;
      this.#fail(aboutEntry(error, "send", path), remotePath, path);
    }
  }

  async #sendFolderApart(
    entry: FolderEntry,
    remotePath: string,
    ancestors: readonly string[],
  ): Promise<void> {
    const outgoing = await this.#read(entry, remotePath, ancestors);
    if (outgoing === undefined) return;
    const refused = await this.#inSession(remotePath, false, (session) =>
      this.#announceFolder(session, outgoing, PLACEHOLDER_NAME),
    );
    if (refused === undefined) return;
    // Most likely it is there already: then its contents go into it, and its attributes are set by other means.
    try {
      await this.#inSession(remotePath, true, (session) => this.#sendChildren(session, outgoing));
    } catch (error) {
      throw errorCode(error) === "ERR_SCP_REMOTE_FATAL" ? refused : error;
    }
    const { preserve, directoryMode } = this.#context.options;
    if (!preserve && directoryMode === undefined) return;
    const { mode, times } = this.#folderHeader(outgoing, PLACEHOLDER_NAME);
    await setRemoteAttributes(this.#context, remotePath, mode, times);
  }

  async #inSession<T>(
    remotePath: string,
    folder: boolean,
    use: (session: SourceSession) => Promise<T>,
  ): Promise<T> {
    const session = await SourceSession.open(
      this.#context,
      sinkCommand(this.#context.options, remotePath, folder),
    );
    try {
      const result = await use(session);
      await session.finish();
      return result;
    } finally {
      await session.end();
    }
  }

  async #sendFolder(
    session: SourceSession,
    entry: FolderEntry,
    remotePath: string,
    ancestors: readonly string[],
    wireName: string,
  ): Promise<void> {
    const outgoing = await this.#read(entry, remotePath, ancestors);
    if (outgoing === undefined) return;
    const refused = await this.#announceFolder(session, outgoing, wireName);
    if (refused !== undefined) this.#fail(refused, remotePath, entry.path);
  }

  /** Returns what the server has against the folder; otherwise everything in it was sent. */
  async #announceFolder(
    session: SourceSession,
    outgoing: Outgoing,
    wireName: string,
  ): Promise<TransferError | undefined> {
    const refused = await session.enter(this.#folderHeader(outgoing, wireName));
    if (refused !== undefined) return refused;
    await this.#sendChildren(session, outgoing);
    const complaint = await session.leave();
    if (complaint !== undefined) this.#fail(complaint, outgoing.remotePath, outgoing.entry.path);
    return undefined;
  }

  async #sendChildren(session: SourceSession, outgoing: Outgoing): Promise<void> {
    const { followSymbolicLinks } = this.#context.options;
    const ancestors = [...outgoing.ancestors, outgoing.folder.identity];
    for (const child of outgoing.folder.children) {
      const entry = await classifyChild(outgoing.entry.path, child, followSymbolicLinks);
      const remotePath = remoteJoin(outgoing.remotePath, entry.name);
      if (entry.kind === "leftOut") this.#leaveOut(remotePath, entry.path, entry.error);
      else if (entry.name.includes("\n")) await this.sendApart(entry, remotePath, ancestors);
      else if (entry.kind === "file") await this.#sendFile(session, entry, remotePath, entry.name);
      else await this.#sendFolder(session, entry, remotePath, ancestors, entry.name);
    }
  }

  async #sendFile(
    session: SourceSession,
    entry: FileEntry,
    remotePath: string,
    wireName: string,
  ): Promise<void> {
    const localPath = entry.kind === "file" ? entry.path : undefined;
    const path = localPath ?? entry.name ?? "";
    const content = await this.#openContent(entry, remotePath, path, localPath);
    if (content === undefined) return;
    const { preserve, fileMode } = this.#context.options;
    const header: OutgoingHeader = {
      name: wireName,
      mode: fileMode ?? content.mode & (preserve ? PRESERVED_BITS : PERMISSION_BITS),
      times: preserve || entry.kind === "stream" ? content.times : undefined,
    };
    let error: TransferError | undefined;
    let meter: ProgressMeter | undefined;
    try {
      meter = this.#context.meter({ path, localPath, remotePath, totalBytes: content.size });
      error = await session.sendFile(header, { path, body: content, meter, onlyFile: this.#onlyFile });
    } finally {
      await content.close();
      meter?.end();
    }
    if (error !== undefined) this.#fail(error, remotePath, localPath, meter.bytes);
    else this.#context.results.add({ localPath, remotePath, bytes: content.size, ok: true });
  }

  /** Undefined when there is nothing to send, which is noted then. */
  async #openContent(
    entry: FileEntry,
    remotePath: string,
    path: string,
    localPath: string | undefined,
  ): Promise<StreamFile | undefined> {
    const { overwrite } = this.#context.options;
    try {
      if (overwrite !== "always" && (await remoteExists(this.#context, remotePath))) {
        const error = overwrite === "never" ? existsError(remotePath, "on the server") : undefined;
        this.#leaveOut(remotePath, localPath, error);
        return undefined;
      }
      return entry.kind === "file" ? await openFile(entry.path) : entry.stream;
    } catch (error) {
      if (endsEverything(error)) throw error;
      this.#fail(asTransferError(error, "read", path), remotePath, localPath);
      return undefined;
    }
  }

  async #read(
    entry: FolderEntry,
    remotePath: string,
    ancestors: readonly string[],
  ): Promise<Outgoing | undefined> {
    try {
      return { entry, folder: await readLocalFolder(entry.path, ancestors), remotePath, ancestors };
    } catch (error) {
      this.#fail(asTransferError(error, "read", entry.path), remotePath, entry.path);
      return undefined;
    }
  }

  #folderHeader({ folder }: Outgoing, name: string): OutgoingHeader {
    const { preserve, directoryMode } = this.#context.options;
    return {
      name,
      mode: directoryMode ?? folder.mode & (preserve ? PRESERVED_BITS : PERMISSION_BITS),
      times: preserve ? folder.times : undefined,
    };
  }

  #leaveOut(remotePath: string, localPath: string | undefined, error: TransferError | undefined): void {
    if (error !== undefined) this.#fail(error, remotePath, localPath);
    else this.#context.results.add({ localPath, remotePath, bytes: 0, ok: true, skipped: true });
  }

  #fail(error: TransferError, remotePath: string, localPath?: string, bytes = 0): void {
    this.#context.logger.warn({ error, localPath, remotePath }, "not sent");
    this.#context.results.fail(error, remotePath, localPath, bytes);
  }
}
