import { errorCode, TransferError } from "@waybill/net-core";

/** The codes of challenges; README.md says what each one means. */
export type ChallengeErrorCode =
  | "ERR_CMS_CHALLENGE_ALGORITHM"
  | "ERR_CMS_CHALLENGE_CERTIFICATE"
  | "ERR_CMS_CHALLENGE_DAMAGED"
  | "ERR_CMS_CHALLENGE_DECRYPT"
  | "ERR_CMS_CHALLENGE_RECIPIENT"
  | "ERR_CMS_CHALLENGE_SIZE";

export function challengeError(
  code: ChallengeErrorCode,
  message: string,
  options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
): TransferError {
  return new TransferError(code, message, options);
}

/** One error for whatever a wrong key or a changed challenge gives, so that nobody can ask which. */
export function undecipherable(): TransferError {
  return challengeError(
    "ERR_CMS_CHALLENGE_DECRYPT",
    "the challenge cannot be decrypted to 20 octets: it is damaged, or was encrypted with another key",
  );
}

const FORM = {
  code: "ERR_CMS_CHALLENGE_DAMAGED",
  says: "is no CMS EnvelopedData, or a malformed one",
} as const;
const PROBLEMS: Readonly<Record<string, { readonly code: ChallengeErrorCode; readonly says: string }>> = {
  ERR_CMS_ALGORITHM: {
    code: "ERR_CMS_CHALLENGE_ALGORITHM",
    says: "was encrypted with an algorithm that is not supported",
  },
  ERR_CMS_CONTENT_TYPE: FORM,
  ERR_CMS_DAMAGED: FORM,
  ERR_CMS_DETACHED: FORM,
  ERR_CMS_LAYER_FORBIDDEN: FORM,
  ERR_CMS_LAYER_MISSING: FORM,
  ERR_CMS_LIMIT: { code: "ERR_CMS_CHALLENGE_SIZE", says: "is larger than any challenge" },
  ERR_CMS_RECIPIENT: {
    code: "ERR_CMS_CHALLENGE_RECIPIENT",
    says: "was encrypted for none of our certificates: the partner may have an old one",
  },
  ERR_CMS_TRAILING: FORM,
  ERR_CMS_TRUNCATED: FORM,
};

/** The error of a challenge that cannot be answered; what has nothing to do with the challenge comes out as it is. */
export function challengeProblem(error: unknown): unknown {
  const code = errorCode(error) ?? "";
  if (code === "ERR_CMS_DECRYPT" || code === "ERR_CMS_CONTENT_SIZE") return undecipherable();
  const problem = PROBLEMS[code];
  return problem === undefined
    ? error
    : challengeError(problem.code, `the challenge ${problem.says}`, { cause: error });
}
