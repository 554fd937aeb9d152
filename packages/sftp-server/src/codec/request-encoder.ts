import { writeAttributes } from "./attributes.js";
import { ByteWriter } from "./byte-writer.js";
import { ExtensionName, type ExtensionPair, encodeIds } from "./extensions.js";
import { PacketType } from "./packet-types.js";
import type { Request, RequestKind } from "./requests.js";

/** The packet types of the requests that are not extensions. */
const TYPES = {
  init: PacketType.INIT,
  open: PacketType.OPEN,
  close: PacketType.CLOSE,
  read: PacketType.READ,
  write: PacketType.WRITE,
  lstat: PacketType.LSTAT,
  fstat: PacketType.FSTAT,
  setstat: PacketType.SETSTAT,
  fsetstat: PacketType.FSETSTAT,
  opendir: PacketType.OPENDIR,
  readdir: PacketType.READDIR,
  remove: PacketType.REMOVE,
  mkdir: PacketType.MKDIR,
  rmdir: PacketType.RMDIR,
  realpath: PacketType.REALPATH,
  stat: PacketType.STAT,
  rename: PacketType.RENAME,
  readlink: PacketType.READLINK,
  symlink: PacketType.SYMLINK,
} as const satisfies Partial<Record<RequestKind, number>>;

const EXTENSIONS = {
  "posix-rename": ExtensionName.POSIX_RENAME,
  statvfs: ExtensionName.STATVFS,
  fstatvfs: ExtensionName.FSTATVFS,
  hardlink: ExtensionName.HARDLINK,
  fsync: ExtensionName.FSYNC,
  lsetstat: ExtensionName.LSETSTAT,
  limits: ExtensionName.LIMITS,
  "expand-path": ExtensionName.EXPAND_PATH,
  "copy-data": ExtensionName.COPY_DATA,
  "home-directory": ExtensionName.HOME_DIRECTORY,
  "users-groups-by-id": ExtensionName.USERS_GROUPS_BY_ID,
} as const satisfies Partial<Record<RequestKind, string>>;

/** Encodes a request with its length in front: what a client sends, and the mirror of `decodeRequest`. */
export function encodeRequest(request: Request): Buffer {
  const writer = begin(request);
  switch (request.kind) {
    case "init":
      writer.uint32(request.version);
      writeExtensionPairs(writer, request.extensions);
      break;
    case "open":
      writer.text(request.path).uint32(request.flags);
      writeAttributes(writer, request.attributes);
      break;
    case "read":
      writer.handle(request.handle).uint64(request.offset).uint32(request.length);
      break;
    case "write":
      writer.handle(request.handle).uint64(request.offset).uint32(request.length);
      for (const piece of request.data) writer.raw(piece);
      break;
    case "close":
    case "fstat":
    case "readdir":
    case "fstatvfs":
    case "fsync":
      writer.handle(request.handle);
      break;
    case "fsetstat":
      writer.handle(request.handle);
      writeAttributes(writer, request.attributes);
      break;
    case "setstat":
    case "mkdir":
    case "lsetstat":
      writer.text(request.path);
      writeAttributes(writer, request.attributes);
      break;
    case "rename":
    case "posix-rename":
      writer.text(request.from).text(request.to);
      break;
    case "symlink":
      writer.text(request.target).text(request.path);
      break;
    case "hardlink":
      writer.text(request.existing).text(request.path);
      break;
    case "limits":
      break;
    case "copy-data":
      writer.handle(request.source).uint64(request.sourceOffset).uint64(request.length);
      writer.handle(request.target).uint64(request.targetOffset);
      break;
    case "home-directory":
      writer.text(request.user);
      break;
    case "users-groups-by-id":
      writer.bytes(encodeIds(request.users)).bytes(encodeIds(request.groups));
      break;
    case "unknown-extension":
      writer.raw(request.data);
      break;
    case "unknown":
      writer.raw(request.body);
      break;
    default:
      writer.text(request.path);
  }
  return writer.finish();
}

function begin(request: Request): ByteWriter {
  if (request.kind === "init") return new ByteWriter(PacketType.INIT);
  if (request.kind === "unknown") return new ByteWriter(request.type).uint32(request.id);
  if (request.kind === "unknown-extension") {
    return new ByteWriter(PacketType.EXTENDED).uint32(request.id).text(request.name);
  }
  if (request.kind === "write") {
    return new ByteWriter(PacketType.WRITE, request.length + 64).uint32(request.id);
  }
  if (request.kind in EXTENSIONS) {
    const name = EXTENSIONS[request.kind as keyof typeof EXTENSIONS];
    return new ByteWriter(PacketType.EXTENDED).uint32(request.id).text(name);
  }
  return new ByteWriter(TYPES[request.kind as keyof typeof TYPES]).uint32(request.id);
}

export function writeExtensionPairs(writer: ByteWriter, pairs: readonly ExtensionPair[]): void {
  for (const { name, data } of pairs) writer.text(name).text(data);
}
