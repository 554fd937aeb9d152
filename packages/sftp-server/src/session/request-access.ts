import { OpenFlag } from "../codec/packet-types.js";
import type { Request, RequestKind } from "../codec/requests.js";
import type { HandleTable } from "./handle-table.js";
import { type Access, NO_ACCESS, PATH_CHANGE, PATH_READ } from "./request-order.js";

const CHANGING_OPEN = OpenFlag.CREAT | OpenFlag.TRUNC;
const WRITING_OPEN = OpenFlag.WRITE | OpenFlag.APPEND | CHANGING_OPEN;

const CHANGING_KINDS: ReadonlySet<RequestKind> = new Set([
  "write",
  "setstat",
  "fsetstat",
  "lsetstat",
  "mkdir",
  "rmdir",
  "remove",
  "rename",
  "posix-rename",
  "symlink",
  "hardlink",
  "copy-data",
]);

/** Whether a read-only session refuses the request. */
export function changesSomething(request: Request): boolean {
  if (request.kind === "open") return (request.flags & WRITING_OPEN) !== 0;
  return CHANGING_KINDS.has(request.kind);
}

/** What a request touches. One with a handle that is not valid touches nothing: it will fail. */
export function accessOf(request: Request, handles: HandleTable): Access {
  switch (request.kind) {
    case "read":
    case "fstat":
    case "fstatvfs":
      return fileAccess(request.handle, "read", handles);
    case "write":
      return fileAccess(request.handle, "write", handles);
    case "fsync":
      return fileAccess(request.handle, "sync", handles);
    case "fsetstat":
      return fileAccess(request.handle, "change", handles);
    case "close":
      return fileAccess(request.handle, "close", handles);
    case "readdir":
      return fileAccess(request.handle, "read", handles);
    case "copy-data":
      return copyAccess(request.source, request.target, handles);
    case "open":
      return (request.flags & CHANGING_OPEN) === 0 ? PATH_READ : PATH_CHANGE;
    case "lstat":
    case "stat":
    case "opendir":
    case "realpath":
    case "readlink":
    case "statvfs":
    case "expand-path":
      return PATH_READ;
    case "setstat":
    case "lsetstat":
    case "mkdir":
    case "rmdir":
    case "remove":
    case "rename":
    case "posix-rename":
    case "symlink":
    case "hardlink":
      return PATH_CHANGE;
    default:
      return NO_ACCESS;
  }
}

type FileAccess = "read" | "write" | "sync" | "change" | "close";

function fileAccess(handle: string, access: FileAccess, handles: HandleTable): Access {
  const entry = handles.find(handle);
  if (entry === undefined) return NO_ACCESS;
  return entry.kind === "file" ? entry.access[access] : entry.access;
}

function copyAccess(source: string, target: string, handles: HandleTable): Access {
  const from = handles.find(source);
  const to = handles.find(target);
  if (from?.kind !== "file" || to?.kind !== "file") return NO_ACCESS;
  return { on: "file", mode: "exclusive", changes: true, files: [from.activity, to.activity] };
}
