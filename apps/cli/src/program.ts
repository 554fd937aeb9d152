import { createRequire } from "node:module";
import { errorMessage, isTransferError } from "@waybill/net-core";
import { Command, CommanderError } from "commander";
import { addCommands } from "./commands/commands.js";
import { oneLine } from "./log-lines.js";
import { UsageError } from "./usage-error.js";

/** Everything arrived, or the server ended as it was asked to. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** Runs the `waybill` command with its arguments and resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const program = new Command("waybill")
    .description(
      "Moves business files between companies: SFTP, SCP, ODETTE-FTP, with the keys and certificates that they need.",
    )
    .version(version(), "-V, --version");
  let exitCode = EXIT_OK;
  const done = (code: number) => {
    exitCode = code;
  };
  await addCommands(program, args, done);
  throwInsteadOfExit(program);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, program, args);
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExit(sub);
}

function report(error: unknown, program: Command, args: readonly string[]): number {
  if (error instanceof CommanderError) {
    // Commander has printed its message already, and the whole help for `help`; --help and --version are no errors.
    if (error.exitCode !== 0 && error.code !== "commander.help") printUsage(program, args);
    return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  }
  process.stderr.write(`waybill: ${oneLine(errorMessage(error))}\n`);
  if (error instanceof UsageError) {
    printUsage(program, args);
    return EXIT_USAGE;
  }
  if (!isTransferError(error) && error instanceof Error && process.env.WAYBILL_DEBUG) {
    process.stderr.write(`${error.stack}\n`);
  }
  return EXIT_FAILURE;
}

/** The usage line of the command that was meant. */
function printUsage(program: Command, args: readonly string[]): void {
  let command = program;
  for (const name of args) {
    const next = command.commands.find((each) => each.name() === name);
    if (next === undefined) break;
    command = next;
  }
  const [usage] = command.helpInformation().split("\n", 1);
  process.stderr.write(`${usage}\n(add --help for the options)\n`);
}

function version(): string {
  const manifest = createRequire(import.meta.url)("../package.json") as { version: string };
  return manifest.version;
}
