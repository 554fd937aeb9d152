import {
  EXTENSION_VERSIONS,
  ExtensionName,
  type ExtensionPair,
  encodeAccountNames,
  encodeLimits,
} from "../codec/extensions.js";
import { StatusCode } from "../codec/packet-types.js";
import type { FileSystem } from "../file-system.js";
import { FileSystemError } from "../file-system-error.js";
import { copyData } from "./copy-data.js";
import { type Handlers, singleName, status, success } from "./session-context.js";
import { maxDataBytes } from "./session-options.js";
import { statisticsReply } from "./statistics-reply.js";
import { normalizePath } from "./virtual-path.js";

type ExtensionKind =
  | "posix-rename"
  | "statvfs"
  | "hardlink"
  | "lsetstat"
  | "limits"
  | "expand-path"
  | "copy-data"
  | "home-directory"
  | "users-groups-by-id"
  | "unknown-extension"
  | "unknown";

/** Extended requests (OpenSSH, PROTOCOL, sections 4.3 to 4.12) that do not name a handle, and what is not known. */
export const extensionHandlers: Handlers<ExtensionKind> = {
  async "posix-rename"({ fileSystem }, { id, from, to }) {
    if (fileSystem.posixRename === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    await fileSystem.posixRename(normalizePath(from), normalizePath(to));
    return success(id);
  },

  async statvfs({ fileSystem, settings }, { id, path }) {
    if (fileSystem.statvfs === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    return statisticsReply(settings.readOnly, id, await fileSystem.statvfs(normalizePath(path)));
  },

  async hardlink({ fileSystem }, { id, existing, path }) {
    if (fileSystem.hardlink === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    await fileSystem.hardlink(normalizePath(existing), normalizePath(path));
    return success(id);
  },

  async lsetstat({ fileSystem }, { id, path, attributes }) {
    if (fileSystem.lsetstat === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    if (attributes.size !== undefined) {
      throw new FileSystemError("ERR_INVALID_ARGUMENT", "A symbolic link has no size that could be set");
    }
    await fileSystem.lsetstat(normalizePath(path), attributes);
    return success(id);
  },

  async limits({ settings }, { id }) {
    const data = encodeLimits({
      maxPacketLength: BigInt(settings.maxPacketBytes),
      maxReadLength: BigInt(maxDataBytes(settings)),
      maxWriteLength: BigInt(maxDataBytes(settings)),
      maxOpenHandles: BigInt(settings.maxHandles),
    });
    return { kind: "extended", id, data };
  },

  async "expand-path"({ fileSystem }, { id, path }) {
    const { user, rest } = splitTilde(path);
    if (user === undefined) return singleName(id, await fileSystem.realpath(normalizePath(rest)));
    const home = await homeOf(fileSystem, user);
    return singleName(id, await fileSystem.realpath(normalizePath(`${home}/${rest}`)));
  },

  async "copy-data"(context, request) {
    if (await copyData(context, request)) return success(request.id);
    return status(request.id, StatusCode.EOF, "The file to copy from ended early");
  },

  async "home-directory"({ fileSystem }, { id, user }) {
    return singleName(id, await homeOf(fileSystem, user));
  },

  async "users-groups-by-id"({ fileSystem }, { id, users, groups }) {
    if (fileSystem.accountNames === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    return { kind: "extended", id, data: encodeAccountNames(await fileSystem.accountNames(users, groups)) };
  },

  async "unknown-extension"(_context, { id }) {
    return status(id, StatusCode.OP_UNSUPPORTED, "Extension unsupported");
  },

  async unknown(_context, { id }) {
    return status(id, StatusCode.OP_UNSUPPORTED, "Operation unsupported");
  },
};

/** The extensions to announce: those that the file system can do. */
export function announcedExtensions(fileSystem: FileSystem): ExtensionPair[] {
  const missing = new Set<string>();
  if (fileSystem.posixRename === undefined) missing.add(ExtensionName.POSIX_RENAME);
  if (fileSystem.statvfs === undefined) missing.add(ExtensionName.STATVFS).add(ExtensionName.FSTATVFS);
  if (fileSystem.hardlink === undefined) missing.add(ExtensionName.HARDLINK);
  if (fileSystem.lsetstat === undefined) missing.add(ExtensionName.LSETSTAT);
  if (fileSystem.accountNames === undefined) missing.add(ExtensionName.USERS_GROUPS_BY_ID);
  return Object.entries(EXTENSION_VERSIONS)
    .filter(([name]) => !missing.has(name))
    .map(([name, data]) => ({ name, data }));
}

async function homeOf(fileSystem: FileSystem, user: string): Promise<string> {
  return (await fileSystem.homeDirectory?.(user)) ?? "/";
}

/** `~user/rest` in its parts; the user is undefined when the path does not begin with a tilde. */
function splitTilde(path: string): { user: string | undefined; rest: string } {
  if (!path.startsWith("~")) return { user: undefined, rest: path };
  const slash = path.indexOf("/");
  if (slash < 0) return { user: path.slice(1), rest: "" };
  return { user: path.slice(1, slash), rest: path.slice(slash + 1) };
}
