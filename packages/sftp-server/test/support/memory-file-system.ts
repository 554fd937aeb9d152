import {
  type DirectoryHandle,
  type FileAttributes,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenFlags,
} from "@waybill/sftp-server";

interface MemoryFile {
  readonly kind: "file";
  readonly identity: string;
  content: Buffer;
}

interface MemoryFolder {
  readonly kind: "folder";
  readonly entries: Map<string, MemoryFile | MemoryFolder>;
}

/** The smallest useful back end: files in memory, no links, no owners. Shows what `FileSystem` asks for. */
export class MemoryFileSystem implements FileSystem {
  readonly #root: MemoryFolder = { kind: "folder", entries: new Map() };
  #files = 0;

  async open(path: string, flags: OpenFlags, _attributes: FileAttributes): Promise<FileHandle> {
    const { folder, name } = this.#parentOf(path);
    let file = folder.entries.get(name);
    if (file?.kind === "folder") throw new FileSystemError("ERR_IS_A_DIRECTORY");
    if (file !== undefined && flags.create && flags.exclusive) throw new FileSystemError("ERR_FILE_EXISTS");
    if (file === undefined) {
      if (!flags.create) throw new FileSystemError("ERR_NO_SUCH_FILE");
      this.#files += 1;
      file = { kind: "file", identity: `memory:${this.#files}`, content: Buffer.alloc(0) };
      folder.entries.set(name, file);
    }
    if (flags.truncate) file.content = Buffer.alloc(0);
    return new MemoryHandle(file, flags.append);
  }

  async opendir(path: string): Promise<DirectoryHandle> {
    const folder = this.#find(path);
    if (folder.kind !== "folder") throw new FileSystemError("ERR_NOT_A_DIRECTORY");
    let entries = [...folder.entries].map(([name, node]) => ({ name, attributes: attributesOf(node) }));
    return {
      read: async () => {
        const batch = entries;
        entries = [];
        return batch;
      },
      close: async () => {},
    };
  }

  async stat(path: string): Promise<FileAttributes> {
    return attributesOf(this.#find(path));
  }

  async lstat(path: string): Promise<FileAttributes> {
    return attributesOf(this.#find(path));
  }

  async setstat(path: string, attributes: FileAttributes): Promise<void> {
    const node = this.#find(path);
    if (node.kind === "file" && attributes.size !== undefined)
      node.content = resized(node.content, attributes.size);
  }

  async mkdir(path: string): Promise<void> {
    const { folder, name } = this.#parentOf(path);
    if (folder.entries.has(name)) throw new FileSystemError("ERR_FILE_EXISTS");
    folder.entries.set(name, { kind: "folder", entries: new Map() });
  }

  async rmdir(path: string): Promise<void> {
    const { folder, name } = this.#parentOf(path);
    const node = this.#find(path);
    if (node.kind !== "folder") throw new FileSystemError("ERR_NOT_A_DIRECTORY");
    if (node.entries.size > 0) throw new FileSystemError("ERR_DIRECTORY_NOT_EMPTY");
    folder.entries.delete(name);
  }

  async remove(path: string): Promise<void> {
    const { folder, name } = this.#parentOf(path);
    if (this.#find(path).kind !== "file") throw new FileSystemError("ERR_IS_A_DIRECTORY");
    folder.entries.delete(name);
  }

  async rename(from: string, to: string): Promise<void> {
    const node = this.#find(from);
    const source = this.#parentOf(from);
    const target = this.#parentOf(to);
    if (target.folder.entries.has(target.name)) throw new FileSystemError("ERR_FILE_EXISTS");
    source.folder.entries.delete(source.name);
    target.folder.entries.set(target.name, node);
  }

  async realpath(path: string): Promise<string> {
    return path;
  }

  #find(path: string): MemoryFile | MemoryFolder {
    let node: MemoryFile | MemoryFolder | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      node = node?.kind === "folder" ? node.entries.get(name) : undefined;
    }
    if (node === undefined) throw new FileSystemError("ERR_NO_SUCH_FILE");
    return node;
  }

  #parentOf(path: string): { folder: MemoryFolder; name: string } {
    const slash = path.lastIndexOf("/");
    const folder = this.#find(path.slice(0, slash));
    if (folder.kind !== "folder") throw new FileSystemError("ERR_NOT_A_DIRECTORY");
    return { folder, name: path.slice(slash + 1) };
  }
}

class MemoryHandle implements FileHandle {
  readonly identity: string;
  readonly #file: MemoryFile;
  readonly #append: boolean;

  constructor(file: MemoryFile, append: boolean) {
    this.identity = file.identity;
    this.#file = file;
    this.#append = append;
  }

  async read(buffers: readonly Buffer[], position: number): Promise<number> {
    let at = position;
    const { content } = this.#file;
    for (const buffer of buffers) at += content.copy(buffer, 0, Math.min(at, content.length));
    return at - position;
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    const data = Buffer.concat(buffers);
    const at = this.#append ? this.#file.content.length : position;
    this.#file.content = resized(this.#file.content, Math.max(this.#file.content.length, at + data.length));
    data.copy(this.#file.content, at);
  }

  async stat(): Promise<FileAttributes> {
    return attributesOf(this.#file);
  }

  async setstat({ size }: FileAttributes): Promise<void> {
    if (size !== undefined) this.#file.content = resized(this.#file.content, size);
  }

  async close(): Promise<void> {}
}

function attributesOf(node: MemoryFile | MemoryFolder): FileAttributes {
  if (node.kind === "folder") return { permissions: 0o040755 };
  return { permissions: 0o100644, size: node.content.length };
}

function resized(content: Buffer, size: number): Buffer {
  return Buffer.concat([content, Buffer.alloc(Math.max(size - content.length, 0))]).subarray(0, size);
}
