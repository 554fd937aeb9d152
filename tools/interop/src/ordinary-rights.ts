import type { Peer } from "@waybill/testing";

/** A program and its arguments. */
export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
}

/** What {@link withOrdinaryRights} runs for root. */
export const setpriv: Peer = { program: "setpriv", debianPackage: "util-linux" };

const RIGHTS_OF_ROOT = "-dac_override,-dac_read_search";

/** The same command, but file permissions hold for it even when root runs it: tests must see them refuse something. */
export function withOrdinaryRights(command: CommandLine): CommandLine {
  if (process.getuid?.() !== 0) return command;
  const { program, args } = command;
  return {
    program: setpriv.program,
    args: [`--bounding-set=${RIGHTS_OF_ROOT}`, `--inh-caps=${RIGHTS_OF_ROOT}`, program, ...args],
  };
}
