import { AddressMatcher } from "@waybill/net-core";
import type { ProtocolLevel } from "@waybill/oftp-codec";
import { isSafeFileName, type Partner, type PartnerAddress } from "@waybill/oftp-session";
import type { ConfigMap, ConfigNode } from "./config-node.js";
import {
  PARTNER_SECURITY_KEYS,
  readPartnerSecurity,
  type StationSecuritySettings,
} from "./config-partner-security.js";
import { type ConfigContext, secretOf } from "./config-secret.js";
import { clientTls } from "./config-tls.js";
import type { PartnerTrust } from "./partner-trust.js";

/** A partner of the configuration; its TLS files are read only when it is called. */
export interface ConfiguredPartner {
  readonly partner: Partner;
  /** Undefined: it can only call. */
  readonly address: (() => Promise<PartnerAddress>) | undefined;
  readonly trust: PartnerTrust;
  /** For people, when its certificates are out of date. */
  readonly warnings: readonly string[];
}

const KEYS = [
  "name",
  "ssid",
  "sfid",
  "password",
  "passwordFile",
  "routes",
  "anyOriginator",
  "host",
  "port",
  "tls",
  "connectTimeoutMs",
  "localAddress",
  "ownSsid",
  "ownSfid",
  "ownPassword",
  "ownPasswordFile",
  "level",
  "minimumLevel",
  "bufferSize",
  "credit",
  "compression",
  "restart",
  "mode",
  "maxSessions",
  "allowedAddresses",
  ...PARTNER_SECURITY_KEYS,
] as const;
type Key = (typeof KEYS)[number];

const LEVELS: readonly ProtocolLevel[] = [1, 2, 4, 5];
const MAX_TIME_MS = 2 ** 31 - 1;

/** Reads an entry, and the stores with certificates that it names. Errors: `ERR_CONFIG`. */
export async function readPartner(
  node: ConfigNode,
  station: StationSecuritySettings,
  context: ConfigContext,
): Promise<ConfiguredPartner> {
  const map = node.map(KEYS);
  const nameNode = map.require("name");
  const name = nameNode.text();
  if (!isSafeFileName(name)) throw nameNode.error("must be a name that a folder can have");
  const partner: Partner = {
    name,
    ssid: codeOf(map.require("ssid")),
    password: await requiredPassword(map, "password", "passwordFile", context),
    ...map.option("sfid", "sfids", (value) => value.listOrOne().map(codeOf)),
    ...map.option("routes", "routes", (value) => value.listOrOne().map(codeOf)),
    ...map.option("anyOriginator", "anyOriginator", (value) => value.boolean()),
    ...map.option("ownSsid", "ownSsid", codeOf),
    ...map.option("ownSfid", "ownSfid", codeOf),
    ...(await ownPassword(map, context)),
    ...map.option("level", "level", (value) => value.oneOf(LEVELS)),
    ...map.option("minimumLevel", "minimumLevel", (value) => value.oneOf(LEVELS)),
    ...map.option("bufferSize", "bufferSize", bufferSizeOf),
    ...map.option("credit", "credit", creditOf),
    ...map.option("compression", "compression", (value) => value.boolean()),
    ...map.option("restart", "restart", (value) => value.boolean()),
    ...map.option("mode", "mode", (value) => value.oneOf(["S", "R", "B"] as const)),
    ...map.option("maxSessions", "maxSessions", (value) => value.integer(1, 10_000)),
    ...map.option("allowedAddresses", "allowedAddresses", addressesOf),
  };
  const { level = 5, minimumLevel = 1 } = partner;
  if (minimumLevel > level) throw map.require("minimumLevel").error(`must not be above the level ${level}`);
  const address = addressOf(map, context);
  const { settings, trust, warnings } = await readPartnerSecurity(map, { name, level }, station, context);
  return { partner: { ...partner, ...settings }, address, trust, warnings };
}

function addressOf(map: ConfigMap<Key>, context: ConfigContext): ConfiguredPartner["address"] {
  const host = map.get("host");
  const tls = map.get("tls");
  const common = {
    ...map.option("port", "port", (value) => value.integer(1, 65_535)),
    ...map.option("connectTimeoutMs", "connectTimeoutMs", (value) => value.integer(1, MAX_TIME_MS)),
    ...map.option("localAddress", "localAddress", (value) => value.text()),
  };
  // `true`: the defaults, `false`: none.
  const plain = tls === undefined || (!tls.isMap && !tls.boolean());
  if (host === undefined) {
    for (const key of ["port", "tls"] as const) {
      const alone = map.get(key);
      if (alone !== undefined && !(key === "tls" && plain)) throw alone.error("needs host beside it");
    }
    return undefined;
  }
  const name = host.text();
  const readTls = tls?.isMap ? clientTls(tls, context) : async () => ({});
  return async () => ({ host: name, ...common, ...(plain ? {} : { tls: await readTls() }) });
}

/** An identification code (RFC 5024 section 5.4). */
export function codeOf(node: ConfigNode): string {
  const text = node.text();
  if (!/^[A-Z0-9][A-Z0-9 /.&()-]{0,24}$/.test(text)) {
    throw node.error("must be an identification code: up to 25 of A-Z, 0-9, space and / - . & ( )");
  }
  return text;
}

export function bufferSizeOf(node: ConfigNode): number {
  return node.integer(128, 99_999);
}

export function creditOf(node: ConfigNode): number {
  return node.integer(1, 999);
}

/** Errors for one that SSIDPSWD cannot hold. Never shows it. */
export async function requiredPassword<K extends string>(
  map: ConfigMap<K>,
  key: K,
  fileKey: K,
  context: ConfigContext,
): Promise<string> {
  const password = await passwordOf(map, key, fileKey, context);
  if (password === undefined) throw map.node.error(`needs ${key} or ${fileKey}`);
  return password;
}

async function ownPassword(map: ConfigMap<Key>, context: ConfigContext) {
  const password = await passwordOf(map, "ownPassword", "ownPasswordFile", context);
  return password === undefined ? {} : { ownPassword: password };
}

async function passwordOf<K extends string>(
  map: ConfigMap<K>,
  key: K,
  fileKey: K,
  context: ConfigContext,
): Promise<string | undefined> {
  const secret = await secretOf(map, key, fileKey, context);
  if (secret === undefined) return undefined;
  if (/^[\x20-\x7e]{1,8}$/.test(secret.text)) return secret.text;
  throw secret.node.error("must have 1 to 8 letters, digits or signs of ASCII");
}

function addressesOf(node: ConfigNode): readonly string[] {
  return node.listOrOne().map((each) => {
    const text = each.text();
    try {
      new AddressMatcher([text]);
    } catch {
      throw each.error("must be an IP address or a range such as 10.0.0.0/8");
    }
    return text;
  });
}
