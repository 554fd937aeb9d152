/** A reason code, and what it says. */
export interface Reason {
  readonly code: number;
  readonly text: string;
}

/** Reasons of SFNA and EFNA (RFC 5024 sections 5.3.5, 5.3.10). 21 to 23 are for EFNA only; 15 to 23 came with level 5. */
export const answerReasons = {
  invalidFilename: { code: 1, text: "Invalid file name" },
  invalidDestination: { code: 2, text: "Invalid destination" },
  invalidOrigin: { code: 3, text: "Invalid origin" },
  recordFormatNotSupported: { code: 4, text: "Storage record format not supported" },
  recordLengthNotSupported: { code: 5, text: "Maximum record length not supported" },
  fileTooBig: { code: 6, text: "File size is too big" },
  invalidRecordCount: { code: 10, text: "Invalid record count" },
  invalidByteCount: { code: 11, text: "Invalid byte count" },
  accessMethodFailure: { code: 12, text: "Access method failure" },
  duplicateFile: { code: 13, text: "Duplicate file" },
  directionRefused: { code: 14, text: "File direction refused" },
  cipherSuiteNotSupported: { code: 15, text: "Cipher suite not supported" },
  encryptedNotAllowed: { code: 16, text: "Encrypted file not allowed" },
  unencryptedNotAllowed: { code: 17, text: "Unencrypted file not allowed" },
  compressionNotAllowed: { code: 18, text: "Compression not allowed" },
  signedNotAllowed: { code: 19, text: "Signed file not allowed" },
  unsignedNotAllowed: { code: 20, text: "Unsigned file not allowed" },
  invalidSignature: { code: 21, text: "Invalid file signature" },
  decryptionFailure: { code: 22, text: "File decryption failure" },
  decompressionFailure: { code: 23, text: "File decompression failure" },
  unspecified: { code: 99, text: "Unspecified reason" },
} as const satisfies Record<string, Reason>;

/** Reasons of ESID (RFC 5024 section 5.3.11). 11 and 12 came with level 5. */
export const endSessionReasons = {
  normal: { code: 0, text: "Normal session termination" },
  commandNotRecognised: { code: 1, text: "Command not recognised" },
  protocolViolation: { code: 2, text: "Protocol violation" },
  userCodeNotKnown: { code: 3, text: "User code not known" },
  invalidPassword: { code: 4, text: "Invalid password" },
  emergencyCloseDown: { code: 5, text: "Local site emergency close down" },
  invalidData: { code: 6, text: "Command contained invalid data" },
  bufferSizeError: { code: 7, text: "Exchange buffer size error" },
  resourcesNotAvailable: { code: 8, text: "Resources not available" },
  timeOut: { code: 9, text: "Time out" },
  modeIncompatible: { code: 10, text: "Mode or capabilities incompatible" },
  invalidChallengeResponse: { code: 11, text: "Invalid challenge response" },
  authenticationIncompatible: { code: 12, text: "Secure authentication requirements incompatible" },
  unspecified: { code: 99, text: "Unspecified abort code" },
} as const satisfies Record<string, Reason>;

/** Reasons of NERP (RFC 5024 section 5.3.14). */
export const negativeResponseReasons = {
  userCodeNotKnown: { code: 3, text: "Session refused: user code not known" },
  invalidPassword: { code: 4, text: "Session refused: invalid password" },
  sessionEnded: { code: 9, text: "Session ended for an unspecified reason" },
  invalidFilename: { code: 11, text: "Invalid file name" },
  invalidDestination: { code: 12, text: "Invalid destination" },
  invalidOrigin: { code: 13, text: "Invalid origin" },
  recordFormatNotSupported: { code: 14, text: "Invalid storage record format" },
  recordLengthNotSupported: { code: 15, text: "Maximum record length not supported" },
  fileTooBig: { code: 16, text: "File size too big" },
  invalidRecordCount: { code: 20, text: "Invalid record count" },
  invalidByteCount: { code: 21, text: "Invalid byte count" },
  accessMethodFailure: { code: 22, text: "Access method failure" },
  duplicateFile: { code: 23, text: "Duplicate file" },
  directionRefused: { code: 24, text: "File direction refused" },
  cipherSuiteNotSupported: { code: 25, text: "Cipher suite not supported" },
  encryptedNotAllowed: { code: 26, text: "Encrypted file not allowed" },
  unencryptedNotAllowed: { code: 27, text: "Unencrypted file not allowed" },
  compressionNotAllowed: { code: 28, text: "Compression not allowed" },
  signedNotAllowed: { code: 29, text: "Signed file not allowed" },
  unsignedNotAllowed: { code: 30, text: "Unsigned file not allowed" },
  invalidSignature: { code: 31, text: "File signature not valid" },
  decompressionFailure: { code: 32, text: "File decompression failed" },
  decryptionFailure: { code: 33, text: "File decryption failed" },
  processingFailed: { code: 34, text: "File processing failed" },
  notDelivered: { code: 35, text: "Not delivered to recipient" },
  notAcknowledged: { code: 36, text: "Not acknowledged by recipient" },
  stoppedByOperator: { code: 50, text: "Transmission stopped by the operator" },
  sizeIncompatible: { code: 90, text: "File size incompatible with recipient's protocol version" },
  unspecified: { code: 99, text: "Unspecified reason" },
} as const satisfies Record<string, Reason>;

/** The text of a reason of SFNA or EFNA; one that says "unknown reason" for codes that the RFC does not list. */
export function answerReasonText(code: number): string {
  return textOf(answerReasons, code);
}

/** The text of a reason of ESID, likewise. */
export function endSessionReasonText(code: number): string {
  return textOf(endSessionReasons, code);
}

/** The text of a reason of NERP, likewise. */
export function negativeResponseReasonText(code: number): string {
  return textOf(negativeResponseReasons, code);
}

/**
 * The reason for the NERP that tells a file's originator of an SFNA (without retry) or an EFNA with reason `code` (RFC
 * 5024 section 5.3.14); 99 for codes that have no counterpart.
 */
export function negativeResponseReasonOf(code: number): number {
  for (const [name, answer] of Object.entries(answerReasons)) {
    if (answer.code === code) return negativeResponseReasons[name as keyof typeof answerReasons].code;
  }
  return negativeResponseReasons.unspecified.code;
}

/** The same for an ESID with reason `code`, when it means that the file cannot be delivered. */
export function negativeResponseReasonOfEnd(code: number): number {
  if (code === endSessionReasons.userCodeNotKnown.code) return negativeResponseReasons.userCodeNotKnown.code;
  if (code === endSessionReasons.invalidPassword.code) return negativeResponseReasons.invalidPassword.code;
  if (code === endSessionReasons.unspecified.code) return negativeResponseReasons.sessionEnded.code;
  return negativeResponseReasons.unspecified.code;
}

function textOf(reasons: Readonly<Record<string, Reason>>, code: number): string {
  return Object.values(reasons).find((reason) => reason.code === code)?.text ?? `Unknown reason ${code}`;
}
