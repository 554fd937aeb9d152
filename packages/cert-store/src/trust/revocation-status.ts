import type { RevocationProblemCode, RevocationReason } from "./trust-types.js";

/** What one list or response says about one certificate. */
export type RevocationStatus =
  | { readonly status: "good"; readonly expires: Date }
  | {
      readonly status: "revoked";
      readonly expires: Date;
      readonly date: Date;
      readonly reason: RevocationReason;
    }
  | UnknownStatus;

/** Nothing: why not. */
export interface UnknownStatus {
  readonly status: "unknown";
  readonly code: RevocationProblemCode;
  readonly problem: string;
  readonly cause?: unknown;
  /** It is about other certificates: no fault of its own. */
  readonly isAnothers?: boolean;
}

export function unknownStatus(code: RevocationProblemCode, problem: string, cause?: unknown): UnknownStatus {
  return { status: "unknown", code, problem, ...(cause === undefined ? {} : { cause }) };
}

/** When a list or a response counts. */
export interface FreshnessRules {
  /** The time of the check. */
  readonly at: Date;
  readonly maxAgeMs: number | undefined;
  readonly clockSkewMs: number;
}

/**
 * How long a list or a response may be used, or why it may not be now. What was made after `at` is taken when that is in the past: it
 * knows more.
 */
export function freshness(
  thisUpdate: Date,
  nextUpdate: Date | undefined,
  { at, maxAgeMs, clockSkewMs }: FreshnessRules,
): { readonly expires: Date } | { readonly problem: string } {
  const now = Math.max(at.getTime(), Date.now());
  if (thisUpdate.getTime() > now + clockSkewMs)
    return { problem: `it is from ${thisUpdate.toISOString()}, in the future` };
  const ends = [
    ...(nextUpdate === undefined ? [] : [nextUpdate.getTime() + clockSkewMs]),
    ...(maxAgeMs === undefined ? [] : [thisUpdate.getTime() + maxAgeMs]),
  ];
  if (ends.length === 0) return { problem: "it does not say until when it is valid" };
  const end = Math.min(...ends);
  if (end < at.getTime()) {
    return {
      problem: `it is from ${thisUpdate.toISOString()} and was to be used until ${new Date(end).toISOString()}`,
    };
  }
  return { expires: new Date(end) };
}
