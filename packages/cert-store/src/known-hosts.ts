import { randomBytes } from "node:crypto";
import { type ErrorSource, errorSource } from "./error-source.js";
import { bareHost, type HostMatcher, hashHostName, hostMatcher, knownHostName } from "./host-names.js";
import { type KeyListOptions, type KeyListProblem, readKeyList } from "./key-list.js";
import type { PublicKey } from "./key-types.js";
import { readOpenSshKey } from "./openssh-public-key.js";

/** What a line of `known_hosts` says of its key. */
export type KnownHostMarker = "none" | "revoked" | "cert-authority";

/** One line of a `known_hosts` file. */
export interface KnownHostEntry {
  readonly marker: KnownHostMarker;
  /** The first field as written: patterns with commas between them, or one hashed name. */
  readonly hosts: string;
  readonly isHashed: boolean;
  readonly key: PublicKey;
  readonly comment: string;
  /** Its line, from 1. */
  readonly line: number;
  /** Whether the line is for this host. `port` is by default 22. */
  matches(host: string, port?: number): boolean;
}

/**
 * What the file says of a host's key. `trusted`: the key is there. `changed`: other keys of the host are there,
 * this one is not. `revoked`: the key must not be accepted. `unknown`: nothing is known of the host.
 */
export type KnownHostVerdict = "trusted" | "unknown" | "changed" | "revoked";

/** What {@link parseKnownHosts} finds. */
export interface KnownHosts {
  /**
   * Every line that could be read, `@cert-authority` lines included, which {@link KnownHosts.check} does not use.
   */
  readonly entries: readonly KnownHostEntry[];
  /** The lines that were left out. */
  readonly problems: readonly KeyListProblem[];
  /**
   * The keys of a host that are not revoked. A client asks for their types first, so that the host shows a key that
   * is known.
   */
  keysFor(host: string, port?: number): readonly PublicKey[];
  /**
   * Whether the host may have this key. As in OpenSSH, any other known key of the host makes it `changed`, whatever
   * its type; and when nothing is known of a port other than 22, the same key known for the host without a port is
   * `trusted`.
   */
  check(host: string, port: number, key: PublicKey): KnownHostVerdict;
}

const DEFAULT_SSH_PORT = 22;
const SALT_BYTES = 20;
const MARKERS: Readonly<Record<string, KnownHostMarker>> = {
  "@revoked": "revoked",
  "@cert-authority": "cert-authority",
};

/**
 * Reads a `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): hashed names, `[host]:port`, patterns with
 * `*`, `?` and `!`, `@revoked`, `@cert-authority`. A line that cannot be read is left out and reported.
 *
 * Never throws.
 */
export function parseKnownHosts(text: string | Uint8Array, options: KeyListOptions = {}): KnownHosts {
  const entries: KnownHostEntry[] = [];
  const problems = readKeyList(text, options, (content, line, source) =>
    entries.push(readLine(content, line, source)),
  );
  return new ParsedKnownHosts(entries, problems);
}

/** Options of {@link formatKnownHostsLine}. */
export interface KnownHostsLineOptions {
  /** Hides the name as `ssh-keygen -H` does. Default false. */
  readonly hash?: boolean;
  /** Default: none. */
  readonly comment?: string;
}

/**
 * A line for a host's key, without a line feed. Errors: `ERR_KNOWN_HOSTS_NAME` when `host` holds something that is
 * no part of a name or an address, or `port` is no port.
 */
export function formatKnownHostsLine(
  host: string,
  port: number,
  key: PublicKey,
  options: KnownHostsLineOptions = {},
): string {
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65535;
  // Everything that has a meaning in the file is outside of this: white space, commas, wildcards, markers,
  // brackets.
  if (!isPort || !/^[\p{L}\p{N}_.:%-]+$/u.test(bareHost(host))) {
    const written = JSON.stringify(`${host}:${port}`.slice(0, 300));
    throw errorSource(undefined, "known_hosts").error(
      "ERR_KNOWN_HOSTS_NAME",
      `${written} cannot be written as a host and port`,
    );
  }
  const name = knownHostName(host, port);
  const field = options.hash === true ? hashHostName(name, randomBytes(SALT_BYTES)) : name;
  const comment = (options.comment ?? "").replace(/\p{Cc}+/gu, " ").trim();
  return `${field} ${key.type} ${key.blob.toString("base64")} ${comment}`.trimEnd();
}

class ParsedKnownHosts implements KnownHosts {
  readonly entries: readonly KnownHostEntry[];
  readonly problems: readonly KeyListProblem[];

  constructor(entries: readonly KnownHostEntry[], problems: readonly KeyListProblem[]) {
    this.entries = entries;
    this.problems = problems;
  }

  keysFor(host: string, port: number = DEFAULT_SSH_PORT): readonly PublicKey[] {
    return this.#plainKeys(host, port).filter((key) => !this.#isRevoked(host, port, key));
  }

  check(host: string, port: number, key: PublicKey): KnownHostVerdict {
    if (this.#isRevoked(host, port, key)) return "revoked";
    const known = this.#plainKeys(host, port);
    if (known.some((candidate) => candidate.equals(key))) return "trusted";
    if (known.length > 0) return "changed";
    const withoutPort = port === DEFAULT_SSH_PORT ? [] : this.#plainKeys(host, DEFAULT_SSH_PORT);
    return withoutPort.some((candidate) => candidate.equals(key)) ? "trusted" : "unknown";
  }

  #plainKeys(host: string, port: number): PublicKey[] {
    return this.entries
      .filter((entry) => entry.marker === "none" && entry.matches(host, port))
      .map((entry) => entry.key);
  }

  /** A key that is revoked for the host is revoked on each of its ports. */
  #isRevoked(host: string, port: number, key: PublicKey): boolean {
    return this.entries.some(
      (entry) =>
        entry.marker === "revoked" &&
        entry.key.equals(key) &&
        (entry.matches(host, port) || entry.matches(host, DEFAULT_SSH_PORT)),
    );
  }
}

function readLine(content: string, line: number, source: ErrorSource): KnownHostEntry {
  let rest = content;
  let marker: KnownHostMarker = "none";
  if (content.startsWith("@")) {
    const [word = "", behind] = splitWord(content);
    const known = MARKERS[word];
    if (known === undefined) throw source.unsupported("the line has an unknown marker");
    marker = known;
    rest = behind;
  }
  const [hosts, keyText] = splitWord(rest);
  const matcher: HostMatcher | string = hostMatcher(hosts);
  if (typeof matcher === "string") throw source.damaged(matcher);
  const key = readOpenSshKey(keyText, source);
  if (key === undefined) throw source.damaged("there is no key on the line");
  return {
    marker,
    hosts,
    isHashed: hosts.startsWith("|"),
    key,
    comment: key.comment,
    line,
    matches: (host, port = DEFAULT_SSH_PORT) => matcher(knownHostName(host, port)),
  };
}

function splitWord(text: string): readonly [string, string] {
  const end = text.search(/[ \t]/);
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end).trimStart()];
}
