import type { TransferError } from "@waybill/net-core";
import { isTransferError } from "@waybill/net-core";
import type { SshExit } from "@waybill/ssh-core";
import {
  END_LINE,
  encodeEntry,
  encodeTimes,
  encodeWarning,
  MAX_CONTROL_LINE,
  OK_BYTE,
  REPLY_FATAL,
  REPLY_OK,
  REPLY_WARNING,
  type WireTimes,
} from "./control-line.js";
import { BLOCK_BYTES, type Body, changedError, pieceBytes } from "./file-body.js";
import type { ProgressMeter } from "./progress.js";
import { RemoteCommand } from "./remote-command.js";
import {
  asTransferError,
  endedError,
  printable,
  protocolError,
  remoteFatal,
  remoteWarning,
} from "./scp-errors.js";
import type { TransferContext } from "./transfer-context.js";

/** The largest last piece of a body that is joined with the status byte, to leave in one packet. */
const JOIN_BYTES = 32 * 1024;
const PADDING = Buffer.alloc(BLOCK_BYTES);

/** What a source says about a file or folder before it. */
export interface OutgoingHeader {
  readonly name: string;
  readonly mode: number;
  readonly times: WireTimes | undefined;
}

/** What goes out with one file. */
export interface OutgoingFile {
  /** For messages. */
  readonly path: string;
  readonly body: Body;
  readonly meter: ProgressMeter;
  /**
   * Whether a body that breaks off ends the session, because nothing else comes after it. Otherwise it is filled
   * with zeros to its announced size, as the protocol has no other way to stay in step.
   */
  readonly onlyFile: boolean;
}

/**
 * The source's side of the protocol, over a `scp -t` on the server. What concerns one entry is returned (the session
 * goes on), what ends the session is thrown.
 */
export class SourceSession {
  readonly #command: RemoteCommand;
  readonly #context: TransferContext;
  /** What the server said, when that was its last reply. */
  #lastWarning: string | undefined;

  /** Starts the server's sink. Errors: those of the executor, `ERR_SCP_REMOTE_FATAL` when the sink does not want the target, `ERR_SCP_NOT_AVAILABLE`. */
  static async open(context: TransferContext, command: string): Promise<SourceSession> {
    const session = new SourceSession(await RemoteCommand.start(context, command), context);
    try {
      await session.#explained(async () => {
        const refused = await session.#reply();
        if (refused !== undefined) throw remoteFatal(session.#lastWarning ?? "");
      });
      return session;
    } catch (error) {
      // One that does not want its target ends by itself, and another one with another target may follow.
      if (isTransferError(error, "ERR_SCP_REMOTE_FATAL")) await session.end();
      else session.close();
      throw error;
    }
  }

  private constructor(command: RemoteCommand, context: TransferContext) {
    this.#command = command;
    this.#context = context;
  }

  /** Returns what the server has against the file, or what happened to its content on the way. */
  sendFile(header: OutgoingHeader, file: OutgoingFile): Promise<TransferError | undefined> {
    return this.#explained(async () => {
      const refused = await this.#announce("file", header, file.body.size);
      if (refused !== undefined) return refused;
      const broken = await this.#sendBody(file);
      const complaint = await this.#reply();
      return broken ?? complaint;
    });
  }

  /** Returns what the server has against the folder; otherwise its entries follow, then {@link leave}. */
  enter(header: OutgoingHeader): Promise<TransferError | undefined> {
    return this.#explained(() => this.#announce("directory", header, 0));
  }

  leave(): Promise<TransferError | undefined> {
    return this.#explained(() => this.#exchange(END_LINE));
  }

  /** Ends the session in good order. */
  async finish(): Promise<TransferError | undefined> {
    const exit: SshExit = await this.#explained(() => this.#command.finish());
    return this.#command.failure(exit);
  }

  /** Ends the session however far it came, and waits for that, see {@link RemoteCommand.end}. */
  end(): Promise<void> {
    return this.#command.end();
  }

  /** Ends the session at once, if it is still there. */
  close(): void {
    this.#command.close();
  }

  async #announce(
    kind: "file" | "directory",
    { name, mode, times }: OutgoingHeader,
    size: number,
  ): Promise<TransferError | undefined> {
    if (times !== undefined) {
      const refused = await this.#exchange(encodeTimes(times));
      if (refused !== undefined) return refused;
    }
    return this.#exchange(encodeEntry(kind, { mode, size, name: Buffer.from(name) }));
  }

  async #sendBody({ path, body, meter, onlyFile }: OutgoingFile): Promise<TransferError | undefined> {
    const { io } = this.#command;
    const { limiter, signal } = this.#context;
    const most = pieceBytes(limiter);
    let broken: TransferError | undefined;
    let writing: Promise<void> | undefined;
    let last: Buffer | undefined;
    for (let left = body.size; left > 0; ) {
      let piece: Buffer | undefined;
      if (broken === undefined) {
        try {
          piece = await io.guard(body.read(Math.min(most, left)), "source");
          if (piece === undefined) broken = changedError(path, "had fewer bytes than its size");
        } catch (error) {
          broken = asTransferError(error, "read", path);
        }
        if (broken !== undefined && onlyFile) throw broken;
      }
      const next = piece ?? PADDING.subarray(0, Math.min(most, left));
      left -= next.length;
      await limiter?.take(next.length, signal);
      await writing;
      if (left === 0 && next.length <= JOIN_BYTES) last = next;
      else {
        writing = io.write(next);
        // Its failure is met at the next `await`; meanwhile the process must not take it for a forgotten one.
        writing.catch(() => {});
      }
      meter.advance(next.length);
    }
    await writing;
    broken ??= await this.#checkBody(path, body);
    if (broken !== undefined && onlyFile) throw broken;
    const status = broken === undefined ? OK_BYTE : encodeWarning(printable(broken.message));
    await io.write(last === undefined ? status : Buffer.concat([last, status]));
    return broken;
  }

  async #checkBody(path: string, body: Body): Promise<TransferError | undefined> {
    try {
      return await this.#command.io.guard(body.check(), "source");
    } catch (error) {
      return asTransferError(error, "read", path);
    }
  }

  async #exchange(bytes: Buffer): Promise<TransferError | undefined> {
    await this.#command.io.write(bytes);
    return this.#reply();
  }

  /** Reads a reply: nothing, or the warning that it was. */
  async #reply(): Promise<TransferError | undefined> {
    const { io } = this.#command;
    for (;;) {
      const byte = await io.readByte();
      if (byte === undefined) throw endedError();
      if (byte === REPLY_OK) {
        this.#lastWarning = undefined;
        return undefined;
      }
      const line = await this.#readText();
      if (byte === REPLY_FATAL) throw remoteFatal(line);
      if (byte === REPLY_WARNING) {
        let warning = line;
        // The rest of a message that a line break tore apart comes with it, as a rule.
        while ((io.peekByte() ?? REPLY_OK) > REPLY_FATAL) warning += `\n${await this.#readText()}`;
        this.#lastWarning = warning;
        return remoteWarning(warning);
      }
      const text = String.fromCharCode(byte) + line;
      // OpenSSH does not encode the line breaks of names in its messages: this is the rest of one.
      if (this.#lastWarning === undefined)
        throw protocolError(
          `the server answered with text: "${printable(text)}" (a login script there may print it, or there is no scp)`,
        );
    }
  }

  async #readText(): Promise<string> {
    return (await this.#command.io.readLine(MAX_CONTROL_LINE))?.toString("utf8") ?? "";
  }

  /** Runs a step. When the server's scp ended in it, the error says why. */
  async #explained<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!isTransferError(error, "ERR_SCP_ENDED")) throw error;
      const reason = await this.#command.endReason();
      const said = this.#lastWarning;
      // OpenSSH's sink gives up with an ordinary warning as its last word.
      const unsaid = reason.code === "ERR_SCP_ENDED" || reason.code === "ERR_SCP_REMOTE_FAILED";
      throw unsaid && said !== undefined ? remoteFatal(said) : reason;
    }
  }
}
