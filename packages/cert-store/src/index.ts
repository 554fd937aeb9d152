export type { AuthorizedKeyOption, AuthorizedKeyOptions } from "./authorized-key-options.js";
export * from "./authorized-keys.js";
export {
  type CertificateDescription,
  describeCertificate,
  type NameDescription,
} from "./certificate/describe-certificate.js";
export { keyUsageFlags } from "./certificate/key-usage-flags.js";
export {
  MAX_CERTIFICATE_BYTES,
  type ParseCertificateOptions,
  parseCertificate,
} from "./certificate/parse-certificate.js";
export { selectEntries, selectEntry } from "./certificate/select-entry.js";
export * from "./certificate-types.js";
export { encodeDer } from "./der.js";
export type { CertStoreErrorCode } from "./error-source.js";
export * from "./fingerprint.js";
export type { ClientOrigin } from "./from-patterns.js";
export * from "./generate-key.js";
export { readAuthorizedKeys, readKnownHosts, readPrivateKey, readPublicKey } from "./key-files.js";
export type { KeyListOptions, KeyListProblem } from "./key-list.js";
export { type GenerateHostKeyOptions, generateHostKey, writeKeyPair } from "./key-pair-files.js";
export * from "./key-types.js";
export * from "./known-hosts.js";
export * from "./limits.js";
export {
  type CertificateRequest,
  type CertificateRequestDescription,
  describeCertificateRequest,
  type ReadCertificateRequestOptions,
  readCertificateRequest,
} from "./making/certificate-request.js";
export {
  type CertificateOptions,
  createSelfSignedCertificate,
  type IssueCertificateOptions,
  issueCertificate,
  type SelfSignedCertificateOptions,
} from "./making/create-certificate.js";
export {
  type CertificateRequestOptions,
  createCertificateRequest,
  type Oftp2RequestOptions,
  type PlainRequestOptions,
} from "./making/create-request.js";
export {
  derBitString,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derTime,
} from "./making/der-writer.js";
export type { AlternativeName, ExtensionOptions, Purpose } from "./making/extension-encoder.js";
export { type EllipticCurve, generateKeyPair, type KeyPairOptions } from "./making/generate-key-pair.js";
export { type JoinCertificateOptions, joinCertificate } from "./making/join-certificate.js";
export type { SubjectInput } from "./making/name-encoder.js";
export type { SigningOptions } from "./making/signed-structure.js";
export { publish as publishFile, syncFolder, type WriteNewFileOptions, writeNewFile } from "./new-file.js";
export * from "./openssh-writer.js";
export * from "./parse-private-key.js";
export * from "./parse-public-key.js";
export { openPkcs11Store } from "./pkcs11/pkcs11-store.js";
export * from "./pkcs11/pkcs11-store-types.js";
export { type Pkcs11TlsKey, type Pkcs11TlsKeyOptions, pkcs11TlsKey } from "./pkcs11/pkcs11-tls.js";
export { publicKeyFromBlob } from "./public-key.js";
export { type RemoteKeyOptions, type RemoteSignRequest, remoteKey } from "./remote-key.js";
export { unpadOaep } from "./rsa-unpadding.js";
export * from "./store-types.js";
export { type OpenStoreOptions, openStore, type StoreInput } from "./stores/open-store.js";
export * from "./stores/store-limits.js";
export type { KeyPassword } from "./stores/store-passwords.js";
export { openSystemStore } from "./stores/system-store.js";
export {
  DOWNLOAD_DEFAULTS,
  type DownloadLimits,
  type DownloadRequest,
  download,
  type HttpAnswer,
  type HttpExchange,
  type HttpTransport,
  type RedirectPolicy,
} from "./trust/http-download.js";
export type { IssuerDownloadOptions } from "./trust/issuer-download.js";
export {
  type RevocationRequest,
  type RevocationSource,
  type RevocationSourceOptions,
  revocationSource,
} from "./trust/revocation-source.js";
export type { RevocationStatus, UnknownStatus } from "./trust/revocation-status.js";
export * from "./trust/trust-types.js";
export { VERIFY_DEFAULTS, verifyCertificate } from "./trust/verify-certificate.js";
export {
  isListed,
  type ListedOptions,
  type ListedVerdict,
  type NotListedReason,
  type TrustListCertificates,
  trustListCertificates,
} from "./trust-list/is-listed.js";
export { authoritiesOf, type ListedService } from "./trust-list/listed-authorities.js";
export * from "./trust-list/open-trust-list.js";
export { type ParseTrustListOptions, parseTrustList } from "./trust-list/parse-trust-list.js";
export {
  ACTIVE_SERVICE_STATUSES,
  ISSUING_SERVICE_TYPES,
  SERVICE_STATUS_IN_ACCORD,
  SERVICE_TYPE_CA_PKC,
  SERVICE_TYPE_CA_QC,
  type ServiceState,
  serviceStateAt,
} from "./trust-list/service-status.js";
export type { TrustListSigner } from "./trust-list/signer-match.js";
export {
  type VerifiedTrustList,
  type VerifyTrustListOptions,
  verifyTrustListSignature,
} from "./trust-list/trust-list-signature.js";
export { ODETTE_TRUST_LIST_URL, type TrustListSource } from "./trust-list/trust-list-source.js";
export {
  readTrustListState,
  type StoredTrustList,
  type TrustListState,
} from "./trust-list/trust-list-state.js";
export { type TrustListStepOptions, trustListStep } from "./trust-list/trust-list-step.js";
export * from "./trust-list/trust-list-types.js";
export { isSoftwareKey, requireExportable } from "./writing/exportable-key.js";
export {
  type JwkEntry,
  jwkThumbprint,
  type WriteJwkOptions,
  type WrittenJwk,
  writeJwk,
  writeJwkSet,
} from "./writing/write-jwk.js";
export { type WriteOpenSshOptions, writeOpenSsh } from "./writing/write-openssh.js";
export { type WritePemOptions, writePem } from "./writing/write-pem.js";
export { type WritePkcs7Options, writePkcs7, writePkcs7Pem } from "./writing/write-pkcs7.js";
export { defaultPkcs12Iterations, type WritePkcs12Options, writePkcs12 } from "./writing/write-pkcs12.js";
export { type WritePpkOptions, writePpk } from "./writing/write-ppk.js";
export * from "./writing/write-store.js";
export type { WrittenEntry } from "./writing/written-entry.js";
