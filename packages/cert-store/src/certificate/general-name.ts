import type { GeneralName } from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { asn1Oid, asn1Parts, CONSTRUCTED, contextTag } from "./asn1-values.js";
import { readName } from "./distinguished-name.js";

/** The tags of GeneralName (RFC 5280 section 4.2.1.6). */
const TAG = {
  otherName: contextTag(0) | CONSTRUCTED,
  email: contextTag(1),
  dns: contextTag(2),
  directory: contextTag(4) | CONSTRUCTED,
  uri: contextTag(6),
  ip: contextTag(7),
  registeredId: contextTag(8),
} as const;

/** Reads one GeneralName. In name constraints an IP address has a mask behind it (RFC 5280 section 4.2.1.10). */
export function readGeneralName(value: DerValue, source: ErrorSource, isConstraint = false): GeneralName {
  switch (value.tag) {
    case TAG.email:
      return { kind: "email", value: value.contents.toString("latin1") };
    case TAG.dns:
      return { kind: "dns", value: value.contents.toString("latin1") };
    case TAG.uri:
      return { kind: "uri", value: value.contents.toString("latin1") };
    case TAG.ip:
      return {
        kind: "ip",
        value: (isConstraint ? networkText : addressText)(value.contents) ?? hex(value.contents),
      };
    case TAG.directory: {
      const [name] = asn1Parts(value, source);
      return { kind: "directory", value: readName(name, source).text };
    }
    case TAG.registeredId:
      return { kind: "registeredId", value: asn1Oid(value, source, TAG.registeredId) };
    case TAG.otherName: {
      const [type, content] = asn1Parts(value, source);
      return {
        kind: "other",
        value: `${asn1Oid(type, source)} ${hex(content?.contents ?? Buffer.alloc(0))}`,
      };
    }
    default:
      return { kind: "other", value: hex(value.raw) };
  }
}

const hex = (bytes: Buffer) => `#${bytes.toString("hex")}`;

/** An address of 4 or 16 octets in its usual form (RFC 5952 for IPv6). */
export function addressText(octets: Buffer): string | undefined {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(2 * index).toString(16));
  const text = groups.join(":");
  // The first of the longest runs of zeros, of two groups at least, is left out (RFC 5952 section 4.2).
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)];
  const longest = runs.reduce<RegExpMatchArray | undefined>(
    (best, run) => (best === undefined || run[0].length > best[0].length ? run : best),
    undefined,
  );
  if (longest?.index === undefined) return text;
  const before = text.slice(0, longest.index).replace(/:$/, "");
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

function networkText(octets: Buffer): string | undefined {
  const half = octets.length / 2;
  const address = addressText(octets.subarray(0, half));
  const mask = octets.subarray(half);
  if (address === undefined || !Number.isInteger(half)) return undefined;
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const prefix = bits.indexOf("0") < 0 ? bits.length : bits.indexOf("0");
  return bits.includes("1", prefix) ? `${address}/${addressText(mask)}` : `${address}/${prefix}`;
}
