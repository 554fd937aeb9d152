import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import { malformed } from "./codec-errors.js";
import { AttributeFlag } from "./packet-types.js";

/**
 * What is known of a file, or what is to be set: every part may be absent
 * (ATTRS, draft-ietf-secsh-filexfer-02, section 5).
 */
export interface FileAttributes {
  /** Bytes, at most 2^53 - 1. */
  readonly size?: number;
  readonly owner?: FileOwner;
  /** POSIX mode: permissions, and in attributes that are read the type of the file too (`S_IFMT`). */
  readonly permissions?: number;
  readonly times?: FileTimes;
  /** Pairs of vendors' own attributes. */
  readonly extended?: readonly ExtendedAttribute[];
}

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Seconds since 1970, 0 to 2^32 - 1. */
export interface FileTimes {
  readonly accessed: number;
  readonly modified: number;
}

export interface ExtendedAttribute {
  readonly type: string;
  readonly data: Buffer;
}

const KNOWN_FLAGS =
  AttributeFlag.SIZE |
  AttributeFlag.UIDGID |
  AttributeFlag.PERMISSIONS |
  AttributeFlag.ACMODTIME |
  AttributeFlag.EXTENDED;

/** Errors: `ERR_SFTP_MALFORMED`, also for flags that version 3 does not have; `ERR_SFTP_OUT_OF_RANGE` for the size. */
export function readAttributes(reader: ByteReader): FileAttributes {
  const flags = reader.uint32("attribute flags");
  if ((flags & ~KNOWN_FLAGS) !== 0) throw malformed("it has attribute flags that version 3 does not know");
  const attributes: { -readonly [K in keyof FileAttributes]: FileAttributes[K] } = {};
  if (flags & AttributeFlag.SIZE) attributes.size = reader.uint64("size");
  if (flags & AttributeFlag.UIDGID) {
    attributes.owner = { uid: reader.uint32("uid"), gid: reader.uint32("gid") };
  }
  if (flags & AttributeFlag.PERMISSIONS) attributes.permissions = reader.uint32("permissions");
  if (flags & AttributeFlag.ACMODTIME) {
    attributes.times = { accessed: reader.uint32("atime"), modified: reader.uint32("mtime") };
  }
  if (flags & AttributeFlag.EXTENDED) attributes.extended = readExtended(reader);
  return attributes;
}

function readExtended(reader: ByteReader): ExtendedAttribute[] {
  const count = reader.uint32("extended count");
  // Two empty strings take eight bytes: a count beyond that cannot be true, and is not worth a loop.
  if (count > reader.remaining / 8) throw malformed("it announces more extended attributes than it holds");
  const extended: ExtendedAttribute[] = [];
  for (let index = 0; index < count; index += 1) {
    const type = reader.text("extended type");
    // A copy: a file system may keep it, and a session uses the memory of its packets again.
    extended.push({ type, data: Buffer.from(reader.bytes("extended data")) });
  }
  return extended;
}

export function writeAttributes(writer: ByteWriter, attributes: FileAttributes): void {
  const { size, owner, permissions, times, extended } = attributes;
  writer.uint32(
    (size === undefined ? 0 : AttributeFlag.SIZE) |
      (owner === undefined ? 0 : AttributeFlag.UIDGID) |
      (permissions === undefined ? 0 : AttributeFlag.PERMISSIONS) |
      (times === undefined ? 0 : AttributeFlag.ACMODTIME) |
      (extended === undefined ? 0 : AttributeFlag.EXTENDED),
  );
  if (size !== undefined) writer.uint64(size);
  if (owner !== undefined) writer.uint32(owner.uid).uint32(owner.gid);
  if (permissions !== undefined) writer.uint32(permissions);
  if (times !== undefined) writer.uint32(times.accessed).uint32(times.modified);
  if (extended !== undefined) {
    writer.uint32(extended.length);
    for (const { type, data } of extended) writer.text(type).bytes(data);
  }
}
