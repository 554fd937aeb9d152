import type { Certificate } from "@waybill/cert-store";
import { context, TAG } from "../ber/ber-header.js";
import { derOctetString, derOid, derSetOf, derSmallInteger, endsOf, startOf } from "../ber/der-writer.js";
import { type IdentifierForm, requireKeyUsage } from "../certificate-identity.js";
import type { KeyTransport } from "../cipher-suites.js";
import { cmsError } from "../cms-error.js";
import { type ContentCipher, isAuthenticated, startEncryption } from "../content-ciphers.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import { type Batch, contentInfoStart } from "./batch.js";
import { isEcRecipient, recipientInfo } from "./recipient-info.js";

export interface EncryptSettings {
  readonly recipients: readonly Certificate[];
  readonly cipher: ContentCipher;
  readonly keyTransport: KeyTransport;
  readonly identifyBy: IdentifierForm;
  /** Whether large content may be encrypted in a thread of its own. */
  readonly inThread: boolean;
  /** See `SealOptions`. */
  readonly reuseBuffers: boolean;
}

/** Errors: `ERR_CMS_KEY_USAGE`, `ERR_CMS_OPTIONS`. */
export function checkRecipient(certificate: Certificate): void {
  const isEc = isEcRecipient(certificate);
  requireKeyUsage(certificate, [isEc ? "keyAgreement" : "keyEncipherment"], "encryption");
  if (!isEc && certificate.publicKey.asymmetricKeyType !== "rsa") {
    throw cmsError(
      "ERR_CMS_OPTIONS",
      `nothing can be encrypted for the ${certificate.keyAlgorithm} key of ${certificate.subject.text}: it takes RSA or EC`,
    );
  }
}

/** EnvelopedData (RFC 5652 section 6) or AuthEnvelopedData (RFC 5083) around the content. */
export async function* encryptLayer(
  content: AsyncIterable<Batch>,
  settings: EncryptSettings,
): AsyncGenerator<Batch> {
  const { recipients, cipher: name, identifyBy } = settings;
  const { key, algorithm, encrypt, tag } = startEncryption(name);
  const authenticated = isAuthenticated(name);
  const infos: Buffer[] = [];
  for (const recipient of recipients) infos.push(await recipientInfo(recipient, key, settings));
  const isPlain = identifyBy !== "subjectKeyId" && !recipients.some(isEcRecipient);
  yield [
    ...contentInfoStart(authenticated ? CONTENT_TYPE.authEnvelopedData : CONTENT_TYPE.envelopedData),
    startOf(TAG.sequence),
    // RFC 5652 section 6.1; AuthEnvelopedData is always 0.
    derSmallInteger(authenticated || isPlain ? 0 : 2),
    derSetOf(...infos),
    startOf(TAG.sequence),
    derOid(CONTENT_TYPE.data),
    algorithm,
    startOf(context(0)),
  ];
  yield* encrypt(content, settings);
  // The octets and EncryptedContentInfo; then the message and the two of ContentInfo.
  yield [endsOf(2), ...(authenticated ? [derOctetString(tag())] : []), endsOf(3)];
}
