import {
  decodeName,
  ExtensionName,
  type FileAttributes,
  PacketType,
  type Reply,
  type Request,
} from "@waybill/sftp-server";
import fc from "fast-check";

/** Any bytes as a name: also those that are not UTF-8. */
export const anyName: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  )
  .map(decodeName);

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint53 = fc.oneof(uint32, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const handle = bytes.map((array) => array.toString("latin1"));
const pairs = fc.array(fc.record({ name: anyName, data: anyName }), { maxLength: 4 });

export const anyAttributes: fc.Arbitrary<FileAttributes> = fc.record(
  {
    size: uint53,
    owner: fc.record({ uid: uint32, gid: uint32 }),
    permissions: uint32,
    times: fc.record({ accessed: uint32, modified: uint32 }),
    extended: fc.array(fc.record({ type: anyName, data: bytes }), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

const requestTypes: ReadonlySet<number> = new Set([
  ...Object.values(PacketType).filter((type) => type <= PacketType.SYMLINK && type !== PacketType.VERSION),
  PacketType.EXTENDED,
]);
const extensionNames: ReadonlySet<string> = new Set(Object.values(ExtensionName));

const id = uint32;
const path = anyName;
const attributes = anyAttributes;
const kind = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);

export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ kind: kind("init"), version: uint32, extensions: pairs }),
  fc.record({ kind: kind("open"), id, path, flags: uint32, attributes }),
  fc.record({ kind: kind("read"), id, handle, offset: uint53, length: uint32 }),
  fc.record({ kind: kind("write"), id, handle, offset: uint53, data: bytes }).map((write) => ({
    ...write,
    data: write.data.length > 0 ? [write.data] : [],
    length: write.data.length,
  })),
  fc.record({ kind: kind("close", "fstat", "readdir", "fstatvfs", "fsync"), id, handle }),
  fc.record({ kind: kind("fsetstat"), id, handle, attributes }),
  fc.record({
    kind: kind(
      "lstat",
      "stat",
      "opendir",
      "remove",
      "rmdir",
      "realpath",
      "readlink",
      "statvfs",
      "expand-path",
    ),
    id,
    path,
  }),
  fc.record({ kind: kind("setstat", "mkdir", "lsetstat"), id, path, attributes }),
  fc.record({ kind: kind("rename", "posix-rename"), id, from: path, to: path }),
  fc.record({ kind: kind("symlink"), id, target: path, path }),
  fc.record({ kind: kind("hardlink"), id, existing: path, path }),
  fc.record({ kind: kind("limits"), id }),
  fc.record({
    kind: kind("copy-data"),
    id,
    source: handle,
    sourceOffset: uint53,
    length: uint53,
    target: handle,
    targetOffset: uint53,
  }),
  fc.record({ kind: kind("home-directory"), id, user: anyName }),
  fc.record({
    kind: kind("users-groups-by-id"),
    id,
    users: fc.array(uint32, { maxLength: 9 }),
    groups: fc.array(uint32, { maxLength: 9 }),
  }),
  fc.record({
    kind: kind("unknown-extension"),
    id,
    name: anyName.filter((name) => !extensionNames.has(name)),
    data: bytes,
  }),
  fc.record({
    kind: kind("unknown"),
    type: fc.integer({ min: 0, max: 255 }).filter((type) => !requestTypes.has(type)),
    id,
    body: bytes,
  }),
);

export const anyReply: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({ kind: kind("version"), version: uint32, extensions: pairs }),
  fc.record({ kind: kind("status"), id, code: uint32, message: anyName, language: anyName }),
  fc.record({ kind: kind("handle"), id, handle }),
  fc.record({ kind: kind("data"), id, data: bytes }),
  fc.record({
    kind: kind("name"),
    id,
    names: fc.array(fc.record({ name: anyName, longName: anyName, attributes }), { maxLength: 5 }),
  }),
  fc.record({ kind: kind("attributes"), id, attributes }),
  fc.record({ kind: kind("extended"), id, data: bytes }),
);
