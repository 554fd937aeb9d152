import { isIP, isIPv4 } from "node:net";
import { AddressMatcher, isTransferError, normalizeAddress } from "@waybill/net-core";
import { matchesWildcard } from "./wildcard.js";

/** Where a client comes from. */
export interface ClientOrigin {
  /** Its IP address. */
  readonly address: string;
  /** Its host name, when it was looked up. Without it, patterns of host names do not match. */
  readonly host?: string;
}

interface FromPattern {
  readonly text: string;
  readonly isNegated: boolean;
}

/** What is wrong with the value of `from=`, or undefined. */
export function problemOfFromPatterns(value: string): string | undefined {
  for (const { text } of patternsOf(value)) {
    if (text === "") return "from= has an empty pattern";
    if (text.includes("/") && !isExactRange(text)) return `from= has an invalid range: ${text}`;
  }
  return undefined;
}

/**
 * Whether a client fits the value of `from=` (sshd(8), AUTHORIZED_KEYS FILE FORMAT): at least one pattern matches
 * its address or its host name, and none with `!` does. The value has no problem.
 */
export function matchesFromPatterns(value: string, origin: ClientOrigin): boolean {
  const matching = patternsOf(value).filter(({ text }) => matchesOrigin(text, origin));
  return matching.length > 0 && !matching.some(({ isNegated }) => isNegated);
}

function patternsOf(value: string): FromPattern[] {
  return value.split(",").map((entry) => {
    const text = entry.trim();
    return text.startsWith("!") ? { text: text.slice(1), isNegated: true } : { text, isNegated: false };
  });
}

function matchesOrigin(pattern: string, origin: ClientOrigin): boolean {
  if (pattern.includes("/") || isIP(pattern) !== 0) {
    return isIP(origin.address) !== 0 && new AddressMatcher([pattern]).matches(origin.address);
  }
  if (matchesWildcard(normalizeAddress(origin.address), pattern)) return true;
  return origin.host !== undefined && matchesWildcard(origin.host, pattern);
}

/**
 * Whether a range is one, and has no bits set behind its length. sshd refuses the others, since `10.0.0.1/8` may be
 * meant as one address or as sixteen million.
 */
function isExactRange(range: string): boolean {
  try {
    new AddressMatcher([range]);
  } catch (error) {
    if (isTransferError(error)) return false;
    throw error;
  }
  const [address = "", length] = range.split("/");
  return !bitsOf(address).slice(Number(length)).includes("1");
}

/** The bits of a valid address, as text. */
function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split(".")
      .map((part) => toBits(Number(part), 8))
      .join("");
  // An IPv4 address at the end counts as two groups.
  const [, start = address, dotted] = /^(.*:)([\d.]+\.\d+)$/.exec(address) ?? [];
  const end = dotted === undefined ? "" : bitsOf(dotted);
  const [head = [], tail = []] = start
    .replace(/([^:]):$/, "$1")
    .split("::")
    .map((part) =>
      part
        .split(":")
        .filter((group) => group !== "")
        .map((group) => toBits(Number.parseInt(group, 16), 16)),
    );
  const [before, after] = [head.join(""), tail.join("") + end];
  return before.padEnd(128 - after.length, "0") + after;
}

function toBits(value: number, length: number): string {
  return value.toString(2).padStart(length, "0");
}
