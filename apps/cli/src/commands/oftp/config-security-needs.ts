import type { ProtocolLevel } from "@waybill/oftp-codec";
import {
  levelWithSecurity,
  type OwnIdentity,
  type PartnerCertificate,
  type SecureAuthentication,
  type SecurityPurpose,
} from "@waybill/oftp-session";
import type { Located } from "./config-certificate.js";
import type { ConfigNode } from "./config-node.js";
import { PROTECTIONS, type SecuritySettings } from "./config-security.js";

/** What there is for file security with a partner. */
export interface SecurityMeans {
  readonly name: string;
  /** Of this station, for this partner. */
  readonly own: readonly OwnIdentity[];
  readonly theirs: readonly PartnerCertificate[];
  /** The partner may send its certificates itself, or has done so. */
  readonly mayBring: boolean;
  readonly level: ProtocolLevel;
}

/**
 * Errors for settings that cannot work, because a certificate is missing or the partner speaks an older release, before
 * anybody waits for a file: `ERR_CONFIG`.
 */
export function checkSecurityNeeds(
  settings: SecuritySettings | undefined,
  authentication: Located<SecureAuthentication> | undefined,
  means: SecurityMeans,
): void {
  const { own, incoming, outgoing } = settings ?? { own: {}, incoming: {}, outgoing: {} };
  for (const what of PROTECTIONS) {
    const sent = own[what]?.value === true ? own[what] : demanded(outgoing[what]);
    const received = demanded(incoming[what]);
    const place = sent?.node ?? received?.node;
    if (place !== undefined) requireLevel(place, means);
    if (what === "sign") {
      if (sent) requireOwn(sent.node, "signing", means);
      if (received) requireTheirs(received.node, "signing", means);
    } else if (what === "encrypt") {
      if (sent) requireTheirs(sent.node, "encryption", means);
      if (received) requireOwn(received.node, "encryption", means);
    } else if (what === "signedReceipt") {
      if (sent) requireTheirs(sent.node, "receipts", means);
      if (received) requireOwn(received.node, "receipts", means);
    }
  }
  if (authentication?.value !== "required") return;
  requireLevel(authentication.node, means);
  requireOwn(authentication.node, "authentication", means);
  requireTheirs(authentication.node, "authentication", means);
}

function demanded<T extends string>(rule: Located<T> | undefined): Located<T> | undefined {
  return rule?.value === "required" ? rule : undefined;
}

function requireOwn(node: ConfigNode, purpose: SecurityPurpose, { own, name }: SecurityMeans): void {
  if (own.some((each) => isFor(each, purpose))) return;
  throw node.error(
    `needs a certificate of this station for ${purpose}: set certificate of station, or ownCertificate of the partner ${name}`,
  );
}

function requireTheirs(
  node: ConfigNode,
  purpose: SecurityPurpose,
  { theirs, mayBring, name }: SecurityMeans,
): void {
  if (mayBring || theirs.some((each) => isFor(each, purpose))) return;
  throw node.error(`needs a certificate of the partner ${name} for ${purpose}: set certificate in its entry`);
}

function requireLevel(node: ConfigNode, { level, name }: SecurityMeans): void {
  if (level >= levelWithSecurity) return;
  throw node.error(
    `needs level ${levelWithSecurity} (ODETTE-FTP 2.0), and the partner ${name} has level ${level}`,
  );
}

function isFor(
  { purposes }: { readonly purposes?: readonly SecurityPurpose[] | undefined },
  purpose: SecurityPurpose,
): boolean {
  return purposes === undefined || purposes.includes(purpose);
}
