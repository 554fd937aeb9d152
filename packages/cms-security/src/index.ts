export type { CertificateIdentifier, IdentifierForm, Identity } from "./certificate-identity.js";
export * from "./cipher-suites.js";
export type { CmsErrorCode } from "./cms-error.js";
export { CONTENT_CIPHERS, type ContentCipher } from "./content-ciphers.js";
export { type DescribeOptions, describeMessage, type MessageDescription } from "./open/describe-message.js";
export type {
  CompressedLayer,
  DataLayer,
  EncryptedLayer,
  LayerKind,
  LayerReport,
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
export { seal } from "./seal/seal.js";
export type { CompressOptions, EncryptOptions, SealOptions, SignOptions } from "./seal/seal-options.js";
