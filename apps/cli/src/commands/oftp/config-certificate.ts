import { resolve } from "node:path";
import {
  type Certificate,
  type CertificateStore,
  openStore,
  type PrivateKey,
  type StoreEntry,
  selectEntries,
} from "@waybill/cert-store";
import { errorMessage, isTransferError } from "@waybill/net-core";
import {
  type OwnIdentity,
  type PartnerCertificate,
  SECURITY_PURPOSES,
  type SecurityPurpose,
} from "@waybill/oftp-session";
import { isLocked, ownEntries } from "../cert/named-store.js";
import type { ConfigMap, ConfigNode } from "./config-node.js";
import { type ConfigContext, secretOf } from "./config-secret.js";

const STORE_KEYS = ["file", "password", "passwordFile", "alias", "subject", "purposes"] as const;
const OWN_KEYS = [...STORE_KEYS, "key", "keyPassword", "keyPasswordFile"] as const;
type StoreMap = ConfigMap<(typeof STORE_KEYS)[number]>;

/** Something that the configuration says, and where. */
export interface Located<T> {
  readonly value: T;
  readonly node: ConfigNode;
}

/** What the files with certificates of a partner hold. */
export interface ConfiguredCertificates {
  readonly certificates: readonly Located<PartnerCertificate>[];
  /** All that is in the files: authorities between these and those that are trusted, too. */
  readonly intermediates: readonly Certificate[];
}

/** The certificates of this station with their keys: files, or maps with more about them. Errors: `ERR_CONFIG`. */
export async function readOwnCertificates(
  node: ConfigNode,
  context: ConfigContext,
): Promise<readonly Located<OwnIdentity>[]> {
  const found: Located<OwnIdentity>[] = [];
  for (const each of node.listOrOne()) found.push({ value: await ownCertificate(each, context), node: each });
  return found;
}

/** Certificates of a partner: files, or maps with more about them. Errors: `ERR_CONFIG`. */
export async function readPartnerCertificates(
  node: ConfigNode,
  context: ConfigContext,
): Promise<ConfiguredCertificates> {
  const certificates: Located<PartnerCertificate>[] = [];
  const intermediates: Certificate[] = [];
  for (const each of node.listOrOne()) {
    const map = each.isMap ? each.map(STORE_KEYS) : undefined;
    const file = map?.require("file") ?? each;
    const password = map && (await secretOf(map, "password", "passwordFile", context));
    const store = await openNamedStore(file, { password: password?.text }, context);
    const own = selected(store, map, file).flatMap(({ certificate }) => certificate ?? []);
    if (own.length === 0) throw file.error(`names ${store.fileName}, which has no certificate`);
    for (const certificate of unique(own)) {
      certificates.push({ value: { certificate, ...purposesOf(map, certificate) }, node: each });
    }
    intermediates.push(...certificatesIn(store));
  }
  return { certificates, intermediates };
}

/** All certificates in the files that a setting names: those that others must lead to. Errors: `ERR_CONFIG`. */
export async function readTrust(node: ConfigNode, context: ConfigContext): Promise<readonly Certificate[]> {
  const found: Certificate[] = [];
  for (const file of node.listOrOne()) {
    const store = await openNamedStore(file, {}, context);
    const certificates = certificatesIn(store);
    if (certificates.length === 0) throw file.error(`names ${store.fileName}, which has no certificate`);
    found.push(...certificates);
  }
  return unique(found);
}

/** For people: certificates that cannot be used now because of their dates. */
export function dateWarnings(
  located: readonly Located<{ readonly certificate: Certificate }>[],
  now = new Date(),
): readonly string[] {
  return located.flatMap(({ value: { certificate }, node }) => {
    const { notBefore, notAfter, subject } = certificate;
    if (now > notAfter)
      return node.error(`has the certificate ${subject.text}, which expired at ${notAfter.toISOString()}`)
        .message;
    if (now < notBefore)
      return node.error(
        `has the certificate ${subject.text}, which is valid from ${notBefore.toISOString()} only`,
      ).message;
    return [];
  });
}

async function ownCertificate(node: ConfigNode, context: ConfigContext): Promise<OwnIdentity> {
  const map = node.isMap ? node.map(OWN_KEYS) : undefined;
  const file = map?.require("file") ?? node;
  const password = map && (await secretOf(map, "password", "passwordFile", context));
  const ofKey = map && (await secretOf(map, "keyPassword", "keyPasswordFile", context));
  const passwords = { password: password?.text, keyPassword: ofKey?.text };
  const store = await openNamedStore(file, passwords, context);
  const entries = selected(store, map, file);
  const keyFile = map?.get("key");
  const found =
    keyFile === undefined
      ? identitiesIn(entries)
      : withKeys(entries, await openNamedStore(keyFile, passwords, context));
  const [only, ...others] = found;
  if (only === undefined) throw noKey(store, entries, file, keyFile);
  if (others.length > 0) {
    const names = found.map(({ certificate }) => certificate.subject.text).join("; ");
    throw file.error(
      `names ${store.fileName}, which has several private keys: choose one with alias or subject (${names})`,
    );
  }
  return { ...only, ...purposesOf(map, only.certificate) };
}

function identitiesIn(entries: readonly StoreEntry[]): readonly OwnIdentity[] {
  const found = new Map<string, OwnIdentity>();
  for (const { certificate, privateKey: key } of entries) {
    if (certificate !== undefined && key !== undefined) {
      found.set(certificate.thumbprint("sha256"), { certificate, key });
    }
  }
  return [...found.values()];
}

function withKeys(entries: readonly StoreEntry[], keys: CertificateStore): readonly OwnIdentity[] {
  const fits = ({ sshKey }: Certificate): PrivateKey | undefined =>
    keys.entries.find(({ privateKey }) => privateKey !== undefined && sshKey?.equals(privateKey.publicKey))
      ?.privateKey;
  return unique(entries.flatMap(({ certificate }) => certificate ?? [])).flatMap((certificate) => {
    const key = fits(certificate);
    return key === undefined ? [] : { certificate, key };
  });
}

function noKey(
  store: CertificateStore,
  entries: readonly StoreEntry[],
  file: ConfigNode,
  keyFile: ConfigNode | undefined,
) {
  const place = store.fileName;
  if (keyFile !== undefined)
    return keyFile.error(`has no private key that belongs to a certificate in ${place}`);
  if (entries.some(isLocked)) {
    return file.error(
      `names ${place}, whose private key has a password: add password, or keyPassword, to the map of file`,
    );
  }
  if (entries.some(({ privateKey }) => privateKey !== undefined)) {
    return file.error(
      `names ${place}, whose private key has no certificate: \`waybill cert join\` puts them together`,
    );
  }
  const text =
    "which has no private key: this station needs its own; where it is in another file, name that as key";
  return file.error(`names ${place}, ${text}`);
}

/** The entries that are meant: what is chosen, else all but those that are there because they issued others. */
function selected(
  store: CertificateStore,
  map: StoreMap | undefined,
  file: ConfigNode,
): readonly StoreEntry[] {
  const selector = {
    ...map?.option("alias", "alias", (value) => value.text()),
    ...map?.option("subject", "subject", (value) => value.text()),
  };
  if (Object.keys(selector).length === 0) return ownEntries(store);
  const found = selectEntries(store, selector);
  if (found.length > 0) return found;
  const chosen = map?.get("alias") ?? map?.get("subject") ?? file;
  throw chosen.error(`is of nothing in ${store.fileName}`);
}

function purposesOf(
  map: StoreMap | undefined,
  certificate: Certificate,
): { readonly purposes?: readonly SecurityPurpose[] } {
  const node = map?.get("purposes");
  if (node !== undefined) return { purposes: node.listOrOne().map((each) => each.oneOf(SECURITY_PURPOSES)) };
  const fitting = SECURITY_PURPOSES.filter((purpose) => isMeantFor(certificate, purpose));
  return fitting.length === SECURITY_PURPOSES.length ? {} : { purposes: fitting };
}

/** Partners often have a certificate for signatures and another one for encryption, and say so in them. */
function isMeantFor({ keyUsage, keyAlgorithm }: Certificate, purpose: SecurityPurpose): boolean {
  if (keyUsage === undefined) return true;
  if (purpose === "signing" || purpose === "receipts")
    return keyUsage.includes("digitalSignature") || keyUsage.includes("nonRepudiation");
  return keyUsage.includes(keyAlgorithm.startsWith("EC") ? "keyAgreement" : "keyEncipherment");
}

async function openNamedStore(
  node: ConfigNode,
  passwords: { readonly password?: string | undefined; readonly keyPassword?: string | undefined },
  { folder }: ConfigContext,
): Promise<CertificateStore> {
  const path = resolve(folder, node.text());
  try {
    return await openStore({ path }, passwords);
  } catch (error) {
    if (isTransferError(error, "ERR_STORE_NOT_FOUND"))
      throw node.error(`names the file ${path}, which is not there`);
    if (isTransferError(error, "ERR_STORE_PASSWORD_REQUIRED")) {
      throw node.error(`names ${path}, which has a password: write { file: …, password: … }`);
    }
    throw node.error(`cannot be read: ${errorMessage(error)}`);
  }
}

function certificatesIn({ entries }: CertificateStore): readonly Certificate[] {
  return unique(
    entries.flatMap(({ certificate, chain }) => [
      ...(certificate === undefined ? [] : [certificate]),
      ...chain,
    ]),
  );
}

function unique(certificates: readonly Certificate[]): readonly Certificate[] {
  return [...new Map(certificates.map((each) => [each.thumbprint("sha256"), each])).values()];
}
