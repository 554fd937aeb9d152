import type {
  TlsCertificate,
  TlsClientSettings,
  TlsServerSettings,
  TlsSettings,
  TlsVersion,
} from "@waybill/net-core";
import type { ConfigMap, ConfigNode } from "./config-node.js";
import { type ConfigContext, noteSecret, readConfigFile, secretOf } from "./config-secret.js";

const COMMON_KEYS = [
  "certificate",
  "key",
  "keyPassword",
  "keyPasswordFile",
  "trust",
  "crls",
  "minimumVersion",
  "maximumVersion",
  "cipherSuites",
] as const;
const SERVER_KEYS = [...COMMON_KEYS, "clientCertificates"] as const;
const CLIENT_KEYS = [...COMMON_KEYS, "serverName", "verifyName"] as const;

const VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

/** Reads the files that settings name: only who needs them does. */
export type TlsReader<T> = () => Promise<T>;

/** The `tls` of an address to listen on. */
export function serverTls(node: ConfigNode, context: ConfigContext): TlsReader<TlsServerSettings> {
  const map = node.map(SERVER_KEYS);
  map.require("certificate");
  const clientCertificates = map.get("clientCertificates");
  const asked = clientCertificates?.oneOf(["none", "optional", "required"]) ?? "none";
  if (asked !== "none" && map.get("trust") === undefined) {
    throw (clientCertificates ?? node).error("needs trust: the certificates that clients' ones must lead to");
  }
  const read = common(map, context);
  return async () => {
    const settings = await read();
    return { ...settings, certificates: settings.certificates ?? [], clientCertificates: asked };
  };
}

/** The `tls` of a partner that is called. */
export function clientTls(node: ConfigNode, context: ConfigContext): TlsReader<TlsClientSettings> {
  const map = node.map(CLIENT_KEYS);
  const read = common(map, context);
  const options = {
    ...map.option("serverName", "serverName", (value) => value.text()),
    ...map.option("verifyName", "verifyName", (value) => value.boolean()),
  };
  return async () => ({ ...(await read()), ...options });
}

type CommonMap = ConfigMap<(typeof COMMON_KEYS)[number]>;

function common(map: CommonMap, context: ConfigContext): TlsReader<TlsSettings> {
  const alone = map.get("certificate") === undefined && (map.get("key") ?? map.get("keyPassword"));
  if (alone) throw alone.error("needs certificate beside it");
  noteSecret(map.get("keyPassword"), context);
  const options = {
    ...map.option("minimumVersion", "minimumVersion", (value) => value.oneOf(VERSIONS)),
    ...map.option("maximumVersion", "maximumVersion", (value) => value.oneOf(VERSIONS)),
    ...map.option("cipherSuites", "cipherSuites", (value) => value.listOrOne().map((each) => each.text())),
  };
  return async () => {
    const certificate = await ownCertificate(map, context);
    const trust = await files(map.get("trust"), context);
    const crls = await files(map.get("crls"), context);
    return {
      ...(certificate === undefined ? {} : { certificates: [certificate] }),
      ...(trust === undefined ? {} : { trust }),
      ...(crls === undefined ? {} : { crls }),
      ...options,
    };
  };
}

/** PEM, the key in the same file or in another, or PKCS#12. */
async function ownCertificate(map: CommonMap, context: ConfigContext): Promise<TlsCertificate | undefined> {
  const node = map.get("certificate");
  const key = map.get("key");
  const secret = await secretOf(map, "keyPassword", "keyPasswordFile", context);
  if (node === undefined) return undefined;
  const certificate = await readConfigFile(node, context);
  const passphrase = secret === undefined ? {} : { passphrase: secret.text };
  if (!isPem(certificate)) {
    if (key !== undefined) throw key.error("is one too many: a PKCS#12 file holds its key");
    return { pfx: certificate, ...passphrase };
  }
  const privateKey = key === undefined ? certificate : await readConfigFile(key, context);
  return { certificate, privateKey, ...passphrase };
}

async function files(
  node: ConfigNode | undefined,
  context: ConfigContext,
): Promise<readonly Buffer[] | undefined> {
  if (node === undefined) return undefined;
  const found: Buffer[] = [];
  for (const each of node.listOrOne()) {
    const content = await readConfigFile(each, context);
    if (!isPem(content)) throw each.error("must name a file in PEM (lines of BEGIN and END)");
    found.push(content);
  }
  return found;
}

function isPem(content: Buffer): boolean {
  return content.includes("-----BEGIN ");
}
