import { errorCode, type Logger, TransferError } from "@waybill/net-core";
import type { SshClientChannel, SshExit } from "@waybill/ssh-core";
import { ChannelIo } from "./channel-io.js";
import { REPLY_FATAL, REPLY_WARNING } from "./control-line.js";
import { endedError, endsEverything, printable, protocolError, remoteFatal } from "./scp-errors.js";
import type { TransferContext } from "./transfer-context.js";

const MAX_STDERR = 8 * 1024;
const MAX_TRAILING = 64 * 1024;
const EXIT_WAIT_MS = 2000;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** A command that runs on the server: its bytes, what it says on its standard error, and how it ends. */
export class RemoteCommand {
  readonly io: ChannelIo;
  readonly #channel: SshClientChannel;
  readonly #logger: Logger;
  #stderr = "";

  /** Errors: those of the executor, `ERR_ABORTED`. */
  static async start(context: TransferContext, command: string): Promise<RemoteCommand> {
    const { executor, signal, logger } = context;
    const options = signal === undefined ? {} : { signal };
    logger.debug({ command }, "run on the server");
    try {
      return new RemoteCommand(await executor.exec(command, options), context);
    } catch (error) {
      if (errorCode(error) !== "ERR_SSH_CHANNEL_REFUSED") throw error;
      // OpenSSH still counts a session whose close it reads together with the request for the next one. Its refusal comes
      // after it has counted it out: then it has room, or it had none in the first place.
      return new RemoteCommand(await executor.exec(command, options), context);
    }
  }

  private constructor(channel: SshClientChannel, context: TransferContext) {
    this.#channel = channel;
    this.#logger = context.logger;
    this.io = new ChannelIo(channel, {
      idleTimeoutMs: context.options.idleTimeoutMs,
      signal: context.signal,
    });
    // It is asked for later, if at all.
    channel.exited.catch(() => {});
    channel.stderr.on("data", (chunk: Buffer) => {
      if (this.#stderr.length < MAX_STDERR) this.#stderr += chunk.toString("utf8").slice(0, MAX_STDERR);
    });
    channel.stderr.on("error", () => {});
  }

  /** What the command wrote on its standard error, safe to show. */
  get stderr(): string {
    return printable(this.#stderr.trim().replaceAll("\n", "; "));
  }

  /** Ends our side, waits for the end of the other and says how the command ended. */
  async finish(): Promise<SshExit> {
    this.io.end();
    await this.#readToEnd();
    const exited = this.#channel.exited.catch((error: unknown): SshExit => {
      if (endsEverything(error)) throw error;
      // All was said before: that the channel did not close as it should is no failure of the transfer.
      return {};
    });
    return this.io.guard(exited, "reply");
  }

  /**
   * Ends the command however far it came, and waits, as long as it may be idle, until its channel is closed. For a session
   * that is followed by another one: a server that allows one at a time refuses the next one before that.
   */
  async end(): Promise<void> {
    try {
      await this.finish();
    } catch (error) {
      this.#logger.debug({ error }, "a command did not end in good order");
    } finally {
      this.close();
    }
  }

  /** Why the command ended before it should have: what it said last, or how it ended. */
  async endReason(): Promise<TransferError> {
    let reason = endedError(this.stderr);
    try {
      this.io.end();
      const said = await this.#readToEnd();
      if (said !== "") return remoteFatal(said);
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      if (error.code !== "ERR_SCP_ENDED") return error;
      reason = error;
    }
    const exit = await this.#exitSoon();
    return (exit instanceof TransferError ? exit : this.failure(exit)) ?? reason;
  }

  /** An exit that is no success. */
  failure(exit: SshExit): TransferError | undefined {
    if (exit.code === 0 || (exit.code === undefined && exit.signal === undefined)) return undefined;
    const details = { exitCode: exit.code, signal: exit.signal, stderr: this.stderr };
    const text = this.stderr === "" ? "" : `: ${this.stderr}`;
    if (exit.code === NOT_FOUND || exit.code === NOT_EXECUTABLE)
      return new TransferError(
        "ERR_SCP_NOT_AVAILABLE",
        `the server has no scp program that this user can run${text} (install it, name it with remoteProgram, or use SFTP)`,
        { details },
      );
    const how = exit.code === undefined ? `by signal ${exit.signal}` : `with exit code ${exit.code}`;
    return new TransferError("ERR_SCP_REMOTE_FAILED", `the server's scp ended ${how}${text}`, { details });
  }

  /** How a command ended whose channel is closed: that is known, or will be in a moment. */
  async #exitSoon(): Promise<SshExit | TransferError> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<SshExit>((resolve) => {
      timer = setTimeout(() => resolve({}), EXIT_WAIT_MS);
    });
    try {
      return await Promise.race([this.#channel.exited, late]);
    } catch (error) {
      return error instanceof TransferError && error.code !== "ERR_SSH_CHANNEL_CLOSED" ? error : {};
    } finally {
      clearTimeout(timer);
    }
  }

  /** Returns the first message in what is left to read. */
  async #readToEnd(): Promise<string> {
    let said = "";
    for (let trailing = 0; ; ) {
      const line = await this.io.readLine(MAX_TRAILING);
      if (line === undefined) return said;
      trailing += line.length + 1;
      if (trailing > MAX_TRAILING) throw protocolError("the server goes on after the end of the transfer");
      const start = line.findIndex((byte) => byte === REPLY_WARNING || byte === REPLY_FATAL);
      if (said === "" && start >= 0) said = line.toString("utf8", start + 1);
    }
  }

  /** Ends the command at once, if it still runs. */
  close(): void {
    this.io.close();
  }
}
