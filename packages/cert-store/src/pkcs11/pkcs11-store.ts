import { TransferError } from "@waybill/net-core";
import { DelegatedPrivateKey } from "../delegated-key.js";
import type { PrivateKey, PublicKey } from "../key-types.js";
import type { StoreEntry } from "../store-types.js";
import { CertificatePool } from "../stores/issuer-chain.js";
import { holdModule } from "./cryptoki-module.js";
import { CKK_EC, CKK_EC_EDWARDS, CKK_RSA } from "./cryptoki-names.js";
import { findToken } from "./find-token.js";
import type { Pkcs11Store, Pkcs11StoreOptions } from "./pkcs11-store-types.js";
import { Token } from "./token.js";
import { TokenKey } from "./token-key.js";
import {
  type CertificateObject,
  type PrivateKeyObject,
  readTokenObjects,
  sourceOf,
  type TokenObjects,
} from "./token-objects.js";

const DEFAULT_MAX_SESSIONS = 2;
const MOST_SESSIONS = 64;

/**
 * Opens a PKCS #11 token (OASIS PKCS #11 2.40 to 3.1): a smart card, a hardware security module, SoftHSM. Its private
 * keys stay in it and work like those of files. A certificate and a key belong together when they have the same `CKA_ID`,
 * or the same public key. The store is to be closed.
 *
 * It needs the package pkcs11js, an optional dependency that is loaded here and nowhere else. Operations with keys run
 * outside of the event loop; opening, and logging in, run inside, as long as the token takes.
 *
 * The process is logged in as a whole: a second store of the same token must have the same PIN.
 *
 * Errors: `ERR_PKCS11_UNAVAILABLE`, `ERR_PKCS11_MODULE`, `ERR_PKCS11_TOKEN`, `ERR_PKCS11_PIN_REQUIRED`,
 * `ERR_PKCS11_PIN_WRONG`, `ERR_PKCS11_PIN_LOCKED`, `ERR_PKCS11_FAILED`. Of the keys, besides those of {@link PrivateKey}:
 * `ERR_PKCS11_SESSION_LOST`, `ERR_PKCS11_TOKEN_REMOVED`, `ERR_PKCS11_CLOSED`.
 */
export async function openPkcs11Store(options: Pkcs11StoreOptions): Promise<Pkcs11Store> {
  const held = await holdModule(options.module);
  let token: Token | undefined;
  try {
    const { slot, info, label } = findToken(held.module, options.module, options);
    const { pin } = options;
    token = await Token.open({
      held,
      slot,
      info,
      name: `token "${label}"`,
      pin: pin === undefined ? undefined : async () => (typeof pin === "string" ? pin : await pin()),
      maxSessions: sessionsOf(options.maxSessions, info.maxSessionCount),
    });
    const opened = token;
    const objects = await opened.withSession("reading the token", async (session) =>
      readTokenObjects(session, opened.name, !opened.wantsLogin),
    );
    return new OpenToken(token, label, options.module, objects);
  } catch (error) {
    // Closing releases the module, too.
    if (token !== undefined) await token.close();
    else held.release();
    throw error;
  }
}

function sessionsOf(wanted = DEFAULT_MAX_SESSIONS, offered: number): number {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_SESSIONS) {
    throw new TransferError("ERR_KEY_OPTIONS", `maxSessions must be a number from 1 to ${MOST_SESSIONS}`);
  }
  // Zero stands for no limit. One session more keeps the login.
  return offered > 1 && offered - 1 < wanted ? offered - 1 : wanted;
}

class OpenToken implements Pkcs11Store {
  readonly format = "pkcs11";
  readonly fileName: string;
  readonly tokenLabel: string;
  readonly entries: readonly StoreEntry[];
  readonly problems: readonly Error[];
  readonly #token: Token;

  constructor(token: Token, label: string, module: string, objects: TokenObjects) {
    this.#token = token;
    this.tokenLabel = label;
    this.fileName = module;
    this.entries = entriesOf(token, objects);
    this.problems = [
      ...objects.problems,
      ...(token.wantsLogin
        ? [
            new TransferError(
              "ERR_PKCS11_PIN_REQUIRED",
              `${token.name}: without its PIN it does not show its private keys`,
            ),
          ]
        : []),
    ];
  }

  close(): Promise<void> {
    return this.#token.close();
  }
}

interface UsableKey {
  readonly object: PrivateKeyObject;
  readonly key: PrivateKey | undefined;
  readonly problem: Error | undefined;
}

function entriesOf(token: Token, objects: TokenObjects): StoreEntry[] {
  const keys = objects.privateKeys.map((object) => usableKey(token, object, objects));
  const pool = new CertificatePool(objects.certificates.map(({ certificate }) => certificate));
  const used = new Set<UsableKey>();
  const withCertificate = objects.certificates.map((object): StoreEntry => {
    const own = keyOf(object, keys);
    if (own !== undefined) used.add(own);
    return {
      alias: aliasOf(object.label),
      fileName: undefined,
      certificate: object.certificate,
      chain: pool.chainOf(object.certificate),
      privateKey: own?.key,
      keyProblem: own?.problem,
      publicKey: own?.key?.publicKey ?? object.certificate.sshKey,
    };
  });
  const bare = (label: string, publicKey: PublicKey | undefined, own?: UsableKey): StoreEntry => ({
    alias: aliasOf(label),
    fileName: undefined,
    certificate: undefined,
    chain: [],
    privateKey: own?.key,
    keyProblem: own?.problem,
    publicKey,
  });
  const withoutCertificate = keys
    .filter((key) => !used.has(key))
    .map((key) => bare(key.object.label, key.key?.publicKey, key));
  const entries = [...withCertificate, ...withoutCertificate];
  const publicOnly = objects.publicKeys
    .filter(({ publicKey }) => !entries.some((entry) => entry.publicKey?.equals(publicKey)))
    .map(({ label, publicKey }) => bare(label, publicKey));
  return [...entries, ...publicOnly];
}

function usableKey(token: Token, object: PrivateKeyObject, objects: TokenObjects): UsableKey {
  if (object.problem !== undefined) return { object, key: undefined, problem: object.problem };
  const publicKey = object.publicKey ?? publicKeyElsewhere(object, objects);
  if (publicKey === undefined) {
    const problem = sourceOf(token.name, object).unsupported(
      "neither a public key nor a certificate with the same ID is there, and without that the private key is of no use",
    );
    return { object, key: undefined, problem };
  }
  return {
    object,
    key: new DelegatedPrivateKey(new TokenKey(token, { ...object, publicKey })),
    problem: undefined,
  };
}

/** EC keys do not show their public half; the object, or the certificate, with the same ID does. */
function publicKeyElsewhere(key: PrivateKeyObject, objects: TokenObjects): PublicKey | undefined {
  if (key.id === "") return undefined;
  const fits = (candidate: PublicKey | undefined) =>
    candidate !== undefined && keyTypeNumber(candidate) === key.keyType;
  return (
    objects.publicKeys.find(({ id, publicKey }) => id === key.id && fits(publicKey))?.publicKey ??
    objects.certificates.find(({ id, certificate }) => id === key.id && fits(certificate.sshKey))?.certificate
      .sshKey
  );
}

function keyTypeNumber({ type }: PublicKey): number {
  if (type === "ssh-rsa") return CKK_RSA;
  return type === "ssh-ed25519" ? CKK_EC_EDWARDS : CKK_EC;
}

/** By ID, unless the public keys say otherwise; then by public key. */
function keyOf({ id, certificate }: CertificateObject, keys: readonly UsableKey[]): UsableKey | undefined {
  const { sshKey } = certificate;
  const isSame = ({ key }: UsableKey) => sshKey !== undefined && key?.publicKey.equals(sshKey) === true;
  const sameId = keys.filter(({ object }) => id !== "" && object.id === id);
  return sameId.find(isSame) ?? sameId.find(({ key }) => key === undefined) ?? keys.find(isSame);
}

function aliasOf(label: string): string | undefined {
  return label === "" ? undefined : label;
}
