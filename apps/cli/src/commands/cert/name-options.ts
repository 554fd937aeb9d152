import type { AlternativeName } from "@waybill/cert-store";
import type { Command } from "commander";
import { collect } from "../../option-parsers.js";

/** Alternative names. */
export interface NameOptions {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
  readonly uri?: readonly string[];
}

export function addNameOptions(command: Command): Command {
  return command
    .option("--dns <name>", "an alternative name: a host name (may be repeated)", collect)
    .option("--ip <address>", "an alternative name: an IP address (may be repeated)", collect)
    .option("--email <address>", "an alternative name: an e-mail address (may be repeated)", collect)
    .option("--uri <uri>", "an alternative name: a URI (may be repeated)", collect);
}

export function alternativeNames(options: NameOptions): AlternativeName[] {
  return (["dns", "ip", "email", "uri"] as const).flatMap((kind) =>
    (options[kind] ?? []).map((value) => ({ kind, value })),
  );
}
