import { createLogger, type Logger, type LogLevel } from "@waybill/net-core";
import { type Command, Option } from "commander";
import { stderrLogger } from "../../log-lines.js";

/** What all commands that use the configuration take. */
export interface ConfigOptions {
  readonly config: string;
  readonly trail?: string;
}

/** What the commands that call a partner take. */
export interface CallCommandOptions extends ConfigOptions {
  readonly partner: string;
  readonly quiet?: boolean;
  readonly logLevel: LogLevel;
}

const TRAIL = "append every command on the wire to a file, passwords left out: see `waybill oftp trail`";

export function addConfigOptions(command: Command): Command {
  return command
    .requiredOption("--config <file>", "the station and its partners (YAML)")
    .option("--trail <file>", TRAIL);
}

export function addCallOptions(command: Command): Command {
  return addConfigOptions(command)
    .requiredOption("--partner <name>", "the partner to call, by its name in the configuration")
    .option("-q, --quiet", "show nothing but errors")
    .addOption(
      new Option("--log-level <level>", "log what happens inside on the standard error")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("silent" satisfies LogLevel),
    );
}

/** A logger for a command whose results are told otherwise. */
export function quietLogger(level: LogLevel): Logger {
  return level === "silent" ? createLogger("silent", () => {}) : stderrLogger(level);
}

export function warn(text: string): void {
  process.stderr.write(`waybill: warning: ${text}\n`);
}
