import {
  type AuthorizedKeyOptions,
  NO_OPTIONS,
  parseAuthorizedKeyOptions,
  splitOptions,
} from "./authorized-key-options.js";
import type { ErrorSource } from "./error-source.js";
import { type ClientOrigin, matchesFromPatterns } from "./from-patterns.js";
import { type KeyListOptions, type KeyListProblem, readKeyList } from "./key-list.js";
import type { PublicKey } from "./key-types.js";
import { readOpenSshKey } from "./openssh-public-key.js";

/** One key of an `authorized_keys` file. */
export interface AuthorizedKey {
  readonly key: PublicKey;
  readonly options: AuthorizedKeyOptions;
  readonly comment: string;
  /** Its line, from 1. */
  readonly line: number;
}

/** What {@link parseAuthorizedKeys} finds. */
export interface AuthorizedKeys {
  readonly keys: readonly AuthorizedKey[];
  /** The lines that were left out. */
  readonly problems: readonly KeyListProblem[];
}

/**
 * Reads an `authorized_keys` file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). A line with a damaged or unsupported key,
 * or with an option that is not known or malformed, is left out and reported: no key is ever accepted without the
 * restrictions that its line asks for. Whoever accepts a key must apply its options, `from=` and `expiry-time=`
 * with {@link checkAuthorizedKey}.
 *
 * Never throws.
 */
export function parseAuthorizedKeys(text: string | Uint8Array, options: KeyListOptions = {}): AuthorizedKeys {
  const keys: AuthorizedKey[] = [];
  const problems = readKeyList(text, options, (content, line, source) =>
    keys.push(readLine(content, line, source)),
  );
  return { keys, problems };
}

/** Why a key of `authorized_keys` is or is not good for a client. */
export type AuthorizedKeyVerdict = "allowed" | "wrong-origin" | "expired";

/** Applies `from=` and `expiry-time=` of a line of `authorized_keys`. `at` is by default now. */
export function checkAuthorizedKey(
  entry: AuthorizedKey,
  origin: ClientOrigin,
  at: Date = new Date(),
): AuthorizedKeyVerdict {
  const { from, expiresAt } = entry.options;
  if (expiresAt !== undefined && at.getTime() > expiresAt.getTime()) return "expired";
  return from === undefined || matchesFromPatterns(from, origin) ? "allowed" : "wrong-origin";
}

function readLine(content: string, line: number, source: ErrorSource): AuthorizedKey {
  const plain = readOpenSshKey(content, source);
  if (plain !== undefined) return { key: plain, options: NO_OPTIONS, comment: plain.comment, line };
  const split = splitOptions(content);
  if (split === undefined) throw source.damaged("a quote in the options is not closed");
  const options = parseAuthorizedKeyOptions(split.options);
  if (typeof options === "string") throw source.damaged(options);
  const key = readOpenSshKey(split.rest, source);
  if (key === undefined) throw source.damaged("there is no key on the line");
  return { key, options, comment: key.comment, line };
}
