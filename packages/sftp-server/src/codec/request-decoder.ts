import { readAttributes } from "./attributes.js";
import { ByteReader } from "./byte-reader.js";
import { malformed } from "./codec-errors.js";
import { decodeIds, ExtensionName, type ExtensionPair } from "./extensions.js";
import { MIN_PACKET_BYTES, PacketType } from "./packet-types.js";
import type { Request, WriteRequest } from "./requests.js";

/** A packet without its length field: its bytes in order, in one piece or several. */
export type Packet = readonly Buffer[];

/**
 * Decodes a request (draft-ietf-secsh-filexfer-02, section 6). The data of a WRITE are not copied.
 *
 * Errors: `ERR_SFTP_MALFORMED` when something is missing, left over (but for WRITE, which real clients send with surplus
 * bytes: they are ignored) or contradictory, `ERR_SFTP_OUT_OF_RANGE` when an
 * offset or a size is above 2^53 - 1. A packet of an unknown type is no error, see `UnknownRequest`.
 */
export function decodeRequest(packet: Buffer | Packet): Request {
  const pieces = Buffer.isBuffer(packet) ? [packet] : packet;
  if (pieces[0]?.[0] === PacketType.WRITE) return decodeWrite(pieces);
  const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  if (bytes.length < MIN_PACKET_BYTES) throw malformed("it is too short to have a type and an id");
  const reader = new ByteReader(bytes, 1);
  const request = decodeBody(bytes[0]!, reader);
  reader.end();
  return request;
}

function decodeBody(type: number, reader: ByteReader): Request {
  if (type === PacketType.INIT) {
    return { kind: "init", version: reader.uint32("version"), extensions: readExtensionPairs(reader) };
  }
  const id = reader.uint32("id");
  switch (type) {
    case PacketType.OPEN:
      return {
        kind: "open",
        id,
        path: reader.text("path"),
        flags: reader.uint32("flags"),
        attributes: readAttributes(reader),
      };
    case PacketType.CLOSE:
      return { kind: "close", id, handle: reader.handle() };
    case PacketType.READ:
      return {
        kind: "read",
        id,
        handle: reader.handle(),
        offset: reader.uint64("offset"),
        length: reader.uint32("length"),
      };
    case PacketType.LSTAT:
      return { kind: "lstat", id, path: reader.text("path") };
    case PacketType.FSTAT:
      return { kind: "fstat", id, handle: reader.handle() };
    case PacketType.SETSTAT:
      return { kind: "setstat", id, path: reader.text("path"), attributes: readAttributes(reader) };
    case PacketType.FSETSTAT:
      return { kind: "fsetstat", id, handle: reader.handle(), attributes: readAttributes(reader) };
    case PacketType.OPENDIR:
      return { kind: "opendir", id, path: reader.text("path") };
    case PacketType.READDIR:
      return { kind: "readdir", id, handle: reader.handle() };
    case PacketType.REMOVE:
      return { kind: "remove", id, path: reader.text("path") };
    case PacketType.MKDIR:
      return { kind: "mkdir", id, path: reader.text("path"), attributes: readAttributes(reader) };
    case PacketType.RMDIR:
      return { kind: "rmdir", id, path: reader.text("path") };
    case PacketType.REALPATH:
      return { kind: "realpath", id, path: reader.text("path") };
    case PacketType.STAT:
      return { kind: "stat", id, path: reader.text("path") };
    case PacketType.RENAME:
      return { kind: "rename", id, from: reader.text("old path"), to: reader.text("new path") };
    case PacketType.READLINK:
      return { kind: "readlink", id, path: reader.text("path") };
    case PacketType.SYMLINK:
      return { kind: "symlink", id, target: reader.text("target"), path: reader.text("path") };
    case PacketType.EXTENDED:
      return decodeExtended(id, reader);
    default:
      return { kind: "unknown", type, id, body: reader.rest() };
  }
}

function decodeExtended(id: number, reader: ByteReader): Request {
  const name = reader.text("extension name");
  switch (name) {
    case ExtensionName.POSIX_RENAME:
      return { kind: "posix-rename", id, from: reader.text("old path"), to: reader.text("new path") };
    case ExtensionName.STATVFS:
      return { kind: "statvfs", id, path: reader.text("path") };
    case ExtensionName.FSTATVFS:
      return { kind: "fstatvfs", id, handle: reader.handle() };
    case ExtensionName.HARDLINK:
      return { kind: "hardlink", id, existing: reader.text("old path"), path: reader.text("new path") };
    case ExtensionName.FSYNC:
      return { kind: "fsync", id, handle: reader.handle() };
    case ExtensionName.LSETSTAT:
      return { kind: "lsetstat", id, path: reader.text("path"), attributes: readAttributes(reader) };
    case ExtensionName.LIMITS:
      return { kind: "limits", id };
    case ExtensionName.EXPAND_PATH:
      return { kind: "expand-path", id, path: reader.text("path") };
    case ExtensionName.COPY_DATA:
      return {
        kind: "copy-data",
        id,
        source: reader.handle(),
        sourceOffset: reader.uint64("read offset"),
        length: reader.uint64("length"),
        target: reader.handle(),
        targetOffset: reader.uint64("write offset"),
      };
    case ExtensionName.HOME_DIRECTORY:
      return { kind: "home-directory", id, user: reader.text("user") };
    case ExtensionName.USERS_GROUPS_BY_ID:
      return {
        kind: "users-groups-by-id",
        id,
        users: decodeIds(reader.bytes("user ids")),
        groups: decodeIds(reader.bytes("group ids")),
      };
    default:
      return { kind: "unknown-extension", id, name, data: reader.rest() };
  }
}

/** The pairs at the end of an INIT or a VERSION packet. */
export function readExtensionPairs(reader: ByteReader): ExtensionPair[] {
  const pairs: ExtensionPair[] = [];
  while (reader.remaining > 0) {
    pairs.push({ name: reader.text("extension name"), data: reader.text("extension data") });
  }
  return pairs;
}

/** Type and id; the length of the handle. */
const WRITE_HEAD_BYTES = 1 + 4 + 4;
/** Offset and length of the data. */
const WRITE_TAIL_BYTES = 8 + 4;

function decodeWrite(packet: Packet): WriteRequest {
  const head = withHead(packet, WRITE_HEAD_BYTES);
  const handleLength = head[0]!.readUInt32BE(5);
  const rest = withHead(head, WRITE_HEAD_BYTES + handleLength + WRITE_TAIL_BYTES);
  const reader = new ByteReader(rest[0]!, 1);
  const id = reader.uint32("id");
  const handle = reader.handle();
  const offset = reader.uint64("offset");
  const length = reader.uint32("length of its data");
  const pieces = [reader.rest(), ...rest.slice(1)].filter((piece) => piece.length > 0);
  const present = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > present) throw malformed("it ends inside its data");
  return { kind: "write", id, handle, offset, data: withoutSurplus(pieces, present - length), length };
}

/**
 * The pieces without so many bytes at their end. Only WRITE may bring more than it says: the clients on Go's pkg/sftp before
 * 1.13.6 (rclone up to 1.61) send a full buffer of which the beginning counts whenever they read less from their side.
 */
function withoutSurplus(pieces: readonly Buffer[], surplus: number): readonly Buffer[] {
  if (surplus === 0) return pieces;
  const kept = [...pieces];
  let left = surplus;
  while (left > 0) {
    const last = kept.pop()!;
    if (last.length > left) kept.push(last.subarray(0, last.length - left));
    left -= Math.min(left, last.length);
  }
  return kept;
}

/** The same bytes with at least `count` of them in the first piece. */
function withHead(pieces: Packet, count: number): Packet {
  if (pieces[0]!.length >= count) return pieces;
  let joined = 0;
  let bytes = 0;
  while (bytes < count) {
    const piece = pieces[joined];
    if (piece === undefined) throw malformed("it ends before its data");
    bytes += piece.length;
    joined += 1;
  }
  return [Buffer.concat(pieces.slice(0, joined)), ...pieces.slice(joined)];
}
