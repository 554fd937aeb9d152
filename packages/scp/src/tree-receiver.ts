import { TransferError } from "@waybill/net-core";
import type { EntryHeader, WireTimes } from "./control-line.js";
import { checkEntryName, decodeName } from "./entry-name.js";
import { receiveFile } from "./file-receiver.js";
import { type Frame, receiveFolder } from "./folder-receiver.js";
import { nameEncodingError } from "./local-folder.js";
import { childPath } from "./local-path.js";
import type { Placement } from "./local-target.js";
import { isAbout, mentionsOddName, type OddName, OddNames } from "./odd-names.js";
import { type RemoteRequest, remoteJoin } from "./remote-path.js";
import {
  asTransferError,
  nameUnclearError,
  noMatchError,
  printable,
  remoteWarning,
  unaskedError,
} from "./scp-errors.js";
import type { BodySink, SinkHandler } from "./sink-session.js";
import type { TransferContext } from "./transfer-context.js";
import { decodeVisual, looksEncoded } from "./visual-name.js";

/** One path to download. */
export interface ReceiveTask {
  readonly request: RemoteRequest;
  readonly placement: Placement;
  /** Whether it is all there is to download. */
  readonly only: boolean;
  /** Fetches an entry by its own path, when the session of this one is over. */
  readonly fetchApart: (odd: OddName, placement: Placement) => Promise<void>;
  /** Counts an entry, and the characters that are kept of it. Errors: `ERR_SCP_LIMIT`. */
  readonly count: (characters: number) => void;
}

/** The name that stands for the folder itself, in answer to `cd folder && scp -r -f .`. */
const SELF = ".";

/**
 * Puts what a server sends in its place: only what was asked for, and only inside of the target. A server that sends
 * anything else is not to be trusted with the rest: that ends the download with `ERR_SCP_UNASKED` or
 * `ERR_SCP_UNSAFE_NAME`.
 */
export class TreeReceiver implements SinkHandler {
  readonly #context: TransferContext;
  readonly #task: ReceiveTask;
  readonly #frames: Frame[];
  /** Folders that are over, in that order, from the first one that lacks something. */
  readonly #unfinished: Frame[] = [];
  #finished = 0;
  #hasTopEntry = false;
  #hasEntered = false;
  #refusals = 0;

  constructor(context: TransferContext, task: ReceiveTask) {
    const { request, placement } = task;
    this.#context = context;
    this.#task = task;
    this.#frames = [
      {
        localPath: placement.folder,
        remotePath: request.folder ?? folderOf(request.path),
        relativePath: "",
        oddNames: request.masked ? OddNames.matching(context, request.argument) : undefined,
        heldWarnings: [],
        deferred: [],
        finish: async () => {},
      },
    ];
  }

  /** Whether the server announced anything of what was asked for. */
  get hasTopEntry(): boolean {
    return this.#hasTopEntry;
  }

  /** Whether a folder was begun, so that failures are those of entries in it. */
  get hasEntered(): boolean {
    return this.#hasEntered;
  }

  /** Whether anything was refused, which makes the server's scp fail in the end. */
  get hasRefused(): boolean {
    return this.#refusals > 0;
  }

  async file(header: EntryHeader, times: WireTimes | undefined): Promise<BodySink | TransferError> {
    const name = await this.#admit(header, "file");
    if (name instanceof TransferError) return this.#refuse(name);
    const { placement, only } = this.#task;
    const top = this.#frames.length === 1;
    const special = top && placement.specialFile !== undefined;
    const body = await receiveFile(this.#context, {
      header,
      times,
      localPath: special ? placement.specialFile : childPath(this.#frame.localPath, this.#localName(name)),
      remotePath: remoteJoin(this.#frame.remotePath, name),
      special,
      onlyFile: top && only,
    });
    return body instanceof TransferError ? this.#refuse(body) : body;
  }

  async directory(header: EntryHeader, times: WireTimes | undefined): Promise<TransferError | undefined> {
    const name = await this.#admit(header, "directory");
    if (name instanceof TransferError) return this.#refuse(name);
    const { request, placement } = this.#task;
    const parent = this.#frame;
    const top = this.#frames.length === 1;
    const self = top && request.contents;
    const remotePath = self ? request.path : remoteJoin(parent.remotePath, name);
    const localName = self ? placement.name : this.#localName(name);
    const localPath = localName === undefined ? parent.localPath : childPath(parent.localPath, localName);
    try {
      const folder = await receiveFolder(this.#context, {
        header,
        times,
        localPath,
        root: placement.root,
        keepExisting: self,
      });
      this.#frames.push({
        ...folder,
        remotePath,
        relativePath: top ? "." : `${parent.relativePath}/${name}`,
        oddNames: top ? this.#oddNamesBelow(name, remotePath, self) : parent.oddNames,
        heldWarnings: [],
        deferred: [],
      });
      this.#hasEntered = true;
      return undefined;
    } catch (error) {
      const failure = asTransferError(error, "make the folder", localPath);
      this.#note(failure, remotePath, localPath);
      return this.#refuse(failure);
    }
  }

  async leave(): Promise<void> {
    const frame = this.#frames.pop()!;
    const incomplete = frame.deferred.length > 0 || frame.heldWarnings.length > 0;
    // What is fetched later changes the folder's time, and needs the permission to write, and to reach it.
    if (incomplete || this.#unfinished.length > 0) this.#unfinished.push(frame);
    else await this.#finishFolder(frame);
  }

  async warning(text: string): Promise<void> {
    const frame = this.#frame;
    this.#task.count(text.length + frame.remotePath.length);
    const top = this.#frames.length === 1;
    // At the top they wait for the end: with a mask, "no such file" means that nothing matched.
    if (top || (frame.oddNames !== undefined && mentionsOddName(text))) frame.heldWarnings.push(text);
    else this.#note(remoteWarning(text), frame.remotePath);
  }

  /**
   * After the end of the session: fetches what it could not say the names of. Not before, as there are servers that allow one
   * session at a time.
   */
  async finish(): Promise<void> {
    for (const frame of this.#unfinished) {
      await this.#fetchDeferred(frame);
      await this.#finishFolder(frame);
      this.#finished++;
    }
    const { heldWarnings } = this.#frame;
    const { request } = this.#task;
    const [first] = heldWarnings;
    const unmatched = first?.includes(request.path.replace(/\/+$/, "")) && heldWarnings.length === 1;
    if (request.masked && !this.#hasTopEntry && unmatched) {
      this.#note(noMatchError(request.path), request.path);
      return;
    }
    await this.#fetchDeferred(this.#frame);
  }

  /** After a failure: folders that wait for {@link finish} get their attributes. */
  async abandon(): Promise<void> {
    for (const frame of this.#unfinished.splice(0).slice(this.#finished)) await this.#finishFolder(frame);
  }

  get #frame(): Frame {
    return this.#frames.at(-1)!;
  }

  /** The name of an entry that was asked for; an error for one that is not kept (returned) or not to be trusted (thrown). */
  async #admit(header: EntryHeader, kind: "file" | "directory"): Promise<string | TransferError> {
    const { remotePath, localPath } = this.#frame;
    this.#task.count(header.name.length * 2 + remotePath.length + localPath.length);
    const { request } = this.#task;
    const name = decodeName(header.name);
    const top = this.#frames.length === 1;
    if (kind === "directory" && !this.#context.options.recursive) throw unaskedError("a folder", name);
    if (top) {
      const wanted = this.#wantedName(name, kind);
      if (wanted === undefined || (this.#hasTopEntry && !request.masked))
        throw unaskedError(kind === "file" ? "a file" : "a folder", name);
      this.#hasTopEntry = true;
      if (wanted === SELF || !request.masked) return wanted;
    }
    if (name === undefined) {
      const lossy = Buffer.from(header.name).toString("latin1");
      checkEntryName(lossy);
      const error = nameEncodingError(lossy);
      this.#note(error, remoteJoin(this.#frame.remotePath, printable(lossy)));
      return error;
    }
    checkEntryName(name);
    if (!looksEncoded(name)) return name;
    this.#frame.deferred.push(name);
    return deferredError(name);
  }

  /** The true name of what is at the top, or undefined when it was not asked for. */
  #wantedName(name: string | undefined, kind: "file" | "directory"): string | undefined {
    const { request } = this.#task;
    if (name === undefined) return request.masked ? "" : undefined;
    if (name === SELF && kind === "directory") {
      if (request.contents) return SELF;
      if (request.path.includes("\n") && !request.masked) return request.base;
    }
    if (request.contents || !request.accepts(name)) return undefined;
    return request.masked ? name : request.base;
  }

  #oddNamesBelow(name: string, remotePath: string, self: boolean): OddNames {
    const { folder, argument } = this.#task.request;
    if (folder !== undefined || self) return OddNames.below(this.#context, remotePath);
    return OddNames.belowMatch(this.#context, argument, name);
  }

  /** Fetches what the server cannot say the name of, and notes the messages that are about something else. */
  async #fetchDeferred(frame: Frame): Promise<void> {
    const { heldWarnings, deferred } = frame;
    let odd: readonly OddName[] = [];
    if (deferred.length > 0 || heldWarnings.some(mentionsOddName))
      odd = (await frame.oddNames?.in(frame.relativePath)) ?? [];
    const missing = odd.filter(
      ({ name, remotePath }) =>
        mentionsOddName(name) || heldWarnings.some((text) => isAbout(text, remotePath)),
    );
    const asked = frame === this.#frames[0] ? this.#task.request.path : frame.remotePath;
    for (const text of heldWarnings) {
      if (missing.some(({ name }) => isAbout(text, name))) this.#refusals++;
      else this.#note(remoteWarning(text), asked);
    }
    for (const name of new Set(deferred)) {
      const decoded = decodeVisual(name);
      if (missing.some((entry) => entry.name === name || entry.name === decoded)) continue;
      this.#note(nameUnclearError(name), remoteJoin(frame.remotePath, name));
    }
    for (const entry of missing) {
      this.#task.count(entry.remotePath.length);
      checkEntryName(entry.name);
      const { root } = this.#task.placement;
      await this.#task.fetchApart(entry, {
        folder: frame.localPath,
        name: entry.name,
        root,
        specialFile: undefined,
      });
    }
  }

  async #finishFolder({ finish, localPath, remotePath }: Frame): Promise<void> {
    try {
      await finish();
    } catch (error) {
      this.#note(asTransferError(error, "finish", localPath), remotePath, localPath);
    }
  }

  #localName(name: string): string {
    return this.#frames.length === 1 ? (this.#task.placement.name ?? name) : name;
  }

  #refuse(error: TransferError): TransferError {
    this.#refusals++;
    return error;
  }

  #note(error: TransferError, remotePath: string, localPath?: string): void {
    this.#context.logger.warn({ error, localPath, remotePath }, "not received");
    this.#context.results.fail(error, remotePath, localPath);
  }
}

/** Only ever told to the server. */
function deferredError(name: string): TransferError {
  return new TransferError("ERR_SCP_UNASKED", `${name} is fetched by its own path`);
}

function folderOf(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(0, Math.max(0, trimmed.lastIndexOf("/")));
}
