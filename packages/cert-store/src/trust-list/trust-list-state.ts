import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorMessage, isTransferError } from "@waybill/net-core";
import { errorSource } from "../error-source.js";
import { replaceFile } from "../replace-file.js";
import { readLimited } from "./trust-list-source.js";

/** The files of a state folder. */
export const TRUST_LIST_FILE = "trust-list.xml";
export const TRUST_LIST_STATE_FILE = "trust-list.json";

const STATE_VERSION = 1;
const FILE_MODE = 0o644;
const MAX_STATE_BYTES = 64 * 1024;

/** What is remembered of the last good list. */
export interface TrustListState {
  /** SHA-256 thumbprint of the pinned signer. */
  readonly signerThumbprint: string;
  readonly sequenceNumber: number;
  readonly issueTime: Date;
  /** When the list was last read from its source. */
  readonly fetchedAt: Date;
}

/** A state folder's contents; `list` is undefined when its copy is gone. */
export interface StoredTrustList {
  readonly state: TrustListState;
  readonly list: Buffer | undefined;
}

/**
 * Reads a state folder; undefined when it has no state yet. A list without a state beside it is not used: nothing says
 * who may have signed it. Errors: `ERR_TRUST_LIST_STATE`: a damaged state is not taken for a first sight.
 */
export async function readTrustListState(folder: string): Promise<StoredTrustList | undefined> {
  const path = join(folder, TRUST_LIST_STATE_FILE);
  const text = await readIfThere(path, MAX_STATE_BYTES);
  if (text === undefined) return undefined;
  return { state: parseState(path, text), list: await readIfThere(join(folder, TRUST_LIST_FILE)) };
}

/**
 * Writes both files, each whole or not at all. The list comes first: its own sequence number counts when the state is
 * older. Errors: `ERR_TRUST_LIST_STATE`.
 */
export async function writeTrustListState(
  folder: string,
  state: TrustListState,
  list: Uint8Array,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await replaceFile(join(folder, TRUST_LIST_FILE), list, FILE_MODE);
    const { signerThumbprint, sequenceNumber, issueTime, fetchedAt } = state;
    const text = { version: STATE_VERSION, signerThumbprint, sequenceNumber, issueTime, fetchedAt };
    const json = `${JSON.stringify(text, undefined, 2)}\n`;
    await replaceFile(join(folder, TRUST_LIST_STATE_FILE), json, FILE_MODE);
  } catch (error) {
    const reason = errorCode(error) ?? errorMessage(error);
    throw errorSource(folder).error(
      "ERR_TRUST_LIST_STATE",
      `the trust list cannot be stored in this folder (${reason})`,
      error,
    );
  }
}

async function readIfThere(path: string, limit?: number): Promise<Buffer | undefined> {
  try {
    return await readLimited(path, limit);
  } catch (error) {
    const cause = isTransferError(error) ? error.cause : undefined;
    if (errorCode(cause) === "ENOENT") return undefined;
    throw stateError(path, error);
  }
}

function parseState(path: string, text: Buffer): TrustListState {
  let value: unknown;
  try {
    value = JSON.parse(text.toString("utf8"));
  } catch (error) {
    throw stateError(path, error);
  }
  const fields = new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
  const signerThumbprint = fields.get("signerThumbprint");
  const sequenceNumber = fields.get("sequenceNumber");
  const issueTime = timeOf(fields.get("issueTime"));
  const fetchedAt = timeOf(fields.get("fetchedAt"));
  if (
    fields.get("version") !== STATE_VERSION ||
    typeof signerThumbprint !== "string" ||
    !/^[0-9A-F]{64}$/.test(signerThumbprint) ||
    typeof sequenceNumber !== "number" ||
    !Number.isSafeInteger(sequenceNumber) ||
    issueTime === undefined ||
    fetchedAt === undefined
  ) {
    throw stateError(path, undefined);
  }
  return { signerThumbprint, sequenceNumber, issueTime, fetchedAt };
}

function timeOf(value: unknown): Date | undefined {
  const time = new Date(typeof value === "string" ? value : Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function stateError(path: string, cause: unknown) {
  return errorSource(path).error(
    "ERR_TRUST_LIST_STATE",
    "the state of the trust list cannot be read; when the file is damaged, remove it, and compare the signer that is then accepted at first sight",
    cause,
  );
}
