import { CONSTRUCTED, context, TAG } from "../ber/ber-header.js";
import { oidOf } from "../ber/ber-value.js";
import type { ByteReader, OpenValue } from "../ber/byte-reader.js";
import { readOctets } from "../ber/octet-content.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import { detached, requireData, requireOctetString, smallValue } from "./content-info.js";
import type { OpenState } from "./open-state.js";

/** An EncapsulatedContentInfo (RFC 5652 section 5.2) whose content is being read. */
export interface OpenEncapsulated {
  readonly contentType: string;
  /** Whether the content is elsewhere, or nowhere. */
  readonly detached: boolean;
  /** The content; nothing when it is detached, or not made of octets. */
  octets(): AsyncIterable<Buffer>;
  /** After the content. Errors: `ERR_CMS_DAMAGED`. */
  end(): Promise<void>;
}

/**
 * Begins to read one. What is opened must be there and be data; a description takes whatever it is, and notes in `state`
 * when there is nothing to look into.
 *
 * Errors: `ERR_CMS_CONTENT_TYPE`, `ERR_CMS_DETACHED`, `ERR_CMS_DAMAGED`.
 */
export async function enterEncapsulated(
  reader: ByteReader,
  within: OpenValue,
  state: OpenState,
): Promise<OpenEncapsulated> {
  const outer = await reader.enter(TAG.sequence, "the content's information", within);
  const contentType = oidOf(await smallValue(reader, outer, "a content type"));
  if (!state.describing) requireData(contentType);
  state.innermost ||= contentType !== CONTENT_TYPE.data;
  if (!(await reader.hasMore(outer))) {
    if (!state.describing) throw detached();
    state.opaque = true;
    return { contentType, detached: true, octets: nothing, end: () => reader.leave(outer) };
  }
  const explicit = await reader.enter(context(0), "the content", outer);
  const end = async () => {
    await reader.leave(explicit);
    await reader.leave(outer);
  };
  const tag = (await reader.nextTag(explicit)) ?? 0;
  if (state.describing && (tag & ~CONSTRUCTED) !== TAG.octetString) {
    // Older than CMS, or made by those who never read it (RFC 5652 section 5.2.1).
    state.opaque = true;
    await reader.skipRest(explicit);
    return { contentType, detached: false, octets: nothing, end };
  }
  const header = requireOctetString(await reader.header());
  return { contentType, detached: false, octets: () => readOctets(reader, header, explicit), end };
}

/** Content that is not there. */
export async function* nothing(): AsyncGenerator<Buffer> {}
