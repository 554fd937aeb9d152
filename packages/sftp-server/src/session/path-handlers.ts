import { OpenFlag } from "../codec/packet-types.js";
import type { OpenFlags } from "../file-system.js";
import { FileSystemError } from "../file-system-error.js";
import { bumpAllContentVersions } from "./content-version.js";
import { OpenDirectory } from "./open-directory.js";
import { OpenFile } from "./open-file.js";
import { type Handlers, singleName, success } from "./session-context.js";
import { checkText, normalizePath } from "./virtual-path.js";

type PathKind =
  | "open"
  | "opendir"
  | "lstat"
  | "stat"
  | "setstat"
  | "remove"
  | "mkdir"
  | "rmdir"
  | "realpath"
  | "rename"
  | "readlink"
  | "symlink";

/** Requests that name paths, draft-ietf-secsh-filexfer-02, sections 6.3 to 6.11. */
export const pathHandlers: Handlers<PathKind> = {
  async open({ fileSystem, handles, openFiles, settings }, { id, path, flags: bits, attributes }) {
    const normal = normalizePath(path);
    const flags = openFlags(bits);
    const handle = await handles.open(
      async () => new OpenFile(normal, flags, await fileSystem.open(normal, flags, attributes), openFiles),
    );
    settings.onEvent({ type: "file-opened", path: normal, flags });
    settings.logger.debug({ path: normal, flags: bits }, "file opened");
    return { kind: "handle", id, handle };
  },

  async opendir({ fileSystem, handles }, { id, path }) {
    const normal = normalizePath(path);
    const handle = await handles.open(
      async () => new OpenDirectory(normal, await fileSystem.opendir(normal)),
    );
    return { kind: "handle", id, handle };
  },

  async lstat({ fileSystem }, { id, path }) {
    return { kind: "attributes", id, attributes: await fileSystem.lstat(normalizePath(path)) };
  },

  async stat({ fileSystem }, { id, path }) {
    return { kind: "attributes", id, attributes: await fileSystem.stat(normalizePath(path)) };
  },

  async setstat({ fileSystem }, { id, path, attributes }) {
    try {
      await fileSystem.setstat(normalizePath(path), attributes);
    } finally {
      if (attributes.size !== undefined) bumpAllContentVersions();
    }
    return success(id);
  },

  async remove({ fileSystem }, { id, path }) {
    await fileSystem.remove(normalizePath(path));
    return success(id);
  },

  async mkdir({ fileSystem }, { id, path, attributes }) {
    await fileSystem.mkdir(normalizePath(path), attributes);
    return success(id);
  },

  async rmdir({ fileSystem }, { id, path }) {
    await fileSystem.rmdir(normalizePath(path));
    return success(id);
  },

  async realpath({ fileSystem }, { id, path }) {
    return singleName(id, await fileSystem.realpath(normalizePath(path)));
  },

  async rename({ fileSystem }, { id, from, to }) {
    await fileSystem.rename(normalizePath(from), normalizePath(to));
    return success(id);
  },

  async readlink({ fileSystem }, { id, path }) {
    if (fileSystem.readlink === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    return singleName(id, await fileSystem.readlink(normalizePath(path)));
  },

  async symlink({ fileSystem }, { id, target, path }) {
    if (fileSystem.symlink === undefined) throw new FileSystemError("ERR_NOT_SUPPORTED");
    checkText(target);
    await fileSystem.symlink(target, normalizePath(path));
    return success(id);
  },
};

function openFlags(bits: number): OpenFlags {
  const has = (bit: number) => (bits & bit) !== 0;
  return {
    // A client that asks for neither reading nor writing gets to read, as with OpenSSH.
    read: has(OpenFlag.READ) || !has(OpenFlag.WRITE),
    write: has(OpenFlag.WRITE),
    append: has(OpenFlag.APPEND),
    create: has(OpenFlag.CREAT),
    truncate: has(OpenFlag.TRUNC),
    exclusive: has(OpenFlag.EXCL),
  };
}
