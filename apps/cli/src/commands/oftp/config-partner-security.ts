import { resolve } from "node:path";
import type { Certificate } from "@waybill/cert-store";
import type { ProtocolLevel } from "@waybill/oftp-codec";
import type { OwnIdentity, Partner, SecureAuthentication } from "@waybill/oftp-session";
import {
  type ConfiguredCertificates,
  dateWarnings,
  type Located,
  readOwnCertificates,
  readPartnerCertificates,
  readTrust,
} from "./config-certificate.js";
import type { ConfigMap } from "./config-node.js";
import { type ConfigContext, readConfigFile } from "./config-secret.js";
import {
  checkSecurity,
  partnerSecurity,
  readAuthentication,
  readSecurity,
  type SecuritySettings,
  withDefaults,
} from "./config-security.js";
import { checkSecurityNeeds } from "./config-security-needs.js";
import type { PartnerTrust } from "./partner-trust.js";

export const STATION_SECURITY_KEYS = ["certificate", "security", "secureAuthentication"] as const;
export const PARTNER_SECURITY_KEYS = [
  ...STATION_SECURITY_KEYS,
  "ownCertificate",
  "trust",
  "crls",
  "certificateExchange",
] as const;
type StationMap = ConfigMap<(typeof STATION_SECURITY_KEYS)[number]>;
type PartnerMap = ConfigMap<(typeof PARTNER_SECURITY_KEYS)[number]>;

/** What the station says of file security: its certificates, and what holds for partners that say nothing. */
export interface StationSecuritySettings {
  readonly own: readonly Located<OwnIdentity>[];
  readonly security: SecuritySettings | undefined;
  readonly authentication: Located<SecureAuthentication> | undefined;
  readonly warnings: readonly string[];
}

/** What the entry of a partner says of file security. */
export interface PartnerSecuritySettings {
  readonly settings: Pick<Partner, "certificates" | "ownIdentities" | "security" | "secureAuthentication">;
  readonly trust: PartnerTrust;
  readonly warnings: readonly string[];
}

/** Reads settings and stores of the station. Errors: `ERR_CONFIG`. */
export async function readStationSecurity(
  map: StationMap,
  context: ConfigContext,
): Promise<StationSecuritySettings> {
  const certificate = map.get("certificate");
  const own = certificate === undefined ? [] : await readOwnCertificates(certificate, context);
  return {
    own,
    security: readSecurity(map.get("security")),
    authentication: readAuthentication(map.get("secureAuthentication")),
    warnings: dateWarnings(own),
  };
}

/** Reads settings and stores of a partner, and checks that they can work. Errors: `ERR_CONFIG`. */
export async function readPartnerSecurity(
  map: PartnerMap,
  { name, level }: { readonly name: string; readonly level: ProtocolLevel },
  station: StationSecuritySettings,
  context: ConfigContext,
): Promise<PartnerSecuritySettings> {
  const certificate = map.get("certificate");
  const ownCertificate = map.get("ownCertificate");
  const theirs: ConfiguredCertificates =
    certificate === undefined
      ? { certificates: [], intermediates: [] }
      : await readPartnerCertificates(certificate, context);
  const own = ownCertificate && (await readOwnCertificates(ownCertificate, context));
  const settings = withDefaults(readSecurity(map.get("security")), station.security);
  const authentication = readAuthentication(map.get("secureAuthentication")) ?? station.authentication;
  const trust = await readPartnerTrust(map, theirs.intermediates, context);
  const certificates = theirs.certificates.map(({ value }) => value);
  checkSecurity(settings);
  checkSecurityNeeds(settings, authentication, {
    name,
    level,
    own: (own ?? station.own).map(({ value }) => value),
    theirs: certificates,
    mayBring: trust.exchange !== "never",
  });
  return {
    settings: {
      ...(certificates.length > 0 && { certificates }),
      ...(own && { ownIdentities: own.map(({ value }) => value) }),
      ...partnerSecurity(settings),
      ...(authentication && { secureAuthentication: authentication.value }),
    },
    trust,
    warnings: [...dateWarnings(theirs.certificates), ...dateWarnings(own ?? [])],
  };
}

async function readPartnerTrust(
  map: PartnerMap,
  intermediates: readonly Certificate[],
  context: ConfigContext,
): Promise<PartnerTrust> {
  const trust = map.get("trust");
  const lists = map.get("crls");
  const exchange = map.get("certificateExchange");
  const chosen = exchange?.oneOf(["never", "trusted"] as const) ?? "never";
  if (trust === undefined) {
    const alone = lists ?? (chosen === "never" ? undefined : exchange);
    if (alone !== undefined)
      throw alone.error("needs trust beside it: the certificates that the partner's ones must lead to");
  }
  const crls: string[] = [];
  for (const list of lists?.listOrOne() ?? []) {
    const content = await readConfigFile(list, context);
    if (content.length === 0) throw list.error("names an empty file");
    crls.push(resolve(context.folder, list.text()));
  }
  const anchors = trust && (await readTrust(trust, context));
  return { anchors, intermediates, crls, exchange: chosen };
}
