import { isIP } from "node:net";
import type { Certificate, GeneralName, NameConstraints } from "../certificate-types.js";
import { addressBytes, commonNames, dnsName } from "./host-name.js";
import { normalText, shortText } from "./names.js";

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
const HOST_LIKE = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)+\.?$/i;

/** Characters that are compared for one certificate and one list of constraints: hostile ones have 10,000 names each. */
const MAX_COMPARED_CHARACTERS = 4_000_000;

/**
 * Why the names of a certificate break the constraints of an authority above it (RFC 5280 section 4.2.1.10), or undefined when they do
 * not. A kind of name that has constraints but cannot be compared with them is refused.
 *
 * `isLeaf`: its CN counts as a DNS name when it has none and looks like one, as old clients read it.
 */
export function nameConstraintProblem(
  certificate: Certificate,
  constraints: NameConstraints,
  isLeaf: boolean,
): string | undefined {
  if ([...constraints.permitted, ...constraints.excluded].some(isUnreadable)) {
    return "an authority above it has name constraints that cannot be read";
  }
  const names = constrainedNames(certificate, isLeaf);
  const all = [...constraints.permitted, ...constraints.excluded];
  if (names.length * characters(all) + all.length * characters(names) > MAX_COMPARED_CHARACTERS) {
    return "it has too many names to compare with the constraints of an authority above it";
  }
  for (const name of names) {
    const shown = `${name.kind} name ${quoted(name.value)}`;
    const excluded = constraints.excluded.filter(({ kind }) => kind === name.kind);
    const permitted = constraints.permitted.filter(({ kind }) => kind === name.kind);
    if (excluded.length + permitted.length === 0) continue;
    const matches = MATCHERS[name.kind];
    if (matches === undefined) return `its ${shown} is of a kind that is constrained and cannot be compared`;
    for (const { value } of excluded) {
      const isWithin = matches(name.value, value, "excluded");
      if (isWithin === undefined) return `its ${shown} cannot be compared with the excluded ${quoted(value)}`;
      if (isWithin) return `its ${shown} is excluded by ${quoted(value)}`;
    }
    if (
      permitted.length > 0 &&
      !permitted.some(({ value }) => matches(name.value, value, "permitted") === true)
    ) {
      return `its ${shown} is not among those permitted`;
    }
  }
  return undefined;
}

function characters(names: readonly GeneralName[]): number {
  return names.reduce((sum, { value }) => sum + value.length, 0);
}

function quoted(text: string): string {
  return JSON.stringify(shortText(text));
}

/** Kinds of names without an OID of their own, and constraints with bounds, which RFC 5280 does not allow. */
function isUnreadable({ kind, value }: GeneralName): boolean {
  return kind === "other" && value.startsWith("#");
}

/** The names that constraints are about: the subject when it is not empty, the alternative names, addresses in the subject. */
function constrainedNames(certificate: Certificate, isLeaf: boolean): GeneralName[] {
  const names = [...certificate.subjectAltNames];
  const { text, attributes } = certificate.subject;
  if (attributes.length > 0) names.push({ kind: "directory", value: text });
  for (const { oid, value } of attributes) if (oid === EMAIL_ADDRESS) names.push({ kind: "email", value });
  if (isLeaf && !names.some(({ kind }) => kind === "dns")) {
    for (const value of commonNames(certificate)) {
      if (isIP(value) !== 0) names.push({ kind: "ip", value });
      else if (HOST_LIKE.test(value)) names.push({ kind: "dns", value });
    }
  }
  return names;
}

/** Whether a name is within a constraint; undefined when that cannot be told. */
type Matcher = (name: string, constraint: string, list: "permitted" | "excluded") => boolean | undefined;

const MATCHERS: Partial<Record<GeneralName["kind"], Matcher>> = {
  dns: isDnsWithin,
  email: isEmailWithin,
  uri: isUriWithin,
  ip: isAddressWithin,
  directory: isDirectoryWithin,
};

function isDnsWithin(name: string, constraint: string, list: "permitted" | "excluded"): boolean {
  const isWildcard = name.startsWith("*.");
  const host = dnsName(isWildcard ? name.slice(2) : name);
  const base = dnsName(constraint);
  if (isWithinDomain(host, base)) return true;
  // What `*.example.com` stands for is below `example.com`.
  if (isWildcard && base.startsWith(".") && host === base.slice(1)) return true;
  // A wildcard that could stand for an excluded name is excluded.
  return list === "excluded" && isWildcard && isWithinDomain(base.replace(/^\./, ""), host);
}

/** Whether `host` is `domain` or below it; a dot in front means only below, and nothing at all means everywhere. */
function isWithinDomain(host: string, domain: string): boolean {
  if (domain === "") return true;
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function isEmailWithin(name: string, constraint: string): boolean | undefined {
  const at = name.lastIndexOf("@");
  if (at <= 0) return undefined;
  const host = dnsName(name.slice(at + 1));
  const constraintAt = constraint.lastIndexOf("@");
  if (constraintAt > 0) {
    // Case matters before the sign only.
    return (
      name.slice(0, at) === constraint.slice(0, constraintAt) &&
      host === dnsName(constraint.slice(constraintAt + 1))
    );
  }
  return isHostWithin(host, dnsName(constraint.slice(constraintAt + 1)));
}

function isUriWithin(name: string, constraint: string): boolean | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(name)?.[1];
  const host = dnsName((authority ?? "").replace(/^.*@/, "").replace(/:\d*$/, ""));
  // Constraints are about names; neither an address nor nothing can be within (RFC 5280).
  if (host === "" || host.startsWith("[") || isIP(host) !== 0) return undefined;
  return isHostWithin(host, dnsName(constraint));
}

/** Without a dot in front the host itself and nothing below it. */
function isHostWithin(host: string, constraint: string): boolean {
  if (constraint === "") return true;
  return constraint.startsWith(".") ? host.endsWith(constraint) : host === constraint;
}

function isAddressWithin(name: string, constraint: string): boolean | undefined {
  const [base, mask] = networkOf(constraint) ?? [];
  const address = addressBytes(name);
  if (base === undefined || mask === undefined || address === undefined) return undefined;
  if (address.length !== base.length) return false;
  return address.every((byte, index) => ((byte ^ (base[index] ?? 0)) & (mask[index] ?? 0xff)) === 0);
}

/** `192.0.2.0/24`, `192.0.2.0/255.255.255.0` and the like of IPv6. */
function networkOf(text: string): [Buffer, Buffer] | undefined {
  const slash = text.indexOf("/");
  const base = addressBytes(text.slice(0, slash < 0 ? text.length : slash));
  if (base === undefined || slash < 0) return undefined;
  const end = text.slice(slash + 1);
  const mask = /^\d{1,3}$/.test(end) ? prefixMask(Number(end), base.length) : addressBytes(end);
  return mask?.length === base.length ? [base, mask] : undefined;
}

function prefixMask(bits: number, length: number): Buffer | undefined {
  if (bits > length * 8) return undefined;
  return Buffer.from(
    Array.from({ length }, (_, index) => 0xff & (0xff00 >> Math.max(0, Math.min(8, bits - index * 8)))),
  );
}

/** RFC 4514 writes names backwards: what is within ends with the constraint. */
function isDirectoryWithin(name: string, constraint: string): boolean {
  const names = relativeNames(name);
  const base = relativeNames(constraint);
  const offset = names.length - base.length;
  return offset >= 0 && base.every((part, index) => part === names[offset + index]);
}

/** The relative names of an RFC 4514 string, apart at the commas that are not escaped. */
function relativeNames(text: string): string[] {
  if (text === "") return [];
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).map((part) =>
    (part.match(/(?:\\.|[^+\\])+/gs) ?? []).map(normalText).sort().join("+"),
  );
}
