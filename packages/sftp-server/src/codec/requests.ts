import type { FileAttributes } from "./attributes.js";
import type { ExtensionPair } from "./extensions.js";

/**
 * A request of a client, draft-ietf-secsh-filexfer-02, sections 4, 6 and 8, and the extensions of OpenSSH's PROTOCOL.
 *
 * Handles are strings of one character to the byte (latin1). Paths are as {@link decodeName} gives them.
 */
export type Request =
  | InitRequest
  | OpenRequest
  | ReadRequest
  | WriteRequest
  | HandleRequest
  | FsetstatRequest
  | PathRequest
  | PathAttributesRequest
  | TwoPathsRequest
  | SymlinkRequest
  | HardlinkRequest
  | LimitsRequest
  | CopyDataRequest
  | HomeDirectoryRequest
  | UsersGroupsByIdRequest
  | UnknownExtensionRequest
  | UnknownRequest;

export type RequestKind = Request["kind"];

/** The first packet of a session; the only one without an id. */
export interface InitRequest {
  readonly kind: "init";
  readonly version: number;
  readonly extensions: readonly ExtensionPair[];
}

export interface OpenRequest {
  readonly kind: "open";
  readonly id: number;
  readonly path: string;
  /** Bits of `OpenFlag`. */
  readonly flags: number;
  readonly attributes: FileAttributes;
}

export interface ReadRequest {
  readonly kind: "read";
  readonly id: number;
  readonly handle: string;
  readonly offset: number;
  /** Bytes, at most. */
  readonly length: number;
}

export interface WriteRequest {
  readonly kind: "write";
  readonly id: number;
  readonly handle: string;
  readonly offset: number;
  /** The data in order, as slices of what came in. */
  readonly data: readonly Buffer[];
  /** Bytes of all of `data`. */
  readonly length: number;
}

export interface HandleRequest {
  readonly kind: "close" | "fstat" | "readdir" | "fstatvfs" | "fsync";
  readonly id: number;
  readonly handle: string;
}

export interface FsetstatRequest {
  readonly kind: "fsetstat";
  readonly id: number;
  readonly handle: string;
  readonly attributes: FileAttributes;
}

export interface PathRequest {
  readonly kind:
    | "lstat"
    | "stat"
    | "opendir"
    | "remove"
    | "rmdir"
    | "realpath"
    | "readlink"
    | "statvfs"
    | "expand-path";
  readonly id: number;
  readonly path: string;
}

export interface PathAttributesRequest {
  readonly kind: "setstat" | "mkdir" | "lsetstat";
  readonly id: number;
  readonly path: string;
  readonly attributes: FileAttributes;
}

export interface TwoPathsRequest {
  readonly kind: "rename" | "posix-rename";
  readonly id: number;
  readonly from: string;
  readonly to: string;
}

/**
 * The draft puts the path of the link first; OpenSSH's server took the target first, clients followed, and so do we
 * (OpenSSH, PROTOCOL, section 4.1).
 */
export interface SymlinkRequest {
  readonly kind: "symlink";
  readonly id: number;
  readonly target: string;
  readonly path: string;
}

export interface HardlinkRequest {
  readonly kind: "hardlink";
  readonly id: number;
  readonly existing: string;
  readonly path: string;
}

export interface LimitsRequest {
  readonly kind: "limits";
  readonly id: number;
}

export interface CopyDataRequest {
  readonly kind: "copy-data";
  readonly id: number;
  readonly source: string;
  readonly sourceOffset: number;
  /** Bytes; zero: up to the end of the file. */
  readonly length: number;
  readonly target: string;
  readonly targetOffset: number;
}

export interface HomeDirectoryRequest {
  readonly kind: "home-directory";
  readonly id: number;
  /** Empty: the user of the session. */
  readonly user: string;
}

export interface UsersGroupsByIdRequest {
  readonly kind: "users-groups-by-id";
  readonly id: number;
  readonly users: readonly number[];
  readonly groups: readonly number[];
}

/** An EXTENDED request of a name that is not known here. */
export interface UnknownExtensionRequest {
  readonly kind: "unknown-extension";
  readonly id: number;
  readonly name: string;
  readonly data: Buffer;
}

/** A packet of a type that is no request of version 3. */
export interface UnknownRequest {
  readonly kind: "unknown";
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}
