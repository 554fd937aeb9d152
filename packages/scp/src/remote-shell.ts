import { TransferError } from "@waybill/net-core";
import type { WireTimes } from "./control-line.js";
import { RemoteCommand } from "./remote-command.js";
import { aboutEntry, endsEverything } from "./scp-errors.js";
import { quoteRemotePath, shellQuote } from "./shell-quote.js";
import type { TransferContext } from "./transfer-context.js";
import { ENCODED_LINE_BREAK } from "./visual-name.js";

const MAX_OUTPUT = 16 * 1024 * 1024;
const READ_BYTES = 64 * 1024;

/** What a command other than `scp` printed and how it ended. */
interface ShellOutput {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whether there is anything under a path on the server. Errors: `ERR_SCP_CHECK_FAILED`, those of the executor. */
export async function remoteExists(context: TransferContext, path: string): Promise<boolean> {
  const word = quoteRemotePath(path);
  const { code, stderr } = await run(context, `[ -e ${word} ] || [ -h ${word} ]`).catch((error: unknown) => {
    throw endsEverything(error) ? error : aboutEntry(error, "look on the server for", path);
  });
  if (code === 0 || code === 1) return code === 0;
  throw new TransferError(
    "ERR_SCP_CHECK_FAILED",
    `cannot find out whether ${path} exists on the server${stderr === "" ? "" : `: ${stderr}`}`,
    { details: { path } },
  );
}

/** Sets mode and times of a folder that the protocol cannot reach. Errors: `ERR_SCP_REMOTE_FAILED`. */
export async function setRemoteAttributes(
  context: TransferContext,
  path: string,
  mode: number,
  times: WireTimes | undefined,
): Promise<void> {
  const word = quoteRemotePath(path);
  const commands = [`chmod ${mode.toString(8).padStart(4, "0")} ${word}`];
  if (times !== undefined) {
    commands.push(`TZ=UTC0 touch -m -t ${touchTime(times.modified.seconds)} ${word}`);
    commands.push(`TZ=UTC0 touch -a -t ${touchTime(times.accessed.seconds)} ${word}`);
  }
  const { code, stderr } = await run(context, commands.join(" && "));
  if (code === 0) return;
  throw new TransferError(
    "ERR_SCP_REMOTE_FAILED",
    `cannot set mode and times of ${path} on the server: ${stderr}`,
    {
      details: { path, exitCode: code, stderr },
    },
  );
}

/** Every path that a mask stands for on the server, or undefined when the server cannot tell. */
export function expandRemoteMask(context: TransferContext, argument: string): Promise<string[] | undefined> {
  return list(context, `printf '%s\\000' ${argument}`);
}

/**
 * Paths below a folder, relative to it (`./a/b`), of all entries whose name has a line break, or the sign that stands for
 * one, in it; not those below such an entry. Undefined when the server cannot tell.
 */
export function listOddNames(context: TransferContext, folder: string): Promise<string[] | undefined> {
  const lineBreak = shellQuote("*\n*");
  const sign = shellQuote(`*\\${ENCODED_LINE_BREAK}*`);
  const names = `\\( -name ${lineBreak} -o -name ${sign} \\)`;
  return list(context, `cd ${quoteRemotePath(folder)} && find -L . ! -name . ${names} -prune -print0`);
}

async function list(context: TransferContext, command: string): Promise<string[] | undefined> {
  try {
    const { code, stdout } = await run(context, command);
    // `find` fails when there is a folder that it may not read, and still lists the others.
    if (code !== 0 && stdout === "") return undefined;
    return stdout.split("\0").filter((path) => path !== "");
  } catch (error) {
    if (context.signal?.aborted) throw error;
    context.logger.debug({ error }, "cannot list on the server");
    return undefined;
  }
}

async function run(context: TransferContext, command: string): Promise<ShellOutput> {
  const remote = await RemoteCommand.start(context, command);
  try {
    const chunks: Buffer[] = [];
    for (let length = 0; ; ) {
      const some = await remote.io.readUpTo(READ_BYTES);
      if (some === undefined) break;
      length += some.reduce((sum, chunk) => sum + chunk.length, 0);
      if (length > MAX_OUTPUT)
        throw new TransferError("ERR_SCP_LIMIT", `the server lists more than ${MAX_OUTPUT} bytes of names`);
      chunks.push(...some);
    }
    const { code } = await remote.finish();
    return { code, stdout: Buffer.concat(chunks).toString("utf8"), stderr: remote.stderr };
  } finally {
    remote.close();
  }
}

/** `touch -t` in its POSIX form. */
function touchTime(seconds: number): string {
  const digits = new Date(Math.max(0, seconds) * 1000).toISOString().replace(/[^0-9]/g, "");
  return `${digits.slice(0, 12)}.${digits.slice(12, 14)}`;
}
