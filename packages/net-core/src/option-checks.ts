import { inspect } from "node:util";
import { TransferError } from "./transfer-error.js";

/** The longest time that Node's timers keep: a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The error of a wrong option: `ERR_OPTION_INVALID`, the option's name in the message and in `details.option`. */
export function optionError(option: string, requirement: string): TransferError {
  return new TransferError("ERR_OPTION_INVALID", `option ${option} ${requirement}`, { details: { option } });
}

/**
 * Returns `value` when it is an integer from `least` to `most`.
 * Errors: `ERR_OPTION_INVALID`, which shows the value; not for secrets.
 */
export function checkInteger(option: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw optionError(option, `must be an integer from ${least} to ${most}, not ${inspect(value)}`);
}

/** Returns `value` when it is a port number, 0 to 65535. Errors: `ERR_OPTION_INVALID`. */
export function checkPort(option: string, value: number): number {
  return checkInteger(option, value, 0, 65_535);
}

/** Returns `value` when it is a time in milliseconds that a timer keeps, at least `least`. Errors: `ERR_OPTION_INVALID`. */
export function checkTimeMs(option: string, value: number, least: 0 | 1): number {
  return checkInteger(option, value, least, MAX_TIMER_MS);
}
