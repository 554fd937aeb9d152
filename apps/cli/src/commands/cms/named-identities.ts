import { type Certificate, type CertificateStore, type StoreEntry, selectEntries } from "@waybill/cert-store";
import type { Identity } from "@waybill/cms-security";
import { errorMessage, isTransferError, TransferError } from "@waybill/net-core";
import { UsageError } from "../../usage-error.js";
import { chooseEntry, ownEntries, withStore } from "../cert/named-store.js";
import { selectorOf } from "../cert/store-options.js";
import type { KeyOptions } from "./key-options.js";

/**
 * Opens the stores in the files, and the token that the options name, and hands over their private keys with the certificates;
 * keys in a token work as long as `use` takes. `wanted`: the one key of each store that is meant, or all that there are.
 */
export async function withIdentities<T>(
  files: readonly string[],
  options: KeyOptions,
  wanted: "one" | "all",
  use: (identities: readonly Identity[]) => Promise<T>,
): Promise<T> {
  const { pkcs11, token, passwordFile, keyPasswordFile } = options;
  if (token !== undefined && pkcs11 === undefined) throw new UsageError("--token goes with --pkcs11");
  const passwords = { ...(passwordFile && { passwordFile }), ...(keyPasswordFile && { keyPasswordFile }) };
  const inToken = { ...passwords, ...(pkcs11 && { pkcs11 }), ...(token && { token }) };
  const places = [
    ...files.map((file) => ({ file, opening: passwords })),
    ...(pkcs11 === undefined ? [] : [{ file: undefined, opening: inToken }]),
  ];
  const openFrom = async (index: number, found: readonly Identity[]): Promise<T> => {
    const place = places[index];
    if (place === undefined) return use(found);
    return withStore(
      place.file,
      place.opening,
      (store) => openFrom(index + 1, [...found, ...identitiesIn(store, options, wanted)]),
      { needsKeys: true },
    );
  };
  return openFrom(0, []);
}

function identitiesIn(store: CertificateStore, options: KeyOptions, wanted: "one" | "all"): Identity[] {
  const selector = selectorOf(options);
  const selected = wanted === "all" ? selectEntries(store, { ...selector, withPrivateKey: true }) : [];
  const complete = selected.filter((entry) => entry.certificate !== undefined);
  const entries = complete.length > 0 ? complete : [chooseEntry(store, selector, true)];
  return entries.map((entry) => identityOf(entry, store));
}

function identityOf({ certificate, privateKey: key }: StoreEntry, store: CertificateStore): Identity {
  if (certificate === undefined || key === undefined) {
    throw new TransferError(
      "ERR_NO_CERTIFICATE",
      `${store.fileName ?? "the token"} has a private key but no certificate for it: \`waybill cert join\` puts them together`,
    );
  }
  return { certificate, key };
}

/** The certificate that each file is about: its only one, or the one at the beginning of a chain. */
export async function recipientsIn(files: readonly string[], options: KeyOptions): Promise<Certificate[]> {
  const recipients: Certificate[] = [];
  for (const file of files) recipients.push(await withCertificates(file, options, theOnlyOne));
  return recipients;
}

/** All certificates in the files but those of issuers: during a change-over a partner has several. */
export async function signersIn(files: readonly string[], options: KeyOptions): Promise<Certificate[]> {
  const signers: Certificate[] = [];
  for (const file of files) {
    const found = await withCertificates(file, options, (store) =>
      ownEntries(store).flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate])),
    );
    if (found.length === 0) throw noCertificate(file);
    signers.push(...found);
  }
  return signers;
}

function withCertificates<T>(
  file: string,
  options: KeyOptions,
  use: (store: CertificateStore) => T,
): Promise<T> {
  const passwordFile = options.certificatePasswordFile ?? options.passwordFile;
  return withStore(file, { ...(passwordFile && { passwordFile }) }, async (store) => use(store));
}

function theOnlyOne(store: CertificateStore): Certificate {
  const name = store.fileName ?? "the store";
  try {
    const { certificate } = chooseEntry(store, undefined);
    if (certificate !== undefined) return certificate;
  } catch (error) {
    if (!isTransferError(error, "ERR_CERT_AMBIGUOUS")) throw error;
    const text = `${name} has several certificates: write the one that is meant into a file of its own with \`waybill cert convert\``;
    throw new TransferError("ERR_CERT_AMBIGUOUS", `${text} (${errorMessage(error)})`, { cause: error });
  }
  throw noCertificate(name);
}

function noCertificate(file: string): TransferError {
  return new TransferError("ERR_NO_CERTIFICATE", `${file} has no certificate`);
}
