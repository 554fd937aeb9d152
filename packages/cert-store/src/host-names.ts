import { createHmac, timingSafeEqual } from "node:crypto";
import { decodeBase64 } from "./base64.js";
import { matchesWildcard } from "./wildcard.js";

/** Whether a host, by its name in `known_hosts` (see {@link knownHostName}), is one of those that a line is for. */
export type HostMatcher = (name: string) => boolean;

const DEFAULT_SSH_PORT = 22;
/** HMAC-SHA1: salt and hash have the same length. */
const HASH_BYTES = 20;

/**
 * The name of a host in `known_hosts` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): `host`, or `[host]:port` when it is
 * not port 22.
 */
export function knownHostName(host: string, port: number): string {
  const bare = bareHost(host);
  return port === DEFAULT_SSH_PORT ? bare : `[${bare}]:${port}`;
}

/** In lower case, and an IPv6 address without the brackets of a URL. */
export function bareHost(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
}

/** A name as `ssh-keygen -H` hides it: `|1|SALT|HASH`. */
export function hashHostName(name: string, salt: Buffer): string {
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

/** The matcher of the first field of a line, or what is wrong with it. */
export function hostMatcher(field: string): HostMatcher | string {
  if (field.startsWith("|")) return hashedMatcher(field);
  const patterns = field.split(",").filter((pattern) => pattern !== "");
  if (patterns.length === 0) return "the line names no host";
  return (name) => {
    let matched = false;
    for (const pattern of patterns) {
      const isNegated = pattern.startsWith("!");
      if (!matchesWildcard(name, isNegated ? pattern.slice(1) : pattern)) continue;
      if (isNegated) return false;
      matched = true;
    }
    return matched;
  };
}

/** A hashed name stands for one host; there are no lists of them. */
function hashedMatcher(field: string): HostMatcher | string {
  const [, saltText, hashText] = /^\|1\|([^|]+)\|([^|]+)$/.exec(field) ?? [];
  const salt = decodeBase64(saltText ?? "");
  const hash = decodeBase64(hashText ?? "");
  if (salt?.length !== HASH_BYTES || hash?.length !== HASH_BYTES) return "the hashed host name is malformed";
  return (name) => timingSafeEqual(createHmac("sha1", salt).update(name).digest(), hash);
}
