import { type BerHeader, CONSTRUCTED, context, parseHeader, TAG } from "../ber/ber-header.js";
import { oidFromContents, oidOf } from "../ber/ber-value.js";
import type { ByteReader, OpenValue } from "../ber/byte-reader.js";
import { truncated } from "../ber/byte-reader.js";
import { cmsError, damaged } from "../cms-error.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import type { DescribedLayer } from "./layer-report.js";

/**
 * What a ContentInfo can be: a layer, or what is described only. `keyless` is EncryptedData, which is told apart from
 * EnvelopedData here alone; `other` is a content type that is not known.
 */
export type FoundKind = DescribedLayer["kind"] | "keyless";

const KINDS: Readonly<Record<string, FoundKind>> = {
  [CONTENT_TYPE.data]: "data",
  [CONTENT_TYPE.signedData]: "signed",
  [CONTENT_TYPE.envelopedData]: "encrypted",
  [CONTENT_TYPE.authEnvelopedData]: "encrypted",
  [CONTENT_TYPE.compressedData]: "compressed",
  [CONTENT_TYPE.digestedData]: "digested",
  [CONTENT_TYPE.encryptedData]: "keyless",
  [CONTENT_TYPE.authenticatedData]: "authenticated",
};

/** As much as the beginning of a ContentInfo takes: its header, the object identifier, a tag. */
const PEEKED_BYTES = 40;
/** Octets of object identifiers and the like, which have no business to be longer. */
const SMALL_VALUE_BYTES = 4096;

/** What the input begins with: the kind of a CMS message, or undefined when it is none. Nothing is read. */
export async function peekKind(reader: ByteReader): Promise<FoundKind | undefined> {
  const bytes = await reader.peek(PEEKED_BYTES);
  try {
    const outer = parseHeader(bytes, 0, bytes.length);
    if (outer?.tag !== TAG.sequence) return undefined;
    const type = parseHeader(bytes, outer.headerBytes, bytes.length);
    if (type?.tag !== TAG.objectIdentifier) return undefined;
    const begin = outer.headerBytes + type.headerBytes;
    const end = begin + type.length;
    if (bytes[end] !== context(0)) return undefined;
    return KINDS[oidFromContents(bytes.subarray(begin, end))] ?? "other";
  } catch {
    return undefined;
  }
}

/** A ContentInfo (RFC 5652 section 3) whose content is being read. */
export interface OpenContentInfo {
  readonly type: string;
  readonly content: OpenValue;
  /** After the content: there must be nothing left. Errors: `ERR_CMS_DAMAGED`, `ERR_CMS_TRAILING`. */
  end(): Promise<void>;
}

/** Begins to read the ContentInfo that {@link peekKind} saw. */
export async function enterContentInfo(reader: ByteReader): Promise<OpenContentInfo> {
  const outer = await reader.enter(TAG.sequence, "a CMS message");
  const type = oidOf(await smallValue(reader, outer, "a content type"));
  const content = await reader.enter(context(0), "the content", outer);
  return {
    type,
    content,
    end: async () => {
      await reader.leave(content);
      await reader.leave(outer);
      await reader.end();
    },
  };
}

export const smallValue = (reader: ByteReader, within: OpenValue, what: string) =>
  reader.value(within, SMALL_VALUE_BYTES, undefined, what);

export function requireOctetString(header: BerHeader): BerHeader {
  if ((header.tag & ~CONSTRUCTED) !== TAG.octetString) throw damaged("the content is not made of octets");
  return header;
}

/** RFC 5024 section 6.1. Errors: `ERR_CMS_CONTENT_TYPE`. */
export function requireData(type: string): void {
  if (type !== CONTENT_TYPE.data) {
    throw cmsError("ERR_CMS_CONTENT_TYPE", `the content has the type ${type}: it must be data`, {
      details: { type },
    });
  }
}

export function detached(): Error {
  return cmsError("ERR_CMS_DETACHED", "the content is not in the message");
}

/** An input that is too short to be looked at is not complete, rather than something else. */
export async function requireBeginning(reader: ByteReader): Promise<void> {
  if ((await reader.peek(PEEKED_BYTES)).length < 2) throw truncated();
}
