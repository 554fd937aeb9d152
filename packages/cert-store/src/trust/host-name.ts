import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { Certificate } from "../certificate-types.js";

/**
 * Whether a certificate is for a host (RFC 9525 section 6): an IP address must be among its addresses, a name among its DNS names,
 * where `*` stands for one whole label, the first.
 */
export function isForHost(certificate: Certificate, host: string, allowCommonName: boolean): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const address = addressBytes(bare);
  if (address !== undefined) {
    return certificate.subjectAltNames.some(
      ({ kind, value }) => kind === "ip" && addressBytes(value)?.equals(address) === true,
    );
  }
  const name = dnsName(domainToASCII(bare));
  if (name === "") return false;
  const isNamed = certificate.subjectAltNames.some(({ kind }) => kind === "dns" || kind === "ip");
  const names =
    isNamed || !allowCommonName
      ? certificate.subjectAltNames.filter(({ kind }) => kind === "dns").map(({ value }) => value)
      : commonNames(certificate);
  return names.some((pattern) => matchesDnsName(dnsName(pattern), name));
}

/** The CNs of the subject. */
export function commonNames(certificate: Certificate): string[] {
  return certificate.subject.attributes.filter(({ oid }) => oid === "2.5.4.3").map(({ value }) => value);
}

/** In lower case, without the dot of the root. */
export function dnsName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function matchesDnsName(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const rest = pattern.slice(1);
  const dot = name.indexOf(".");
  // `*.com` would be everybody's.
  return rest.indexOf(".", 1) > 0 && dot > 0 && name.slice(dot) === rest;
}

/** The octets of an IP address in text, or undefined. */
export function addressBytes(text: string): Buffer | undefined {
  const version = isIP(text);
  if (version === 4) return Buffer.from(text.split(".").map(Number));
  if (version !== 6 || text.includes("%")) return undefined;
  // The URL parser writes an embedded IPv4 address as two groups.
  const groups = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = "", tail] = groups.split("::");
  const parse = (part: string) =>
    part.split(":").flatMap((group) => (group === "" ? [] : [Number.parseInt(group, 16)]));
  const first = parse(head);
  const last = tail === undefined ? [] : parse(tail);
  const bytes = Buffer.alloc(16);
  for (const [index, group] of first.entries()) bytes.writeUInt16BE(group, index * 2);
  for (const [index, group] of last.entries()) bytes.writeUInt16BE(group, 16 - (last.length - index) * 2);
  return bytes;
}
