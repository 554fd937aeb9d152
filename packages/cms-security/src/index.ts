export {
  type AnswerOptions,
  type AuthenticationChallenge,
  answerChallenge,
  authenticationChallenge,
  CHALLENGE_BYTES,
  type ChallengeOptions,
  MAX_CHALLENGE_ENVELOPE_BYTES,
} from "./authentication/challenge.js";
export type { ChallengeErrorCode } from "./authentication/challenge-error.js";
export type { CertificateIdentifier, IdentifierForm, Identity } from "./certificate-identity.js";
export { certificatesIn, MAX_CERTIFICATES, MAX_CERTIFICATES_BYTES } from "./certificates/certificates-in.js";
export * from "./cipher-suites.js";
export type { CmsErrorCode } from "./cms-error.js";
export { CONTENT_CIPHERS, type ContentCipher } from "./content-ciphers.js";
export { lentChunks } from "./lent-chunks.js";
export { type DescribeOptions, describeMessage, type MessageDescription } from "./open/describe-message.js";
export type {
  AuthenticatedLayer,
  CompressedLayer,
  DataLayer,
  DescribedLayer,
  DigestedLayer,
  EncryptedLayer,
  LayerContent,
  LayerKind,
  LayerReport,
  OtherLayer,
  RecipientReport,
  SignedLayer,
  SignerReport,
} from "./open/layer-report.js";
export { type OpenedMessage, open } from "./open/open.js";
export {
  type Expectations,
  OPEN_LIMITS,
  type OpenLimits,
  type OpenOptions,
  type OpenResult,
  type SignerContext,
  type SignerResolver,
} from "./open/open-options.js";
export type { ReceiptErrorCode } from "./receipts/receipt-error.js";
export type {
  EerpReceipt,
  NerpReceipt,
  Receipt,
  ReceiptFile,
  ReceiptTimestamp,
  ReceivedReceipt,
} from "./receipts/receipt-fields.js";
export { type SignedReceiptFields, type SignReceiptOptions, signReceipt } from "./receipts/sign-receipt.js";
export { type VerifiedReceipt, type VerifyReceiptOptions, verifyReceipt } from "./receipts/verify-receipt.js";
export {
  RECEIPT_HASHES,
  type ReceiptHash,
  type ReceiptHashes,
  VirtualFileHash,
  virtualFileHash,
} from "./receipts/virtual-file-hash.js";
export { seal } from "./seal/seal.js";
export type { CompressOptions, EncryptOptions, SealOptions, SignOptions } from "./seal/seal-options.js";
