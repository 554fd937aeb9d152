import { randomBytes } from "node:crypto";
import type { Certificate } from "@waybill/cert-store";
import { type Logger, optionError } from "@waybill/net-core";
import type { IdentifierForm, Identity } from "../certificate-identity.js";
import type { CipherSuite, KeyTransport } from "../cipher-suites.js";
import type { ContentCipher } from "../content-ciphers.js";
import { open } from "../open/open.js";
import { smallMessage, sourceOf } from "../receipts/small-message.js";
import { seal } from "../seal/seal.js";
import { challengeError, challengeProblem, undecipherable } from "./challenge-error.js";

/** Octets of a challenge and of its answer (RFC 5024 sections 5.3.17 and 5.3.18). */
export const CHALLENGE_BYTES = 20;
/** Octets that AUCHCHLL can say. */
export const MAX_CHALLENGE_ENVELOPE_BYTES = 0xffff;
/** Recipients in an envelope: certificates of one station. */
const MAX_RECIPIENTS = 20;

/** Options of {@link authenticationChallenge}. */
export interface ChallengeOptions {
  /** Where the algorithms below come from when they are not named. Default: suite 04. */
  readonly suite?: CipherSuite | undefined;
  /** Default: the suite's. */
  readonly cipher?: ContentCipher | undefined;
  /** RSA certificates only. Default: the suite's. */
  readonly keyTransport?: KeyTransport | undefined;
  /** Default: `issuerAndSerialNumber`. */
  readonly identifyBy?: IdentifierForm | undefined;
  /** The time at which the certificate must be valid. Default: now. */
  readonly time?: Date | undefined;
  /** Whether the certificate may be expired, or not valid yet. Default: no, `ERR_CMS_CHALLENGE_CERTIFICATE`. */
  readonly allowExpired?: boolean | undefined;
}

/** A challenge, in the shape that the session's authenticator takes. */
export interface AuthenticationChallenge {
  /** 20 random octets. AURP must hold the same; to be compared in constant time, and kept secret until then. */
  readonly challenge: Buffer;
  /** AUCHCHAL: EnvelopedData in DER that only the partner can open. */
  readonly envelope: Buffer;
}

/**
 * A new challenge for a partner (RFC 5024 sections 4.2.3 and 5.3.17). Whether the certificate is to be trusted is for the
 * caller to know (`verifyCertificate` of cert-store). With several certificates the owner of any can answer: for a
 * change-over, when it is not known whether the partner has the new key already. Those that are not valid now are left out.
 *
 * Errors: `ERR_CMS_CHALLENGE_CERTIFICATE`, `ERR_OPTION_INVALID`, `ERR_CMS_KEY_USAGE`, `ERR_CMS_OPTIONS` (a key that nothing can
 * be encrypted for).
 */
export async function authenticationChallenge(
  partner: Certificate | readonly Certificate[],
  options: ChallengeOptions = {},
): Promise<AuthenticationChallenge> {
  const { suite, cipher, keyTransport, identifyBy } = options;
  const recipients = validOnes("der" in partner ? [partner] : partner, options);
  const challenge = randomBytes(CHALLENGE_BYTES);
  const message = seal(sourceOf(challenge), {
    suite,
    encrypt: { recipients, cipher, keyTransport, identifyBy },
  });
  return { challenge, envelope: await smallMessage(message) };
}

function validOnes(
  certificates: readonly Certificate[],
  { allowExpired = false, time = new Date() }: ChallengeOptions,
): readonly Certificate[] {
  const [first] = certificates;
  if (first === undefined || certificates.length > MAX_RECIPIENTS) {
    throw optionError("partner", `must name from 1 to ${MAX_RECIPIENTS} certificates of the partner`);
  }
  const valid = certificates.filter(
    ({ notBefore, notAfter }) => allowExpired || (time >= notBefore && time <= notAfter),
  );
  if (valid.length > 0) return valid;
  const { notBefore, notAfter, subject } = first;
  throw challengeError(
    "ERR_CMS_CHALLENGE_CERTIFICATE",
    `the certificate of ${subject.text} is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()} only: ask the partner for a new one`,
    { details: { notBefore, notAfter } },
  );
}

/** Options of {@link answerChallenge}. */
export interface AnswerOptions {
  readonly logger?: Logger | undefined;
}

/**
 * The answer to a partner's challenge (RFC 5024 section 5.3.18): the 20 octets in its envelope, an EnvelopedData (or
 * AuthEnvelopedData) of any suite for any of our certificates. Nothing but 20 octets ever comes out.
 *
 * The partner may learn of a failure that there was one, not which.
 *
 * Errors: `ERR_CMS_CHALLENGE_SIZE`, `ERR_CMS_CHALLENGE_DAMAGED`, `ERR_CMS_CHALLENGE_ALGORITHM`,
 * `ERR_CMS_CHALLENGE_RECIPIENT`, `ERR_CMS_CHALLENGE_DECRYPT`, `ERR_OPTION_INVALID` without keys, and what the keys throw.
 */
export async function answerChallenge(
  envelope: Uint8Array,
  keys: readonly Identity[],
  { logger }: AnswerOptions = {},
): Promise<Buffer> {
  if (keys.length === 0) throw optionError("keys", "must have a certificate and its private key");
  if (envelope.length === 0 || envelope.length > MAX_CHALLENGE_ENVELOPE_BYTES) {
    throw challengeError(
      "ERR_CMS_CHALLENGE_SIZE",
      `the challenge has ${envelope.length} bytes: it must have from 1 to ${MAX_CHALLENGE_ENVELOPE_BYTES}`,
    );
  }
  const message = open(sourceOf(envelope), {
    keys,
    logger,
    expect: { signed: false, encrypted: true, compressed: false },
    limits: { contentBytes: CHALLENGE_BYTES, recipients: MAX_RECIPIENTS },
  });
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece);
    await message.result;
  } catch (error) {
    throw challengeProblem(error);
  }
  const answer = Buffer.concat(pieces);
  if (answer.length !== CHALLENGE_BYTES) throw undecipherable();
  return answer;
}
