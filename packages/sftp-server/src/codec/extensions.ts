import { ByteReader } from "./byte-reader.js";
import { malformed } from "./codec-errors.js";
import { encodeName } from "./names.js";

/** A pair of an INIT or a VERSION packet. The data of OpenSSH's extensions is their version, in digits. */
export interface ExtensionPair {
  readonly name: string;
  readonly data: string;
}

/** The extended requests that are known here, by their name on the wire (OpenSSH, PROTOCOL, sections 4.3 to 4.12). */
export const ExtensionName = {
  POSIX_RENAME: "posix-rename@openssh.com",
  STATVFS: "statvfs@openssh.com",
  FSTATVFS: "fstatvfs@openssh.com",
  HARDLINK: "hardlink@openssh.com",
  FSYNC: "fsync@openssh.com",
  LSETSTAT: "lsetstat@openssh.com",
  LIMITS: "limits@openssh.com",
  EXPAND_PATH: "expand-path@openssh.com",
  COPY_DATA: "copy-data",
  HOME_DIRECTORY: "home-directory",
  USERS_GROUPS_BY_ID: "users-groups-by-id@openssh.com",
} as const;

/** The version of each extension that is implemented here. */
export const EXTENSION_VERSIONS: Readonly<Record<string, string>> = {
  [ExtensionName.POSIX_RENAME]: "1",
  [ExtensionName.STATVFS]: "2",
  [ExtensionName.FSTATVFS]: "2",
  [ExtensionName.HARDLINK]: "1",
  [ExtensionName.FSYNC]: "1",
  [ExtensionName.LSETSTAT]: "1",
  [ExtensionName.LIMITS]: "1",
  [ExtensionName.EXPAND_PATH]: "1",
  [ExtensionName.COPY_DATA]: "1",
  [ExtensionName.HOME_DIRECTORY]: "1",
  [ExtensionName.USERS_GROUPS_BY_ID]: "1",
};

/** The state of a file system, as statvfs(3) tells it: the reply to `statvfs@openssh.com` and `fstatvfs@openssh.com`. */
export interface FileSystemStatistics {
  /** Bytes of a block as the file system prefers them. */
  readonly blockSize: bigint;
  /** Bytes of the unit in which blocks are counted. */
  readonly fragmentSize: bigint;
  readonly blocks: bigint;
  readonly freeBlocks: bigint;
  /** Free blocks for users other than root. */
  readonly availableBlocks: bigint;
  readonly files: bigint;
  readonly freeFiles: bigint;
  readonly availableFiles: bigint;
  readonly fileSystemId: bigint;
  /** {@link STATVFS_READ_ONLY}, {@link STATVFS_NO_SETUID}. */
  readonly flags: bigint;
  /** Longest name of a file, in bytes. */
  readonly maxNameLength: bigint;
}

export const STATVFS_READ_ONLY = 0x1n;
export const STATVFS_NO_SETUID = 0x2n;

const STATISTICS_FIELDS = [
  "blockSize",
  "fragmentSize",
  "blocks",
  "freeBlocks",
  "availableBlocks",
  "files",
  "freeFiles",
  "availableFiles",
  "fileSystemId",
  "flags",
  "maxNameLength",
] as const satisfies readonly (keyof FileSystemStatistics)[];

/** The reply to `limits@openssh.com`, all in bytes but the last. Zero: no limit of the server's own. */
export interface ServerLimits {
  readonly maxPacketLength: bigint;
  readonly maxReadLength: bigint;
  readonly maxWriteLength: bigint;
  readonly maxOpenHandles: bigint;
}

const LIMITS_FIELDS = [
  "maxPacketLength",
  "maxReadLength",
  "maxWriteLength",
  "maxOpenHandles",
] as const satisfies readonly (keyof ServerLimits)[];

/** The reply to `users-groups-by-id@openssh.com`: names in the order of the ids, empty where there is none. */
export interface AccountNames {
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

export function encodeStatistics(statistics: FileSystemStatistics): Buffer {
  return encodeFields(statistics, STATISTICS_FIELDS);
}

export function decodeStatistics(data: Buffer): FileSystemStatistics {
  return decodeFields(data, STATISTICS_FIELDS);
}

export function encodeLimits(limits: ServerLimits): Buffer {
  return encodeFields(limits, LIMITS_FIELDS);
}

export function decodeLimits(data: Buffer): ServerLimits {
  return decodeFields(data, LIMITS_FIELDS);
}

export function encodeAccountNames(names: AccountNames): Buffer {
  return Buffer.concat([encodeNameList(names.users), encodeNameList(names.groups)]);
}

export function decodeAccountNames(data: Buffer): AccountNames {
  const reader = new ByteReader(data);
  const names = {
    users: decodeNameList(reader.bytes("users")),
    groups: decodeNameList(reader.bytes("groups")),
  };
  reader.end();
  return names;
}

/** The list of ids inside `users-groups-by-id@openssh.com`. */
export function decodeIds(data: Buffer): number[] {
  if (data.length % 4 !== 0) throw malformed("its list of ids is not a multiple of four bytes");
  return Array.from({ length: data.length / 4 }, (_, index) => data.readUInt32BE(index * 4));
}

export function encodeIds(ids: readonly number[]): Buffer {
  const data = Buffer.allocUnsafe(ids.length * 4);
  ids.forEach((id, index) => {
    data.writeUInt32BE(id, index * 4);
  });
  return data;
}

function encodeFields<K extends string>(values: Readonly<Record<K, bigint>>, fields: readonly K[]): Buffer {
  const data = Buffer.allocUnsafe(fields.length * 8);
  fields.forEach((field, index) => {
    data.writeBigUInt64BE(BigInt.asUintN(64, values[field]), index * 8);
  });
  return data;
}

function decodeFields<K extends string>(data: Buffer, fields: readonly K[]): Record<K, bigint> {
  const reader = new ByteReader(data);
  const values = Object.fromEntries(fields.map((field) => [field, reader.bigUint64(field)]));
  reader.end();
  return values as Record<K, bigint>;
}

function encodeNameList(names: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const name of names) {
    const bytes = encodeName(name);
    parts.push(lengthPrefix(bytes.length), bytes);
  }
  const list = Buffer.concat(parts);
  return Buffer.concat([lengthPrefix(list.length), list]);
}

function decodeNameList(list: Buffer): string[] {
  const reader = new ByteReader(list);
  const names: string[] = [];
  while (reader.remaining > 0) names.push(reader.text("name"));
  return names;
}

function lengthPrefix(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(length, 0);
  return bytes;
}
