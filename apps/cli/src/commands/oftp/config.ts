import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorCode, errorMessage, TransferError } from "@waybill/net-core";
import type { ListenAddress } from "@waybill/oftp-server";
import { checkNamePattern, type Partner, type StationOptions } from "@waybill/oftp-session";
import { ConfigNode } from "./config-node.js";
import {
  bufferSizeOf,
  type ConfiguredPartner,
  codeOf,
  creditOf,
  readPartner,
  requiredPassword,
} from "./config-partner.js";
import {
  readStationSecurity,
  STATION_SECURITY_KEYS,
  type StationSecuritySettings,
} from "./config-partner-security.js";
import type { ConfigContext } from "./config-secret.js";
import { serverTls } from "./config-tls.js";

/** What the configuration says of the station itself. */
export type ConfiguredStation = Omit<
  StationOptions,
  "partners" | "work" | "store" | "outbox" | "logger" | "hooks"
> & {
  readonly outbox: string;
  readonly state: string;
};

/** The configuration file of all OFTP commands. */
export interface OftpConfig {
  readonly path: string;
  readonly station: ConfiguredStation;
  /** Reads the TLS files: they are needed only by whoever listens. */
  readonly listen: () => Promise<readonly ListenAddress[]>;
  readonly partners: readonly ConfiguredPartner[];
  /** For people, when something is dangerous; see those of each partner, too. */
  readonly warnings: readonly string[];
}

const STATION_KEYS = [
  "ssid",
  "sfid",
  "password",
  "passwordFile",
  "inbox",
  "outbox",
  "state",
  "namePattern",
  "overwrite",
  "maxFileSize",
  "maxCompressionRatio",
  "maxSessions",
  "bufferSize",
  "credit",
  "inactivityTimeoutMs",
  "localTimeoutMs",
  "maxSessionMs",
  ...STATION_SECURITY_KEYS,
] as const;

const MAX_TIME_MS = 2 ** 31 - 1;

/** Reads and checks the file. Errors: `ERR_CONFIG`, each with file and line. */
export async function readOftpConfig(
  path: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<OftpConfig> {
  const { text, mode } = await readText(path);
  const context: ConfigContext = { folder: resolve(dirname(path)), environment, holdsPasswords: false };
  const root = ConfigNode.parse(text, path).map(["station", "listen", "partners"]);
  const { station, security } = await readStation(root.require("station"), context);
  const partners: ConfiguredPartner[] = [];
  for (const node of root.get("partners")?.list() ?? []) {
    const found = await readPartner(node, security, context);
    refuseDouble(node, found.partner, partners);
    partners.push(found);
  }
  const listen = (root.get("listen")?.list() ?? []).map((node) => listenAddress(node, context));
  const exposed = context.holdsPasswords && process.platform !== "win32" && (mode & 0o044) !== 0;
  return {
    path,
    station,
    listen: () => Promise.all(listen.map((read) => read())),
    partners,
    warnings: [
      ...(exposed ? [`others can read ${path}, which holds passwords: chmod 600 ${path}`] : []),
      ...security.warnings,
    ],
  };
}

/** The entry of a partner. Errors: `ERR_OFTP_PARTNER_UNKNOWN`. */
export function findPartner({ path, partners }: OftpConfig, name: string): ConfiguredPartner {
  const found = partners.find(({ partner }) => partner.name === name);
  if (found !== undefined) return found;
  const names = partners.map(({ partner }) => partner.name).join(", ");
  const known = names === "" ? "it has none" : `it has ${names}`;
  throw new TransferError("ERR_OFTP_PARTNER_UNKNOWN", `${path} has no partner ${name}: ${known}`);
}

async function readText(path: string): Promise<{ text: string; mode: number }> {
  try {
    return { text: await readFile(path, "utf8"), mode: (await stat(path)).mode };
  } catch (error) {
    const reason = errorCode(error) === "ENOENT" ? "it is not there" : errorMessage(error);
    throw new TransferError("ERR_CONFIG", `cannot read the configuration ${path}: ${reason}`, {
      cause: error,
    });
  }
}

async function readStation(
  node: ConfigNode,
  context: ConfigContext,
): Promise<{ readonly station: ConfiguredStation; readonly security: StationSecuritySettings }> {
  const map = node.map(STATION_KEYS);
  const folder = (key: "inbox" | "outbox" | "state") => resolve(context.folder, map.get(key)?.text() ?? key);
  const time = (value: ConfigNode) => value.integer(1, MAX_TIME_MS);
  const station = {
    ssid: codeOf(map.require("ssid")),
    password: await requiredPassword(map, "password", "passwordFile", context),
    inbox: folder("inbox"),
    outbox: folder("outbox"),
    state: folder("state"),
    ...map.option("sfid", "sfid", codeOf),
    ...map.option("namePattern", "namePattern", namePatternOf),
    ...map.option("overwrite", "overwrite", (value) => value.oneOf(["never", "rename", "replace"] as const)),
    ...map.option("maxFileSize", "maxFileSize", (value) => value.integer(0, Number.MAX_SAFE_INTEGER)),
    ...map.option("maxCompressionRatio", "maxCompressionRatio", (value) => value.integer(1, 100_000)),
    ...map.option("maxSessions", "maxSessions", (value) => value.integer(1, 100_000)),
    ...map.option("bufferSize", "bufferSize", bufferSizeOf),
    ...map.option("credit", "credit", creditOf),
    ...map.option("inactivityTimeoutMs", "inactivityTimeoutMs", time),
    ...map.option("localTimeoutMs", "localTimeoutMs", time),
    ...map.option("maxSessionMs", "maxSessionMs", time),
  };
  const security = await readStationSecurity(map, context);
  const identities = security.own.map(({ value }) => value);
  return { station: { ...station, ...(identities.length > 0 && { identities }) }, security };
}

function namePatternOf(node: ConfigNode): string {
  try {
    return checkNamePattern(node.text());
  } catch (error) {
    throw node.error(`is no pattern of names: ${errorMessage(error)}`);
  }
}

function listenAddress(node: ConfigNode, context: ConfigContext): () => Promise<ListenAddress> {
  const map = node.map(["host", "port", "tls"]);
  const address = {
    ...map.option("host", "host", (value) => value.text()),
    ...map.option("port", "port", (value) => value.integer(0, 65_535)),
  };
  const tls = map.get("tls");
  // Only `false` says something without a certificate.
  if (tls === undefined || (!tls.isMap && !tls.boolean())) return async () => address;
  const readTls = serverTls(tls, context);
  return async () => ({ ...address, tls: await readTls() });
}

function refuseDouble(node: ConfigNode, partner: Partner, before: readonly ConfiguredPartner[]): void {
  for (const { partner: other } of before) {
    if (other.name === partner.name)
      throw node.error(`has the name ${partner.name}, and so has one before it`);
    if (other.ssid === partner.ssid)
      throw node.error(
        `has the ssid ${partner.ssid}, and so has ${other.name}: callers are told apart by it`,
      );
  }
}
