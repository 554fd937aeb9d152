import { problemOfFromPatterns } from "./from-patterns.js";

/** The options of a line of `authorized_keys` (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface AuthorizedKeyOptions {
  /** The options as written, in their order, names in lower case, values without quotes. */
  readonly all: readonly AuthorizedKeyOption[];
  /** Run this instead of what the client asks for. */
  readonly command?: string;
  /** Patterns of addresses and host names; `checkAuthorizedKey` applies them. */
  readonly from?: string;
  /** The key is not good after this; `checkAuthorizedKey` applies it. */
  readonly expiresAt?: Date;
  readonly environment: ReadonlyMap<string, string>;
  readonly permitPty: boolean;
  readonly permitPortForwarding: boolean;
  readonly permitAgentForwarding: boolean;
  readonly permitX11Forwarding: boolean;
  readonly permitUserRc: boolean;
  /** `host:port` values; empty when every destination is allowed. */
  readonly permitOpen: readonly string[];
  readonly permitListen: readonly string[];
  readonly tunnel?: string;
}

/** One option as written. */
export interface AuthorizedKeyOption {
  readonly name: string;
  readonly value?: string;
}

const VALUED = new Set([
  "command",
  "environment",
  "expiry-time",
  "from",
  "permitlisten",
  "permitopen",
  "tunnel",
]);
const ONCE = new Set(["command", "from", "tunnel"]);
const PERMISSIONS = ["pty", "port-forwarding", "agent-forwarding", "x11-forwarding", "user-rc"] as const;
/** For keys in hardware tokens only: nothing to do for ours. */
const TOKEN_FLAGS = new Set(["no-touch-required", "touch-required", "verify-required", "no-verify-required"]);

/** The options of a line that has none. */
export const NO_OPTIONS: AuthorizedKeyOptions = interpret([]) as AuthorizedKeyOptions;

/**
 * Cuts the options off the front of a line: they end at the first white space outside of quotes. Undefined when a
 * quote is not closed.
 */
export function splitOptions(line: string): { readonly options: string; readonly rest: string } | undefined {
  let isQuoted = false;
  let end = 0;
  while (end < line.length && (isQuoted || !/[ \t]/.test(line[end] ?? ""))) {
    if (line[end] === "\\" && line[end + 1] === '"') end += 1;
    else if (line[end] === '"') isQuoted = !isQuoted;
    end += 1;
  }
  return isQuoted ? undefined : { options: line.slice(0, end), rest: line.slice(end).trimStart() };
}

/** The options of a line, or what is wrong with them. As in sshd, an option that is not known is wrong. */
export function parseAuthorizedKeyOptions(text: string): AuthorizedKeyOptions | string {
  const all: AuthorizedKeyOption[] = [];
  // A name, then perhaps a value in quotes, in which \" stands for a quote.
  const option = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"\\]|\\(?!"))*)")?(,|$)/y;
  do {
    const match = option.exec(text);
    const [, written = "", quoted, end] = match ?? [];
    if (match === null) return "the options are malformed";
    const name = written.toLowerCase();
    all.push(quoted === undefined ? { name } : { name, value: quoted.replaceAll('\\"', '"') });
    if (end === "") return interpret(all);
  } while (option.lastIndex < text.length);
  return "the options end with a comma";
}

function interpret(all: readonly AuthorizedKeyOption[]): AuthorizedKeyOptions | string {
  const permits = new Map<string, boolean>(PERMISSIONS.map((name) => [name, true]));
  const values = new Map<string, string[]>();
  for (const { name, value } of all) {
    if (VALUED.has(name)) {
      if (value === undefined) return `the option ${name} needs a value in quotes`;
      const earlier = values.get(name) ?? [];
      if (ONCE.has(name) && earlier.length > 0) return `the option ${name} is there twice`;
      values.set(name, [...earlier, value]);
      continue;
    }
    if (value !== undefined && name !== "principals")
      return `the option ${name} is not known or takes no value`;
    if (name === "cert-authority" || name === "principals")
      return "certificates are not supported (cert-authority)";
    const permission = name.replace(/^no-/, "");
    if (name === "restrict") for (const each of PERMISSIONS) permits.set(each, false);
    else if (permits.has(permission)) permits.set(permission, permission === name);
    else if (!TOKEN_FLAGS.has(name)) return `the option ${name} is not known`;
  }
  const from = values.get("from")?.[0];
  const fromProblem = from === undefined ? undefined : problemOfFromPatterns(from);
  if (fromProblem !== undefined) return fromProblem;
  const environment = readEnvironment(values.get("environment") ?? []);
  if (environment === undefined) return "the option environment needs NAME=VALUE";
  const expiries = (values.get("expiry-time") ?? []).map(parseExpiry);
  if (expiries.includes(undefined))
    return "the option expiry-time needs YYYYMMDD or YYYYMMDDHHMM[SS], Z behind it for UTC";
  const [expiresAt] = (expiries as Date[]).sort((left, right) => left.getTime() - right.getTime());
  const [command] = values.get("command") ?? [];
  const [tunnel] = values.get("tunnel") ?? [];
  return {
    all,
    ...(command === undefined ? {} : { command }),
    ...(from === undefined ? {} : { from }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(tunnel === undefined ? {} : { tunnel }),
    environment,
    permitPty: permits.get("pty") ?? false,
    permitPortForwarding: permits.get("port-forwarding") ?? false,
    permitAgentForwarding: permits.get("agent-forwarding") ?? false,
    permitX11Forwarding: permits.get("x11-forwarding") ?? false,
    permitUserRc: permits.get("user-rc") ?? false,
    permitOpen: values.get("permitopen") ?? [],
    permitListen: values.get("permitlisten") ?? [],
  };
}

function readEnvironment(values: readonly string[]): ReadonlyMap<string, string> | undefined {
  const environment = new Map<string, string>();
  for (const value of values) {
    const [, name, text] = /^([A-Za-z0-9_]+)=(.*)$/s.exec(value) ?? [];
    if (name === undefined || text === undefined) return undefined;
    // As in sshd, the first one counts.
    if (!environment.has(name)) environment.set(name, text);
  }
  return environment;
}

/** YYYYMMDD or YYYYMMDDHHMM[SS], local time, or UTC with Z behind it. */
function parseExpiry(text: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/i.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59)
    return undefined;
  if (match[7] !== undefined) return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return new Date(year, month - 1, day, hour, minute, second);
}
