import { CIPHER_SUITES, isWeakSuite, RECEIPT_HASHES } from "@waybill/cms-security";
import type {
  PartnerSecurity,
  SecureAuthentication,
  SecurityRule,
  SecurityRules,
} from "@waybill/oftp-session";
import type { Located } from "./config-certificate.js";
import type { ConfigNode } from "./config-node.js";

/** What the values of a map are, each with its place. */
type Settings<T> = { readonly [K in keyof T]?: Located<NonNullable<T[K]>> };

/** File security as a configuration has it. */
export interface SecuritySettings {
  readonly own: Settings<Omit<PartnerSecurity, "require">>;
  readonly incoming: Settings<SecurityRules>;
  readonly outgoing: Settings<SecurityRules>;
}

/** What is done to files, and what rules are about. */
export const PROTECTIONS = ["sign", "encrypt", "compress", "signedReceipt"] as const;

const KEYS = [...PROTECTIONS, "cipherSuite", "allowWeak", "receiptHash", "require"] as const;
const RULES: readonly SecurityRule[] = ["required", "allowed", "forbidden"];
const AUTHENTICATION: readonly SecureAuthentication[] = ["required", "allowed", "refused"];
const NOTHING: SecuritySettings = { own: {}, incoming: {}, outgoing: {} };

/** Reads `security` of a partner, or of the station for all of them. Errors: `ERR_CONFIG`. */
export function readSecurity(node: ConfigNode | undefined): SecuritySettings | undefined {
  if (node === undefined) return undefined;
  const map = node.map(KEYS);
  const yes = located((value) => value.boolean());
  const rules = map.get("require")?.map(["incoming", "outgoing"]);
  return {
    own: {
      ...map.option("sign", "sign", yes),
      ...map.option("encrypt", "encrypt", yes),
      ...map.option("compress", "compress", yes),
      ...map.option("signedReceipt", "signedReceipt", yes),
      ...map.option(
        "cipherSuite",
        "cipherSuite",
        located((value) => value.integer(1, CIPHER_SUITES.length)),
      ),
      ...map.option("allowWeak", "allowWeak", yes),
      ...map.option(
        "receiptHash",
        "receiptHash",
        located((value) => value.oneOf(RECEIPT_HASHES)),
      ),
    },
    incoming: readRules(rules?.get("incoming")),
    outgoing: readRules(rules?.get("outgoing")),
  };
}

/** `secureAuthentication`. Errors: `ERR_CONFIG`. */
export function readAuthentication(node: ConfigNode | undefined): Located<SecureAuthentication> | undefined {
  return node && { value: node.oneOf(AUTHENTICATION), node };
}

/** What a partner's entry says, and where it says nothing, what the station's says for all. */
export function withDefaults(
  settings: SecuritySettings | undefined,
  defaults: SecuritySettings | undefined,
): SecuritySettings | undefined {
  if (settings === undefined || defaults === undefined) return settings ?? defaults;
  return {
    own: { ...defaults.own, ...settings.own },
    incoming: { ...defaults.incoming, ...settings.incoming },
    outgoing: { ...defaults.outgoing, ...settings.outgoing },
  };
}

/** The settings as the station takes them; nothing when there are none. */
export function partnerSecurity(settings: SecuritySettings | undefined): {
  readonly security?: PartnerSecurity;
} {
  if (settings === undefined) return {};
  const incoming = plain(settings.incoming);
  const outgoing = plain(settings.outgoing);
  const require = {
    ...(Object.keys(incoming).length > 0 && { incoming }),
    ...(Object.keys(outgoing).length > 0 && { outgoing }),
  };
  return {
    security: { ...plain(settings.own), ...(Object.keys(require).length > 0 && { require }) },
  };
}

/** Errors for settings that contradict each other: `ERR_CONFIG`. */
export function checkSecurity({ own, outgoing }: SecuritySettings = NOTHING): void {
  for (const what of PROTECTIONS) {
    const wish = own[what];
    const rule = outgoing[what];
    if (wish === undefined || rule === undefined) continue;
    const contradicts = wish.value ? rule.value === "forbidden" : rule.value === "required";
    if (contradicts) {
      throw wish.node.error(`is ${wish.value}, but ${rule.node.path} says that it is ${rule.value}`);
    }
  }
  if (own.allowWeak?.value === true) return;
  const advice = "add allowWeak: true if the partner can do no better";
  const { cipherSuite, receiptHash } = own;
  if (cipherSuite !== undefined && isWeakSuite(cipherSuite.value)) {
    throw cipherSuite.node.error(`is ${cipherSuite.value}, which signs with SHA-1 and is weak: ${advice}`);
  }
  if (receiptHash?.value === "sha1") throw receiptHash.node.error(`is sha1, which is weak: ${advice}`);
}

function readRules(node: ConfigNode | undefined): Settings<SecurityRules> {
  if (node === undefined) return {};
  const map = node.map(PROTECTIONS);
  const rule = located((value) => value.oneOf(RULES));
  return {
    ...map.option("sign", "sign", rule),
    ...map.option("encrypt", "encrypt", rule),
    ...map.option("compress", "compress", rule),
    ...map.option("signedReceipt", "signedReceipt", rule),
  };
}

function located<T>(read: (node: ConfigNode) => T): (node: ConfigNode) => Located<T> {
  return (node) => ({ value: read(node), node });
}

function plain<T>(settings: Settings<T>): Partial<T> {
  const values = Object.entries<Located<unknown> | undefined>(settings).map(([name, setting]) => [
    name,
    setting?.value,
  ]);
  return Object.fromEntries(values) as Partial<T>;
}
