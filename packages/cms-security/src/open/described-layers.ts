import { algorithmOf } from "../algorithm-identifier.js";
import { context, TAG } from "../ber/ber-header.js";
import { octetsOf } from "../ber/ber-value.js";
import type { ByteReader } from "../ber/byte-reader.js";
import { hashWithOid } from "../hashes.js";
import { enterContentInfo, smallValue } from "./content-info.js";
import { enterEncapsulated, nothing } from "./encapsulated-content.js";
import { enterEncryptedContent, recipientsOf } from "./encrypted-layer.js";
import type { OpenState } from "./open-state.js";
import { reportRecipient } from "./recipient-infos.js";
import { requireVersion } from "./versions.js";

/*
 * What is described and never opened. Content that can be read goes on to whoever reads, so that a message within it is
 * described, too.
 */

/** DigestedData (RFC 5652 section 7). */
export async function* describeDigested(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const info = await enterContentInfo(reader);
  const message = await reader.enter(TAG.sequence, "digested data", info.content);
  requireVersion(await smallValue(reader, message, "a version"), "digested data");
  const { oid } = algorithmOf(await smallValue(reader, message, "an algorithm"));
  const encapsulated = await enterEncapsulated(reader, message, state);
  const { contentType, detached } = encapsulated;
  state.layers.push({ kind: "digested", hash: hashWithOid(oid)?.name ?? oid, contentType, detached });
  yield* encapsulated.octets();
  await encapsulated.end();
  octetsOf(await smallValue(reader, message, "a digest"));
  await reader.leave(message);
  await info.end();
}

/** EncryptedData (RFC 5652 section 8): there are no recipients, the key was agreed elsewhere. */
export async function* describeKeyless(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const { attributeBytes } = state.limits;
  const info = await enterContentInfo(reader);
  const message = await reader.enter(TAG.sequence, "encrypted data", info.content);
  requireVersion(await smallValue(reader, message, "a version"), "data encrypted with a known key");
  const content = await enterEncryptedContent(reader, message, false, state);
  const { cipher, contentType, header } = content;
  const people = { recipients: [], recipient: undefined };
  const about = { contentType, detached: header === undefined, authenticated: false };
  state.layers.push({ kind: "encrypted", cipher, ...about, ...people });
  state.opaque = true;
  for await (const _ of content.octets());
  yield* nothing();
  await reader.leave(content.open);
  if ((await reader.nextTag(message)) === context(1)) {
    await reader.value(message, attributeBytes, "attributeBytes", "attributes");
  }
  await reader.leave(message);
  await info.end();
}

/** AuthenticatedData (RFC 5652 section 9.1). */
export async function* describeAuthenticated(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const { attributeBytes } = state.limits;
  const info = await enterContentInfo(reader);
  const message = await reader.enter(TAG.sequence, "authenticated data", info.content);
  requireVersion(await smallValue(reader, message, "a version"), "authenticated data");
  const recipients = (await recipientsOf(reader, message, state)).map(reportRecipient);
  const { oid: algorithm } = algorithmOf(await smallValue(reader, message, "an algorithm"));
  if ((await reader.nextTag(message)) === context(1)) await smallValue(reader, message, "an algorithm");
  const encapsulated = await enterEncapsulated(reader, message, state);
  const { contentType, detached } = encapsulated;
  state.layers.push({ kind: "authenticated", algorithm, recipients, contentType, detached });
  yield* encapsulated.octets();
  await encapsulated.end();
  const skipAttributes = async (number: number) => {
    if ((await reader.nextTag(message)) !== context(number)) return;
    await reader.value(message, attributeBytes, "attributeBytes", "attributes");
  };
  await skipAttributes(2);
  octetsOf(await smallValue(reader, message, "an authentication code"));
  await skipAttributes(3);
  await reader.leave(message);
  await info.end();
}

/** A ContentInfo of a type that is not known: its content is read over, as large as it may be. */
export async function* describeOther(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const info = await enterContentInfo(reader);
  state.layers.push({ kind: "other", contentType: info.type });
  state.opaque = true;
  await reader.skipRest(info.content);
  yield* nothing();
  await info.end();
}
