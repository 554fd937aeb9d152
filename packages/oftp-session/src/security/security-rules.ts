import { CIPHER_SUITES, DEFAULT_CIPHER_SUITE, isWeakSuite } from "@waybill/cms-security";
import { TransferError } from "@waybill/net-core";
import { answerReasons, type SecurityLevel, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { FileSecurity } from "../user-monitor.js";
import type { FileSecurityWishes, PartnerSecurity, SecurityRule, SecurityRules } from "./partner-security.js";

/** What this station can do with a file of a partner. */
export interface SecurityMeans {
  readonly decrypt: boolean;
  readonly verify: boolean;
  readonly signReceipts: boolean;
}

export const UNSECURED: FileSecurity = {
  securityLevel: 0,
  cipherSuite: 0,
  compressed: false,
  enveloped: false,
  signedReceipt: false,
};

export const isEncrypted = ({ securityLevel }: Pick<Sfid, "securityLevel">): boolean =>
  securityLevel === 1 || securityLevel === 3;

export const isSigned = ({ securityLevel }: Pick<Sfid, "securityLevel">): boolean =>
  securityLevel === 2 || securityLevel === 3;

/**
 * Holds an announced file against a partner's rules and against what this station can do (RFC 5024 section 5.3.5). Throws a
 * `FileRefusedError` with reason 15 to 20; 99 where the RFC has none.
 */
export function requireAllowed(sfid: Sfid, security: PartnerSecurity, means: SecurityMeans): void {
  const { encrypt, sign, compress, signedReceipt } = security.require?.incoming ?? {};
  const encrypted = isEncrypted(sfid);
  const signed = isSigned(sfid);
  const compressed = sfid.compression !== 0;
  const reasons = answerReasons;
  if (encrypted && encrypt === "forbidden") refuse(reasons.encryptedNotAllowed, "encrypted files");
  if (!encrypted && encrypt === "required")
    refuse(reasons.unencryptedNotAllowed, "files that are not encrypted");
  if (signed && sign === "forbidden") refuse(reasons.signedNotAllowed, "signed files");
  if (!signed && sign === "required") refuse(reasons.unsignedNotAllowed, "files that are not signed");
  if (compressed && compress === "forbidden") refuse(reasons.compressionNotAllowed, "compressed files");
  if (!compressed && compress === "required") refuse(reasons.unspecified, "files that are not compressed");
  if (sfid.signedReceipt && signedReceipt === "forbidden") {
    refuse(reasons.unspecified, "files that ask for a signed receipt");
  }
  if (!sfid.signedReceipt && signedReceipt === "required") {
    refuse(reasons.unspecified, "files that do not ask for a signed receipt");
  }
  if ((encrypted || signed || compressed) && sfid.envelope === 0) {
    refuse(reasons.unspecified, "secured files without an envelope");
  }
  if (encrypted && !means.decrypt)
    refuse(reasons.encryptedNotAllowed, "encrypted files (there is no key for them)");
  if (signed && !means.verify)
    refuse(reasons.signedNotAllowed, "signed files (no certificate of yours is known)");
  if (sfid.signedReceipt && !means.signReceipts) {
    refuse(reasons.unspecified, "files that ask for a signed receipt (there is no key for it)");
  }
  if (encrypted || signed || sfid.signedReceipt) requireSuite(sfid.cipherSuite, security.allowWeak === true);
}

function requireSuite(number: number, allowWeak: boolean): void {
  const { code } = answerReasons.cipherSuiteNotSupported;
  const name = String(number).padStart(2, "0");
  if (!CIPHER_SUITES.some((suite) => suite.number === number)) {
    throw new FileRefusedError(code, `there is no cipher suite ${name} here`);
  }
  if (isWeakSuite(number) && !allowWeak) {
    throw new FileRefusedError(code, `the cipher suite ${name} is too weak`);
  }
}

function refuse({ code }: { readonly code: number }, what: string): never {
  throw new FileRefusedError(code, `${what} are not accepted`);
}

/**
 * What is done to a file for a partner: its own wishes, else those of the partner's entry, else what the entry requires.
 * Errors: `ERR_OFTP_SECURITY_POLICY` for what the entry forbids, and for weak suites that it does not allow.
 */
export function securityFor(security: PartnerSecurity, wishes: FileSecurityWishes): FileSecurity {
  const rules = security.require?.outgoing ?? {};
  const chosen = (what: keyof SecurityRules): boolean => {
    const rule: SecurityRule = rules[what] ?? "allowed";
    const wish = wishes[what] ?? security[what] ?? rule === "required";
    if (wish ? rule !== "forbidden" : rule !== "required") return wish;
    const problem = wish ? "must not be" : "must be";
    throw policyError(`${WORDS[what]} ${problem} for this partner`, { what, rule });
  };
  const sign = chosen("sign");
  const encrypt = chosen("encrypt");
  const compressed = chosen("compress");
  const signedReceipt = chosen("signedReceipt");
  const securityLevel = ((encrypt ? 1 : 0) + (sign ? 2 : 0)) as SecurityLevel;
  const usesSuite = securityLevel > 0 || signedReceipt;
  return {
    securityLevel,
    cipherSuite: usesSuite ? suiteFor(security, wishes) : 0,
    compressed,
    enveloped: securityLevel > 0 || compressed,
    signedReceipt,
  };
}

const WORDS: Readonly<Record<keyof SecurityRules, string>> = {
  sign: "a signature",
  encrypt: "encryption",
  compress: "compression",
  signedReceipt: "a signed receipt",
};

function suiteFor(security: PartnerSecurity, wishes: FileSecurityWishes): number {
  const number = wishes.cipherSuite ?? security.cipherSuite ?? DEFAULT_CIPHER_SUITE;
  // Throws for one that does not exist.
  if (!isWeakSuite(number) || security.allowWeak === true) return number;
  throw policyError(`the cipher suite 0${number} is weak, and allowWeak is not set for this partner`, {
    what: "cipherSuite",
  });
}

function policyError(problem: string, details: Readonly<Record<string, unknown>>): TransferError {
  return new TransferError("ERR_OFTP_SECURITY_POLICY", problem, { details });
}
