import { LOG_LEVELS, type LogLevel } from "@waybill/net-core";
import { InvalidArgumentError, Option } from "commander";

/** A commander parser for whole numbers within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`it must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

export const port = integer(0, 65_535);

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

export function logLevelOption(): Option {
  return new Option("--log-level <level>", "how much to log on the standard error")
    .choices(LOG_LEVELS)
    .default("info" satisfies LogLevel);
}
