import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { type HttpTransport, ODETTE_TRUST_LIST_URL, type RedirectPolicy } from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import { type Command, Option } from "commander";
import { collect, integer } from "../../option-parsers.js";

/** The name that stands for Odette's list. */
export const ODETTE = "odette";

const REDIRECTS = ["never", "always", "same-scheme"] as const satisfies readonly RedirectPolicy[];

/** What downloads may do. */
export interface DownloadOptions {
  readonly timeout: number;
  readonly redirects: RedirectPolicy;
}

export function addDownloadOptions(command: Command): Command {
  return command
    .option("--timeout <seconds>", "how long a download may take", integer(1, 3600), 15)
    .addOption(
      new Option("--redirects <policy>", "which redirects are followed")
        .choices(REDIRECTS)
        .default("same-scheme"),
    );
}

/** Where a list comes from and is kept, and who may have signed it. */
export interface TrustListOptions {
  readonly state?: string;
  readonly signer?: readonly string[];
}

export function addTrustListOptions(command: Command): Command {
  return command
    .option(
      "--state <dir>",
      "where the last good copy and its signer are kept (default: a folder for each list)",
    )
    .option(
      "--signer <thumbprint>",
      "who may sign the list, SHA-256 or SHA-1 (may be repeated); default: who signed the first that was seen",
      collect,
    );
}

/** The address, the folder that remembers, and the signers, for `openTrustList`. */
export function trustListPlace(name: string, options: TrustListOptions) {
  const source = name === ODETTE ? ODETTE_TRUST_LIST_URL : name;
  return {
    source,
    stateFolder: options.state ?? defaultStateFolder(name),
    ...(options.signer !== undefined && { pinned: options.signer }),
  };
}

/** One for each list: the signer that is remembered is that list's. */
function defaultStateFolder(name: string): string {
  const folder =
    name === ODETTE || name === ODETTE_TRUST_LIST_URL
      ? ODETTE
      : createHash("sha256").update(name).digest("hex").slice(0, 16);
  return join(stateFolder(), "trust-list", folder);
}

/** Where CRLs and OCSP responses are kept. */
export function revocationFolder(): string {
  return join(stateFolder(), "revocation");
}

function stateFolder(): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "waybill");
}

/** For `--offline`. */
export const noDownloads: HttpTransport = async () => {
  throw new TransferError("ERR_OFFLINE", "downloads are switched off (--offline)");
};
