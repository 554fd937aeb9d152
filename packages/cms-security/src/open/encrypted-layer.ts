import { algorithmOf } from "../algorithm-identifier.js";
import { CONSTRUCTED, context, contextPrimitive, TAG } from "../ber/ber-header.js";
import { octetsOf, oidOf, smallIntegerOf } from "../ber/ber-value.js";
import type { ByteReader } from "../ber/byte-reader.js";
import { readOctets } from "../ber/octet-content.js";
import { cmsError, damaged, decryptError } from "../cms-error.js";
import { type ContentDecipher, cipherParametersOf, keyBytesOf, startDecryption } from "../content-ciphers.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import { detached, enterContentInfo, requireData, smallValue } from "./content-info.js";
import { findContentKey, matching } from "./content-key.js";
import type { EncryptedLayer } from "./layer-report.js";
import type { OpenState } from "./open-state.js";
import { type Recipient, readRecipients, reportRecipient } from "./recipient-infos.js";

/** The content of EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083). */
export async function* openEncrypted(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const { limits } = state;
  const info = await enterContentInfo(reader);
  const authenticated = info.type === CONTENT_TYPE.authEnvelopedData;
  const message = await reader.enter(TAG.sequence, "encrypted data", info.content);
  const version = smallIntegerOf(await smallValue(reader, message, "a version"));
  const hasOriginator = (await reader.nextTag(message)) === context(0);
  if (hasOriginator) await reader.value(message, limits.certificateBytes, "certificateBytes", "certificates");
  const recipients = readRecipients(
    await reader.value(message, limits.recipientBytes, "recipientBytes", "recipients"),
    limits.recipients,
  );
  const content = await reader.enter(TAG.sequence, "encrypted content", message);
  requireData(oidOf(await smallValue(reader, content, "a content type")));
  const parameters = cipherParametersOf(
    algorithmOf(await smallValue(reader, content, "an algorithm")),
    authenticated,
  );
  if (!(await reader.hasMore(content))) throw detached();
  const header = await reader.header();
  if ((header.tag & ~CONSTRUCTED) !== contextPrimitive(0))
    throw damaged("something else is where the content belongs");

  const { keys = [] } = state.options;
  const isOpaque = state.describing && matching(recipients, keys).length === 0;
  const found = isOpaque ? undefined : await findContentKey(recipients, keys, keyBytesOf(parameters.name));
  const report: EncryptedLayer = {
    kind: "encrypted",
    cipher: parameters.name,
    authenticated,
    recipients: recipients.map(reportRecipient),
    recipient: found?.certificate,
  };
  state.layers.push(report);
  state.opaque ||= isOpaque;
  const decipher = found && startDecryption(parameters, found.key);
  found?.key.fill(0);
  for await (const piece of readOctets(reader, header, content)) {
    const bytes = decipher?.update(piece);
    if (bytes !== undefined && bytes.length > 0) yield bytes;
  }
  await reader.leave(content);

  let attributed = false;
  if (authenticated) {
    if ((await reader.nextTag(message)) === context(1)) {
      // They would have to be known before the content: no stream can check them (RFC 5083 section 2.2).
      throw cmsError(
        "ERR_CMS_ALGORITHM",
        "the message has authenticated attributes, which are not supported",
      );
    }
    const tag = octetsOf(await smallValue(reader, message, "an authentication tag"));
    if (tag.length !== parameters.tagBytes) throw damaged("the authentication tag has a wrong length");
    decipher?.setAuthTag?.(tag);
  }
  if (decipher !== undefined) {
    const last = finish(decipher);
    if (last.length > 0) yield last;
  }
  const attributesTag = await reader.nextTag(message);
  if (attributesTag === context(authenticated ? 2 : 1)) {
    attributed = true;
    await reader.value(message, limits.attributeBytes, "attributeBytes", "attributes");
  }
  requireVersion(version, authenticated, recipients, hasOriginator, attributed);
  await reader.leave(message);
  await info.end();
}

function finish(decipher: ContentDecipher): Buffer {
  try {
    return decipher.final();
  } catch {
    throw decryptError();
  }
}

/** RFC 5652 section 6.1, RFC 5083 section 2.1. Version 4 depends on certificates that are not looked at. */
function requireVersion(
  version: number,
  authenticated: boolean,
  recipients: readonly Recipient[],
  hasOriginator: boolean,
  attributed: boolean,
): void {
  const others = recipients.some((recipient) => recipient.kind === "unsupported" && recipient.raisesVersion);
  const allZero = recipients.every((recipient) => recipient.kind === "transport" && recipient.version === 0);
  const wanted = authenticated ? 0 : others ? 3 : allZero && !hasOriginator && !attributed ? 0 : 2;
  const isKnown = version === wanted || (hasOriginator && !authenticated && (version === 3 || version === 4));
  if (!isKnown) throw damaged("encrypted data has an unknown version");
}
