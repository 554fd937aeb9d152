import { isTransferError } from "@waybill/net-core";
import { type AlgorithmIdentifier, algorithmOf } from "../algorithm-identifier.js";
import { type BerHeader, CONSTRUCTED, context, contextPrimitive, TAG } from "../ber/ber-header.js";
import { octetsOf, oidOf } from "../ber/ber-value.js";
import type { ByteReader, OpenValue } from "../ber/byte-reader.js";
import { readOctets } from "../ber/octet-content.js";
import { cmsError, damaged, decryptError } from "../cms-error.js";
import {
  type CipherParameters,
  type ContentDecipher,
  cipherParametersOf,
  keyBytesOf,
  startDecryption,
} from "../content-ciphers.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import { detached, enterContentInfo, requireData, smallValue } from "./content-info.js";
import { type ContentKey, findContentKey, matching } from "./content-key.js";
import { nothing } from "./encapsulated-content.js";
import type { EncryptedLayer } from "./layer-report.js";
import type { OpenState } from "./open-state.js";
import { type Recipient, readRecipients, reportRecipient } from "./recipient-infos.js";
import { requireVersion } from "./versions.js";

/** The content of EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083). */
export async function* openEncrypted(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const { limits } = state;
  const info = await enterContentInfo(reader);
  const authenticated = info.type === CONTENT_TYPE.authEnvelopedData;
  const message = await reader.enter(TAG.sequence, "encrypted data", info.content);
  const version = await smallValue(reader, message, "a version");
  requireVersion(version, authenticated ? "authenticated encrypted data" : "encrypted data");
  const recipients = await recipientsOf(reader, message, state);
  const content = await enterEncryptedContent(reader, message, authenticated, state);
  const { parameters, header } = content;
  const found = await contentKey(recipients, content, state);
  const report: EncryptedLayer = {
    kind: "encrypted",
    cipher: content.cipher,
    authenticated,
    recipients: recipients.map(reportRecipient),
    recipient: found?.certificate,
    contentType: content.contentType,
    detached: header === undefined,
  };
  state.layers.push(report);
  state.opaque ||= found === undefined;
  let decipher = found && parameters && startDecryption(parameters, found.key);
  found?.key.fill(0);
  for await (const piece of content.octets()) {
    const bytes = decipher?.update(piece);
    if (bytes !== undefined && bytes.length > 0) yield bytes;
  }
  await reader.leave(content.open);

  if (authenticated) {
    if ((await reader.nextTag(message)) === context(1)) {
      // They would have to be known before the content: no stream can check them (RFC 5083 section 2.2).
      if (!state.describing) {
        throw cmsError(
          "ERR_CMS_ALGORITHM",
          "the message has authenticated attributes, which are not supported",
        );
      }
      await reader.value(message, limits.attributeBytes, "attributeBytes", "attributes");
      decipher = undefined;
    }
    const tag = octetsOf(await smallValue(reader, message, "an authentication tag"));
    if (parameters !== undefined && tag.length !== parameters.tagBytes)
      throw damaged("the authentication tag has a wrong length");
    decipher?.setAuthTag?.(tag);
  }
  if (decipher !== undefined) {
    const last = finish(decipher);
    if (last.length > 0) yield last;
  }
  if ((await reader.nextTag(message)) === context(authenticated ? 2 : 1)) {
    await reader.value(message, limits.attributeBytes, "attributeBytes", "attributes");
  }
  await reader.leave(message);
  await info.end();
}

/** OriginatorInfo, which is not looked at, and RecipientInfos. */
export async function recipientsOf(
  reader: ByteReader,
  message: OpenValue,
  { limits }: OpenState,
): Promise<Recipient[]> {
  if ((await reader.nextTag(message)) === context(0)) {
    await reader.value(message, limits.certificateBytes, "certificateBytes", "certificates");
  }
  const value = await reader.value(message, limits.recipientBytes, "recipientBytes", "recipients");
  return readRecipients(value, limits.recipients);
}

/** An EncryptedContentInfo (RFC 5652 section 6.1) whose content is being read. */
export interface OpenEncryptedContent {
  readonly open: OpenValue;
  readonly contentType: string;
  /** A name, or the OID when it is none that is supported. */
  readonly cipher: string;
  /** Undefined only in a description. */
  readonly parameters: CipherParameters | undefined;
  /** Of the content; undefined when it is detached, only in a description. */
  readonly header: BerHeader | undefined;
  /** The encrypted octets. */
  octets(): AsyncIterable<Buffer>;
}

/**
 * Begins to read one. What is opened must be there, be data and be encrypted in a way that is supported; a description
 * takes whatever it is.
 *
 * Errors: `ERR_CMS_CONTENT_TYPE`, `ERR_CMS_DETACHED`, `ERR_CMS_ALGORITHM`, `ERR_CMS_DAMAGED`.
 */
export async function enterEncryptedContent(
  reader: ByteReader,
  message: OpenValue,
  authenticated: boolean,
  state: OpenState,
): Promise<OpenEncryptedContent> {
  const open = await reader.enter(TAG.sequence, "encrypted content", message);
  const contentType = oidOf(await smallValue(reader, open, "a content type"));
  if (!state.describing) requireData(contentType);
  state.innermost ||= contentType !== CONTENT_TYPE.data;
  const algorithm = algorithmOf(await smallValue(reader, open, "an algorithm"));
  const parameters = parametersOf(algorithm, authenticated, state);
  const about = { open, contentType, cipher: parameters?.name ?? algorithm.oid, parameters };
  if (!(await reader.hasMore(open))) {
    if (!state.describing) throw detached();
    return { ...about, header: undefined, octets: nothing };
  }
  const header = await reader.header();
  if ((header.tag & ~CONSTRUCTED) !== contextPrimitive(0))
    throw damaged("something else is where the content belongs");
  return { ...about, header, octets: () => readOctets(reader, header, open) };
}

function parametersOf(
  algorithm: AlgorithmIdentifier,
  authenticated: boolean,
  { describing }: OpenState,
): CipherParameters | undefined {
  try {
    return cipherParametersOf(algorithm, authenticated);
  } catch (error) {
    if (describing && isTransferError(error, "ERR_CMS_ALGORITHM")) return undefined;
    throw error;
  }
}

/** Undefined for what is described without being looked into. */
async function contentKey(
  recipients: readonly Recipient[],
  { parameters, header }: OpenEncryptedContent,
  { describing, options: { keys = [] } }: OpenState,
): Promise<ContentKey | undefined> {
  if (parameters === undefined || header === undefined) return undefined;
  if (describing && matching(recipients, keys).length === 0) return undefined;
  return await findContentKey(recipients, keys, keyBytesOf(parameters.name));
}

function finish(decipher: ContentDecipher): Buffer {
  try {
    return decipher.final();
  } catch {
    throw decryptError();
  }
}
