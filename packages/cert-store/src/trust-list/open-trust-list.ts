import {
  checkInteger,
  errorCode,
  isTransferError,
  type Logger,
  optionError,
  silentLogger,
  type TransferError,
} from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import type { DownloadLimits } from "../trust/http-download.js";
import { signerMatcher, type TrustListSigner } from "./signer-match.js";
import { type VerifiedTrustList, verifyTrustListSignature } from "./trust-list-signature.js";
import { isRemote, loadTrustList, sourceName, type TrustListSource } from "./trust-list-source.js";
import { readTrustListState, type TrustListState, writeTrustListState } from "./trust-list-state.js";
import { isExpired } from "./trust-list-step.js";
import type { TrustList } from "./trust-list-types.js";

/** Options of {@link openTrustList}. */
export interface OpenTrustListOptions {
  /** An address, a path, or the bytes. For Odette's list see `ODETTE_TRUST_LIST_URL`. */
  readonly source: TrustListSource;
  /**
   * Where the last good copy and its pinned signer are kept; made when it is missing. One folder for each scheme. It may only be left
   * out with `pinned`; then nothing is kept.
   */
  readonly stateFolder?: string | undefined;
  /**
   * Who may sign: certificates or thumbprints. Without it the signer of the first list that is seen is remembered, and is
   * the only one accepted from then on. With it only these are, whoever was remembered: give the old and the new one
   * while a scheme changes its signer.
   */
  readonly pinned?: readonly TrustListSigner[] | undefined;
  /** See `verifyTrustListSignature`. Default false. */
  readonly allowSha1?: boolean | undefined;
  /**
   * How long a downloaded copy is used before the list is downloaded again, though its next update has not come, in
   * milliseconds. Default: until the next update. A path or bytes are always read.
   */
  readonly maxAgeMs?: number | undefined;
  /**
   * What a list means whose next update has passed while no newer one can be had: `fail` is an error, `warn` a line in
   * the log. Default `fail`.
   */
  readonly onExpired?: "fail" | "warn" | undefined;
  /** Limits of the download: see `DownloadLimits`. The size is 16 MiB at most. */
  readonly timeoutMs?: number | undefined;
  readonly redirects?: DownloadLimits["redirects"];
  readonly fetch?: DownloadLimits["fetch"];
  /** Default: none. */
  readonly logger?: Logger | undefined;
  /** The clock. Default: the system's. */
  readonly now?: (() => Date) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What {@link OpenedTrustList.update} did. */
export interface TrustListUpdate {
  /** Whether a list was read from the source and accepted. False when it was not due, or when `problem` is there. */
  readonly fetched: boolean;
  /** Whether the list is another one than before. */
  readonly changed: boolean;
  /** Why the source's list is not used; the last good copy is. */
  readonly problem: TransferError | undefined;
}

/** A trust list that keeps itself: its last good issue, until a better one is accepted. */
export interface OpenedTrustList {
  readonly list: TrustList;
  readonly signer: Certificate;
  /** When the list was last read from its source. */
  readonly fetchedAt: Date;
  /** Whether its next update has passed. */
  readonly isExpired: boolean;
  /**
   * Reads the source again when that is due (next update, `maxAgeMs`), or always with `force`. When that fails the list
   * stays, and the result says why. Calls at the same time share one update.
   *
   * Errors: `ERR_TRUST_LIST_EXPIRED` when the list that stays is past its next update and `onExpired` is `fail`, with
   * the problem as its cause; `ERR_TRUST_LIST_STATE`; `ERR_ABORTED`.
   */
  update(options?: { readonly force?: boolean; readonly signal?: AbortSignal }): Promise<TrustListUpdate>;
}

/**
 * Opens a trust list: verifies its signature and its signer, refuses issues older than the last one seen, and keeps the
 * last good copy, which is used until its next update and when the source fails.
 *
 * For `verifyCertificate` use `trustListStep(() => opened.list)`, and `trustListCertificates` for anchors.
 *
 * Errors, when there is no good copy to fall back to: those of `verifyTrustListSignature`,
 * `ERR_TRUST_LIST_UNAVAILABLE` (download or file), `ERR_TRUST_LIST_ROLLBACK` (an older issue), `ERR_TRUST_LIST_EXPIRED`;
 * and always `ERR_TRUST_LIST_STATE` (the state folder), `ERR_ABORTED`, `ERR_OPTION_INVALID`.
 */
export async function openTrustList(options: OpenTrustListOptions): Promise<OpenedTrustList> {
  const keeper = new TrustListKeeper(options);
  await keeper.open();
  return keeper;
}

/** A verified list, and what is remembered with it. */
interface CurrentList extends VerifiedTrustList {
  readonly fetchedAt: Date;
}

class TrustListKeeper implements OpenedTrustList {
  readonly #options: OpenTrustListOptions;
  readonly #errors: ErrorSource;
  readonly #logger: Logger;
  #current: CurrentList | undefined;
  #remembered: TrustListState | undefined;
  #updating: Promise<TrustListUpdate> | undefined;

  constructor(options: OpenTrustListOptions) {
    if (options.stateFolder === undefined && options.pinned === undefined) {
      throw optionError("stateFolder", "is needed to remember the signer, unless pinned names the signers");
    }
    if (options.maxAgeMs !== undefined)
      checkInteger("maxAgeMs", options.maxAgeMs, 0, Number.MAX_SAFE_INTEGER);
    // Wrong thumbprints are told before anything is downloaded.
    signerMatcher(options.pinned ?? []);
    this.#options = options;
    this.#errors = errorSource(sourceName(options.source), "trust list");
    this.#logger = options.logger ?? silentLogger;
  }

  get list(): TrustList {
    return this.#opened.list;
  }

  get signer(): Certificate {
    return this.#opened.signer;
  }

  get fetchedAt(): Date {
    return this.#opened.fetchedAt;
  }

  get isExpired(): boolean {
    return isExpired(this.list, this.#now());
  }

  async open(): Promise<void> {
    await this.#readState();
    await this.update(this.#options.signal === undefined ? {} : { signal: this.#options.signal });
  }

  update(
    options: { readonly force?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<TrustListUpdate> {
    this.#updating ??= this.#update(options.force === true, options.signal).finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  get #opened(): CurrentList {
    if (this.#current === undefined)
      throw this.#errors.error("ERR_TRUST_LIST_UNAVAILABLE", "it is not open yet");
    return this.#current;
  }

  async #readState(): Promise<void> {
    const { stateFolder } = this.#options;
    if (stateFolder === undefined) return;
    const stored = await readTrustListState(stateFolder);
    if (stored === undefined) return;
    this.#remembered = stored.state;
    if (stored.list === undefined) return;
    try {
      const verified = this.#verify(stored.list);
      this.#refuseOlder(verified.list);
      this.#current = { ...verified, fetchedAt: stored.state.fetchedAt };
    } catch (error) {
      if (!isTransferError(error)) throw error;
      this.#logger.warn(
        { code: error.code, stateFolder },
        `the stored trust list is not used: ${error.message}`,
      );
    }
  }

  async #update(force: boolean, signal: AbortSignal | undefined): Promise<TrustListUpdate> {
    const before = this.#current;
    if (!force && !this.#isDue()) return { fetched: false, changed: false, problem: undefined };
    try {
      const bytes = await loadTrustList(this.#options.source, this.#downloadLimits(), signal);
      const accepted = this.#accept(bytes);
      await this.#remember(accepted, bytes);
      const changed =
        before?.list.sequenceNumber !== accepted.list.sequenceNumber ||
        before.list.issueTime.getTime() !== accepted.list.issueTime.getTime();
      return { fetched: true, changed, problem: undefined };
    } catch (error) {
      return this.#fallBack(error);
    }
  }

  /** The copy is good enough, or the error is thrown. */
  #fallBack(error: unknown): TrustListUpdate {
    const isOurs = isTransferError(error) && errorCode(error)?.startsWith("ERR_TRUST_LIST_") === true;
    if (!isOurs || error.code === "ERR_TRUST_LIST_STATE" || this.#current === undefined) throw error;
    if (this.isExpired && this.#options.onExpired !== "warn") {
      throw error.code === "ERR_TRUST_LIST_EXPIRED" ? error : this.#expired(this.list, error);
    }
    this.#logger.warn(
      { code: error.code, sequenceNumber: this.list.sequenceNumber },
      `the last good trust list stays in use: ${error.message}`,
    );
    return { fetched: false, changed: false, problem: error };
  }

  /** Checks a list from the source. */
  #accept(bytes: Uint8Array): CurrentList {
    const verified = this.#verify(bytes);
    const { list, signer } = verified;
    this.#refuseOlder(list);
    if (list.issueTime < signer.notBefore || list.issueTime > signer.notAfter) {
      throw this.#errors.error(
        "ERR_TRUST_LIST_SIGNER",
        `the signer's certificate (${signer.subject.text}) was not valid when the list was issued`,
      );
    }
    const now = this.#now();
    if (isExpired(list, now)) {
      if (this.#options.onExpired !== "warn") throw this.#expired(list);
      this.#logger.warn({ nextUpdate: list.nextUpdate }, "the trust list is past its next update");
    }
    return { ...verified, fetchedAt: now };
  }

  #verify(bytes: Uint8Array): VerifiedTrustList {
    const remembered = this.#remembered?.signerThumbprint;
    return verifyTrustListSignature(bytes, {
      fileName: sourceName(this.#options.source),
      allowSha1: this.#options.allowSha1,
      signers: this.#options.pinned ?? (remembered === undefined ? undefined : [remembered]),
    });
  }

  /** The sequence number must not go back, nor the issue time of the same number. */
  #refuseOlder(list: TrustList): void {
    for (const seen of [this.#remembered, this.#current?.list]) {
      if (seen === undefined || list.sequenceNumber > seen.sequenceNumber) continue;
      if (list.sequenceNumber === seen.sequenceNumber && list.issueTime >= seen.issueTime) continue;
      throw this.#errors.error(
        "ERR_TRUST_LIST_ROLLBACK",
        `this is issue ${list.sequenceNumber} of ${list.issueTime.toISOString()}, but issue ${seen.sequenceNumber} of ${seen.issueTime.toISOString()} was seen before`,
      );
    }
  }

  async #remember(accepted: CurrentList, bytes: Uint8Array): Promise<void> {
    const { list, signer, fetchedAt } = accepted;
    const state: TrustListState = {
      signerThumbprint: signer.thumbprint("sha256"),
      sequenceNumber: list.sequenceNumber,
      issueTime: list.issueTime,
      fetchedAt,
    };
    const known = this.#remembered?.signerThumbprint;
    if (known !== state.signerThumbprint) {
      const fields = { signer: signer.subject.text, sha256: state.signerThumbprint };
      this.#logger.info(
        fields,
        known === undefined ? "the trust list's signer is pinned" : "the signer has changed",
      );
    }
    if (this.#options.stateFolder !== undefined) {
      await writeTrustListState(this.#options.stateFolder, state, bytes);
    }
    this.#remembered = state;
    this.#current = accepted;
  }

  #isDue(): boolean {
    const { source, maxAgeMs } = this.#options;
    if (this.#current === undefined || !isRemote(source) || this.isExpired) return true;
    const age = this.#now().getTime() - this.#current.fetchedAt.getTime();
    // A copy from the future says that a clock was set, and nothing of its age.
    return maxAgeMs !== undefined && (age >= maxAgeMs || age < 0);
  }

  #downloadLimits(): DownloadLimits {
    const { timeoutMs, redirects, fetch } = this.#options;
    return { timeoutMs, redirects, fetch };
  }

  #expired(list: TrustList, cause?: unknown): TransferError {
    return this.#errors.error(
      "ERR_TRUST_LIST_EXPIRED",
      `issue ${list.sequenceNumber} of the list was due to be updated until ${list.nextUpdate?.toISOString()}, and there is no newer one`,
      cause,
    );
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }
}
