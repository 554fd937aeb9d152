import { type FileAttributes, readAttributes, writeAttributes } from "./attributes.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { malformed } from "./codec-errors.js";
import type { ExtensionPair } from "./extensions.js";
import { DATA_HEADER_BYTES, MIN_PACKET_BYTES, PacketType } from "./packet-types.js";
import { readExtensionPairs } from "./request-decoder.js";
import { writeExtensionPairs } from "./request-encoder.js";

/** A reply of a server, draft-ietf-secsh-filexfer-02, sections 4 and 7. */
export type Reply =
  | VersionReply
  | StatusReply
  | HandleReply
  | DataReply
  | NameReply
  | AttributesReply
  | ExtendedReply;

/** The answer to INIT; the only reply without an id. */
export interface VersionReply {
  readonly kind: "version";
  readonly version: number;
  readonly extensions: readonly ExtensionPair[];
}

export interface StatusReply {
  readonly kind: "status";
  readonly id: number;
  /** One of `StatusCode`. */
  readonly code: number;
  readonly message: string;
  /** Language of the message (RFC 1766), or empty. */
  readonly language: string;
}

export interface HandleReply {
  readonly kind: "handle";
  readonly id: number;
  readonly handle: string;
}

export interface DataReply {
  readonly kind: "data";
  readonly id: number;
  readonly data: Buffer;
}

export interface NameReply {
  readonly kind: "name";
  readonly id: number;
  readonly names: readonly NameEntry[];
}

export interface NameEntry {
  readonly name: string;
  /** A line as `ls -l` prints it. */
  readonly longName: string;
  readonly attributes: FileAttributes;
}

export interface AttributesReply {
  readonly kind: "attributes";
  readonly id: number;
  readonly attributes: FileAttributes;
}

/** What an extended request asked for; `decodeStatistics` and others read its data. */
export interface ExtendedReply {
  readonly kind: "extended";
  readonly id: number;
  readonly data: Buffer;
}

/** Encodes a reply with its length in front. */
export function encodeReply(reply: Reply): Buffer {
  switch (reply.kind) {
    case "version": {
      const writer = new ByteWriter(PacketType.VERSION, 512).uint32(reply.version);
      writeExtensionPairs(writer, reply.extensions);
      return writer.finish();
    }
    case "status":
      return new ByteWriter(PacketType.STATUS)
        .uint32(reply.id)
        .uint32(reply.code)
        .text(reply.message)
        .text(reply.language)
        .finish();
    case "handle":
      return new ByteWriter(PacketType.HANDLE, 32).uint32(reply.id).handle(reply.handle).finish();
    case "data":
      return new ByteWriter(PacketType.DATA, reply.data.length + DATA_HEADER_BYTES)
        .uint32(reply.id)
        .bytes(reply.data)
        .finish();
    case "name": {
      const writer = new ByteWriter(PacketType.NAME, 64 + reply.names.length * 160);
      writer.uint32(reply.id).uint32(reply.names.length);
      for (const { name, longName, attributes } of reply.names) {
        writer.text(name).text(longName);
        writeAttributes(writer, attributes);
      }
      return writer.finish();
    }
    case "attributes": {
      const writer = new ByteWriter(PacketType.ATTRS).uint32(reply.id);
      writeAttributes(writer, reply.attributes);
      return writer.finish();
    }
    case "extended":
      return new ByteWriter(PacketType.EXTENDED_REPLY, reply.data.length + 8)
        .uint32(reply.id)
        .raw(reply.data)
        .finish();
  }
}

/** Writes the header of a DATA packet at the start of `packet`, whose data follow it. */
export function writeDataHeader(packet: Buffer, id: number, dataLength: number): void {
  packet.writeUInt32BE(DATA_HEADER_BYTES - 4 + dataLength, 0);
  packet[4] = PacketType.DATA;
  packet.writeUInt32BE(id, 5);
  packet.writeUInt32BE(dataLength, 9);
}

/**
 * Decodes a reply, given without its length field. The bytes of a DATA reply are a view of the packet.
 *
 * Errors: `ERR_SFTP_MALFORMED`, also for types that are no reply; `ERR_SFTP_OUT_OF_RANGE` for a size above 2^53 - 1.
 */
export function decodeReply(packet: Buffer): Reply {
  if (packet.length < MIN_PACKET_BYTES) throw malformed("it is too short to have a type and an id");
  const reader = new ByteReader(packet, 1);
  const reply = decodeBody(packet[0]!, reader);
  reader.end();
  return reply;
}

function decodeBody(type: number, reader: ByteReader): Reply {
  if (type === PacketType.VERSION) {
    return { kind: "version", version: reader.uint32("version"), extensions: readExtensionPairs(reader) };
  }
  const id = reader.uint32("id");
  switch (type) {
    case PacketType.STATUS:
      return {
        kind: "status",
        id,
        code: reader.uint32("code"),
        message: reader.text("message"),
        language: reader.text("language"),
      };
    case PacketType.HANDLE:
      return { kind: "handle", id, handle: reader.handle() };
    case PacketType.DATA:
      return { kind: "data", id, data: reader.bytes("data") };
    case PacketType.NAME:
      return { kind: "name", id, names: readNames(reader) };
    case PacketType.ATTRS:
      return { kind: "attributes", id, attributes: readAttributes(reader) };
    case PacketType.EXTENDED_REPLY:
      return { kind: "extended", id, data: reader.rest() };
    default:
      throw malformed(`its type, ${type}, is no reply`);
  }
}

function readNames(reader: ByteReader): NameEntry[] {
  const count = reader.uint32("count");
  // Two empty strings and the flags of empty attributes take twelve bytes.
  if (count > reader.remaining / 12) throw malformed("it announces more names than it holds");
  const names: NameEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    names.push({
      name: reader.text("name"),
      longName: reader.text("long name"),
      attributes: readAttributes(reader),
    });
  }
  return names;
}
