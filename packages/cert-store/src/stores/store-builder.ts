import type { Certificate } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import type { PrivateKey, PublicKey } from "../key-types.js";
import type { CertificateStore, StoreEntry, StoreFormat } from "../store-types.js";
import { CertificatePool } from "./issuer-chain.js";
import { MAX_STORE_ENTRIES } from "./store-limits.js";

/** In stores of more entries keys find their certificates only by the same octets: loading each costs time. */
const MAX_COMPARED = 256;

/** What a reader found: a certificate, a key or both. */
export interface StoreItem {
  readonly alias?: string | undefined;
  readonly fileName?: string | undefined;
  readonly certificate?: Certificate | undefined;
  /** Issuers that the store keeps with this entry, in any order; they are no entries of their own. */
  readonly issuers?: readonly Certificate[];
  readonly privateKey?: PrivateKey | undefined;
  readonly keyProblem?: Error | undefined;
  readonly publicKey?: PublicKey | undefined;
  /** What joins a key with its certificate when the key cannot be read (PKCS#9's localKeyID). */
  readonly localKeyId?: string | undefined;
}

/** Gathers what is in a store and makes the entries of it. */
export class StoreBuilder {
  readonly #source: ErrorSource;
  readonly #items: StoreItem[] = [];
  readonly #problems: Error[] = [];
  #certificates = 0;

  constructor(source: ErrorSource) {
    this.#source = source;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  add(item: StoreItem): void {
    this.#certificates += item.issuers?.length ?? 0;
    if (this.#items.length + this.#certificates >= MAX_STORE_ENTRIES) {
      throw this.#source.unsupported(`more than ${MAX_STORE_ENTRIES} entries are not supported`);
    }
    this.#items.push(item);
  }

  /** Notes something that was left out. */
  addProblem(problem: Error): void {
    if (this.#problems.length < MAX_STORE_ENTRIES) this.#problems.push(problem);
  }

  build(format: StoreFormat, fileName: string | undefined): CertificateStore {
    const items = joinKeys(withoutRepetitions(this.#items));
    const all = items.flatMap((item) => [
      ...(item.certificate === undefined ? [] : [item.certificate]),
      ...(item.issuers ?? []),
    ]);
    const pool = new CertificatePool(all);
    return {
      format,
      fileName,
      entries: items.map((item) => entryOf(item, pool)),
      problems: this.#problems,
    };
  }
}

/** An item for each entry of a store that was opened: what a folder gathers from its files. */
export function itemsOf(store: CertificateStore, fileName: string): StoreItem[] {
  return store.entries.map(({ alias, certificate, chain, privateKey, keyProblem, publicKey }) => ({
    alias,
    fileName,
    certificate,
    issuers: chain.slice(1),
    privateKey,
    keyProblem,
    publicKey: certificate === undefined && privateKey === undefined ? publicKey : undefined,
  }));
}

/** Whether `key` belongs to `certificate`. */
export function isKeyOf(key: PrivateKey, certificate: Certificate): boolean {
  return certificate.sshKey?.equals(key.publicKey) === true;
}

/** The same certificate, twice in a file without names, is one. */
function withoutRepetitions(items: readonly StoreItem[]): StoreItem[] {
  const seen = new Set<string>();
  return items.filter(({ alias, certificate, privateKey, keyProblem }) => {
    if (certificate === undefined || privateKey !== undefined || keyProblem !== undefined) return true;
    const identity = `${certificate.thumbprint()} ${alias ?? ""}`;
    if (seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

/** Gives each certificate its private key: the one with the same public key, else the one with its localKeyID. */
function joinKeys(items: readonly StoreItem[]): StoreItem[] {
  const keys = items.filter(
    (item) =>
      item.certificate === undefined && (item.privateKey !== undefined || item.keyProblem !== undefined),
  );
  if (keys.length === 0) return [...items];
  const byPublicKey = new Map<string, StoreItem>(
    keys.flatMap((item) => (item.privateKey === undefined ? [] : [[spkiOf(item.privateKey), item] as const])),
  );
  const byLocalKeyId = new Map<string, StoreItem>(
    keys.flatMap((item) =>
      item.privateKey === undefined && item.localKeyId !== undefined
        ? [[item.localKeyId, item] as const]
        : [],
    ),
  );
  const joined = new Set<StoreItem>();
  const result = items.map((item) => {
    const { certificate, localKeyId } = item;
    if (certificate === undefined || item.privateKey !== undefined || item.keyProblem !== undefined)
      return item;
    const key =
      byPublicKey.get(certificate.publicKeyDer.toString("base64")) ??
      (items.length > MAX_COMPARED
        ? undefined
        : keys.find((one) => one.privateKey && isKeyOf(one.privateKey, certificate))) ??
      (localKeyId === undefined ? undefined : byLocalKeyId.get(localKeyId));
    if (key === undefined) return item;
    joined.add(key);
    const { privateKey, keyProblem } = key;
    return { ...item, alias: item.alias ?? key.alias, privateKey, keyProblem };
  });
  return result.filter((item) => !joined.has(item));
}

/** The key's SubjectPublicKeyInfo, which is the certificate's, too, unless that has another form of the same numbers. */
function spkiOf(key: PrivateKey): string {
  return key.publicKey.keyObject.export({ format: "der", type: "spki" }).toString("base64");
}

/** Chains and SSH's form of a key cost calculations, which a store of hundreds of certificates need not pay at once. */
function entryOf(item: StoreItem, pool: CertificatePool): StoreEntry {
  const { alias, fileName, certificate, privateKey, keyProblem } = item;
  let chain: readonly Certificate[] | undefined;
  return {
    alias,
    fileName,
    certificate,
    get chain() {
      chain ??= certificate === undefined ? [] : pool.chainOf(certificate);
      return chain;
    },
    privateKey,
    keyProblem: privateKey === undefined ? keyProblem : undefined,
    get publicKey() {
      return certificate?.sshKey ?? privateKey?.publicKey ?? item.publicKey;
    },
  };
}
