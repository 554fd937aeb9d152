import { type Logger, silentLogger } from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";
import type { TrustFailure } from "../trust/trust-types.js";
import { isListed, type ListedOptions } from "./is-listed.js";
import type { TrustList } from "./trust-list-types.js";

/** Options of {@link trustListStep}. */
export interface TrustListStepOptions extends ListedOptions {
  /** `error`: a certificate that the list does not cover is refused. `warn`: it is only told. Default `error`. */
  readonly onUntrusted?: "error" | "warn" | undefined;
  /** What a list whose next update has passed means: `fail` refuses every certificate, `warn` tells. Default `fail`. */
  readonly onExpired?: "fail" | "warn" | undefined;
  /** Told every failure that only warns. */
  readonly onWarning?: ((warning: TrustFailure) => void) | undefined;
  /** Warnings go here, too. Default: none. */
  readonly logger?: Logger | undefined;
}

/**
 * The trust list as the `extraStep` of `verifyCertificate`: a path fails in step `trustList` with
 * `ERR_TRUST_LIST_UNTRUSTED` when no active authority of the list issued the certificate (see `isListed`), and with
 * `ERR_TRUST_LIST_EXPIRED` when the list is older than its next update.
 *
 * `list` may be a function, so that a list which is updated in the meantime is the one that counts.
 */
export function trustListStep(
  list: TrustList | (() => TrustList),
  options: TrustListStepOptions = {},
): (path: readonly Certificate[]) => readonly TrustFailure[] {
  const logger = options.logger ?? silentLogger;
  const warn = (failure: TrustFailure) => {
    const { step, code, message, certificate } = failure;
    logger.warn({ step, code, certificate: certificate.subject.text }, message);
    options.onWarning?.(failure);
  };
  return (path) => {
    const certificate = path[0];
    if (certificate === undefined) return [];
    const current = typeof list === "function" ? list() : list;
    const at = options.at ?? new Date();
    const failures: TrustFailure[] = [];
    const report = (code: TrustFailure["code"], message: string, isError: boolean) => {
      const failure: TrustFailure = { step: "trustList", code, certificate, depth: 0, message };
      if (isError) failures.push(failure);
      else warn(failure);
    };
    if (isExpired(current, at)) {
      const message = `the trust list was due to be updated until ${current.nextUpdate?.toISOString()}`;
      report("ERR_TRUST_LIST_EXPIRED", message, options.onExpired !== "warn");
    }
    const verdict = isListed(current, path, { ...options, at });
    if (!verdict.isListed) {
      report("ERR_TRUST_LIST_UNTRUSTED", verdict.message, options.onUntrusted !== "warn");
    }
    return failures;
  };
}

/** Whether a list's next update has passed. That of a closed scheme never does. */
export function isExpired(list: TrustList, at: Date): boolean {
  return list.nextUpdate !== null && list.nextUpdate <= at;
}
