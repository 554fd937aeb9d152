import { errorMessage, TransferError } from "@waybill/net-core";
import type { CertStoreErrorCode } from "../error-source.js";
import { CKR } from "./cryptoki-names.js";

const WRONG_PIN: readonly number[] = [CKR.pinIncorrect, CKR.pinInvalid, CKR.pinLenRange];
const LOCKED_PIN: readonly number[] = [CKR.pinLocked, CKR.pinExpired];
const REMOVED: readonly number[] = [
  CKR.deviceRemoved,
  CKR.tokenNotPresent,
  CKR.tokenNotRecognized,
  CKR.slotIdInvalid,
];
const SESSION_LOST: readonly number[] = [
  CKR.sessionClosed,
  CKR.sessionHandleInvalid,
  CKR.userNotLoggedIn,
  CKR.cryptokiNotInitialized,
  CKR.objectHandleInvalid,
  CKR.keyHandleInvalid,
];
/** What a token says when it has a mechanism, but not for this key, with these parameters or for this length. */
const REFUSED: readonly number[] = [
  CKR.mechanismInvalid,
  CKR.mechanismParamInvalid,
  CKR.argumentsBad,
  CKR.keyTypeInconsistent,
  CKR.keyFunctionNotPermitted,
  CKR.functionNotSupported,
];

/** What tokens say of a ciphertext whose padding is wrong. */
const BAD_INPUT: readonly number[] = [
  CKR.generalError,
  CKR.functionFailed,
  CKR.dataInvalid,
  CKR.dataLenRange,
  CKR.encryptedDataInvalid,
  CKR.encryptedDataLenRange,
];

/** The return value behind an error of the binding; undefined for other errors. */
export function returnValueOf(error: unknown): number | undefined {
  const [, value] = /CKR_\w+:(\d+)/.exec(errorMessage(error)) ?? [];
  if (value !== undefined) return Number(value);
  const hasCode = typeof error === "object" && error !== null && "code" in error;
  return hasCode && typeof error.code === "number" && error.code !== 0 ? error.code : undefined;
}

/** Whether another mechanism is worth trying. */
export function isRefusal(error: unknown): boolean {
  return REFUSED.includes(returnValueOf(error) ?? -1);
}

/** Whether the token did not like what it was given. */
export function isBadInput(error: unknown): boolean {
  return BAD_INPUT.includes(returnValueOf(error) ?? -1);
}

/** Whether sessions, and the login with them, are gone while the token may still be there. */
export function isSessionLoss(error: unknown): boolean {
  return SESSION_LOST.includes(returnValueOf(error) ?? -1);
}

/** The error of this package for an error of the binding. `token` names it for people. */
export function pkcs11Error(error: unknown, doing: string, token: string): TransferError {
  if (error instanceof TransferError) return error;
  const value = returnValueOf(error);
  const make = (code: CertStoreErrorCode, problem: string) =>
    new TransferError(code, `${token}: ${problem}`, {
      cause: error,
      details: { token, ...(value !== undefined && { returnValue: value }) },
    });
  if (value === undefined) return make("ERR_PKCS11_FAILED", `${doing} failed`);
  if (WRONG_PIN.includes(value)) {
    return make("ERR_PKCS11_PIN_WRONG", "the PIN is wrong; some tokens lock it after three attempts");
  }
  if (LOCKED_PIN.includes(value)) {
    return make(
      "ERR_PKCS11_PIN_LOCKED",
      "the PIN is locked or has expired; unlock it with the token's own program",
    );
  }
  if (value === CKR.userPinNotInitialized) {
    return make("ERR_PKCS11_TOKEN", "nobody has set its PIN yet");
  }
  if (REMOVED.includes(value)) {
    return make(
      "ERR_PKCS11_TOKEN_REMOVED",
      "the token is not there any more; put it back and open the store again",
    );
  }
  if (SESSION_LOST.includes(value)) {
    return make("ERR_PKCS11_SESSION_LOST", "the session with the token was lost; open the store again");
  }
  const name = /CKR_\w+/.exec(errorMessage(error))?.[0] ?? `0x${value.toString(16)}`;
  return make("ERR_PKCS11_FAILED", `${doing} failed (${name})`);
}
