import { setImmediate } from "node:timers/promises";
import { isTransferError } from "@waybill/net-core";
import type { ErrorSource } from "../error-source.js";
import { OPENSSH_LABEL, readOpenSshPrivateKey } from "../openssh-private-key.js";
import { type PemBlock, readPemBlocks } from "../pem.js";
import { readPemPrivateKey } from "../pem-private-key.js";
import { type KeyOrProblem, keyOrProblem } from "./key-item.js";
import { readPkcs7Store } from "./pkcs7-store.js";
import {
  certificateItem,
  encryptedKeyItem,
  privateKeyItem,
  publicKeyItem,
  supportedOrDamaged,
} from "./single-items.js";
import type { StoreBuilder } from "./store-builder.js";
import { ENTRIES_PER_TURN, MAX_PEM_BLOCK_CHARACTERS } from "./store-limits.js";
import type { StorePasswords } from "./store-passwords.js";
import { passwordWrong } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

const CERTIFICATE_LABELS: readonly string[] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
const PKCS7_LABELS: readonly string[] = ["PKCS7", "CMS"];
const PUBLIC_KEY_LABELS: readonly string[] = ["PUBLIC KEY", "RSA PUBLIC KEY"];
const REQUEST_LABELS: readonly string[] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
/** The kinds with headers of RFC 1421 when they are encrypted. */
const TRADITIONAL_LABELS = ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] as const;

/** A block as text, and the text between it and the one before. */
interface RawBlock {
  readonly label: string;
  readonly text: string;
  readonly before: string;
}

interface Context {
  readonly passwords: StorePasswords;
  readonly builder: StoreBuilder;
  readonly budget: WorkBudget;
  readonly fileName: string | undefined;
  readonly source: ErrorSource;
}

/**
 * Reads a bundle: certificates, keys, public keys and PKCS#7 in any order and mix, text between them. `isLenient` turns
 * a certificate that cannot be read into a problem; so it is for the operating system's.
 */
export async function readPemStore(
  text: string,
  passwords: StorePasswords,
  builder: StoreBuilder,
  fileName: string | undefined,
  source: ErrorSource,
  isLenient = false,
): Promise<void> {
  const context: Context = { passwords, builder, budget: new WorkBudget(), fileName, source };
  const wrong: { readonly problem: Error; readonly alias: string | undefined }[] = [];
  let opened = 0;
  let hasRequest = false;
  let blocks = 0;
  for (const raw of rawBlocks(text, source)) {
    blocks += 1;
    if (blocks % ENTRIES_PER_TURN === 0) await setImmediate();
    hasRequest ||= REQUEST_LABELS.includes(raw.label);
    const alias = friendlyName(raw.before);
    try {
      const [block] = readPemBlocks(raw.text, isWanted, source);
      if (block !== undefined && (await addBlock(block, alias, context)) === "opened") opened += 1;
    } catch (error) {
      if (isTransferError(error) && error.code === "ERR_STORE_PASSWORD_WRONG")
        wrong.push({ problem: error, alias });
      else if (isLenient && isTransferError(error)) builder.addProblem(error);
      else throw error;
    }
  }
  // Keys may have passwords of their own, but one that opens none is wrong.
  if (wrong.length > 0 && opened === 0) throw passwordWrong(source, wrong[0]?.problem);
  for (const { problem, alias } of wrong) builder.add({ alias, keyProblem: problem });
  if (!builder.isEmpty || isLenient) return;
  throw source.unsupported(
    hasRequest
      ? "it is a certificate request: the certificate that was issued for it is needed"
      : "the PEM file holds no certificate and no key",
  );
}

/** What is in other blocks, parameters and lists of revoked certificates, is not looked at. */
function isWanted(label: string): boolean {
  return (
    label.endsWith("PRIVATE KEY") ||
    [CERTIFICATE_LABELS, PKCS7_LABELS, PUBLIC_KEY_LABELS].some((labels) => labels.includes(label))
  );
}

/** Adds what a block holds; says `opened` when it was a key that the password decrypted. */
async function addBlock(
  block: PemBlock,
  alias: string | undefined,
  context: Context,
): Promise<"opened" | "plain"> {
  const { builder, source, fileName } = context;
  const { label, body } = block;
  if (CERTIFICATE_LABELS.includes(label)) {
    builder.add({ alias, ...certificateItem(body, source, label === "TRUSTED CERTIFICATE") });
  } else if (PKCS7_LABELS.includes(label)) {
    await readPkcs7Store(body, builder, source);
  } else if (PUBLIC_KEY_LABELS.includes(label)) {
    builder.add({ alias, ...publicKeyItem(body, fileName) });
  } else if (label.endsWith("PRIVATE KEY")) {
    const { isEncrypted, ...key } = await readKeyBlock(block, alias, context);
    builder.add({ alias, ...key });
    return isEncrypted ? "opened" : "plain";
  }
  return "plain";
}

async function readKeyBlock(
  block: PemBlock,
  alias: string | undefined,
  { passwords, budget, source }: Context,
): Promise<KeyOrProblem & { readonly isEncrypted: boolean }> {
  const { label, body, headers } = block;
  const password = passwords.keyOf(alias);
  if (label === "ENCRYPTED PRIVATE KEY") {
    return { isEncrypted: true, ...(await encryptedKeyItem(body, password, source, budget)) };
  }
  if (label === OPENSSH_LABEL) {
    const key = await keyOrProblem(() => readOpenSshPrivateKey(body, password, source));
    return { isEncrypted: true, ...supportedOrDamaged(key) };
  }
  const known = TRADITIONAL_LABELS.find((candidate) => candidate === label);
  if (known === undefined) {
    return {
      isEncrypted: false,
      keyProblem: source.unsupported(`a "${label}" is not supported: it takes RSA, ECDSA and Ed25519`),
    };
  }
  if (headers.has("proc-type")) {
    const key = await keyOrProblem(() => readPemPrivateKey(known, block, password, source));
    return { isEncrypted: true, ...supportedOrDamaged(key) };
  }
  return { isEncrypted: false, ...(await privateKeyItem(body, source)) };
}

/** Finds the blocks without taking all lines of the text apart, of which there may be millions. */
function* rawBlocks(text: string, source: ErrorSource): Generator<RawBlock> {
  const begin = /^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*$/gm;
  for (let last = 0; ; ) {
    begin.lastIndex = last;
    const match = begin.exec(text);
    if (match === null) return;
    const label = match[1] ?? "";
    const ending = `-----END ${label}-----`;
    const end = text.indexOf(ending, match.index);
    if (end < 0) throw source.damaged(`the line "${ending}" is missing`);
    const next = end + ending.length;
    if (next - match.index > MAX_PEM_BLOCK_CHARACTERS) {
      throw source.unsupported(`a PEM block has more than ${MAX_PEM_BLOCK_CHARACTERS} characters`);
    }
    yield { label, text: text.slice(match.index, next), before: text.slice(last, match.index) };
    last = next;
  }
}

/** The name that `openssl pkcs12` writes before a block. */
function friendlyName(before: string): string | undefined {
  const names = [...before.slice(-4096).matchAll(/^[ \t]*friendlyName:[ \t]*(\S.*?)[ \t\r]*$/gm)];
  return names.at(-1)?.[1];
}
