import { errorCode, isTransferError, TransferError, type TransferErrorOptions } from "@waybill/net-core";
import { StatusCode } from "./codec/packet-types.js";

/** What the client is told for each code: the status, and the words unless the error brings its own. */
const STATUSES = {
  ERR_NO_SUCH_FILE: [StatusCode.NO_SUCH_FILE, "No such file or directory"],
  ERR_NOT_A_DIRECTORY: [StatusCode.NO_SUCH_FILE, "Not a directory"],
  ERR_TOO_MANY_LINKS: [StatusCode.NO_SUCH_FILE, "Too many levels of symbolic links"],
  ERR_PERMISSION_DENIED: [StatusCode.PERMISSION_DENIED, "Permission denied"],
  ERR_READ_ONLY: [StatusCode.PERMISSION_DENIED, "The file system is read-only"],
  ERR_FILE_EXISTS: [StatusCode.FAILURE, "File exists"],
  ERR_DIRECTORY_NOT_EMPTY: [StatusCode.FAILURE, "Directory not empty"],
  ERR_IS_A_DIRECTORY: [StatusCode.FAILURE, "Is a directory"],
  ERR_NOT_A_REGULAR_FILE: [StatusCode.FAILURE, "Not a regular file"],
  ERR_NO_SPACE: [StatusCode.FAILURE, "No space left on device"],
  ERR_QUOTA_EXCEEDED: [StatusCode.FAILURE, "Disk quota exceeded"],
  ERR_FILE_TOO_LARGE: [StatusCode.FAILURE, "File too large"],
  ERR_NAME_TOO_LONG: [StatusCode.FAILURE, "File name too long"],
  ERR_INVALID_NAME: [StatusCode.BAD_MESSAGE, "Invalid file name"],
  ERR_INVALID_ARGUMENT: [StatusCode.FAILURE, "Invalid argument"],
  ERR_INVALID_HANDLE: [StatusCode.FAILURE, "Invalid handle"],
  ERR_TOO_MANY_HANDLES: [StatusCode.FAILURE, "Too many open files"],
  ERR_CROSS_DEVICE: [StatusCode.FAILURE, "Not on the same file system"],
  ERR_BUSY: [StatusCode.FAILURE, "Resource busy"],
  ERR_SHUTTING_DOWN: [StatusCode.FAILURE, "The server is shutting down"],
  ERR_NOT_SUPPORTED: [StatusCode.OP_UNSUPPORTED, "Operation unsupported"],
  ERR_INPUT_OUTPUT: [StatusCode.FAILURE, "Input/output error"],
} as const satisfies Record<string, readonly [status: number, words: string]>;

export type FileSystemErrorCode = keyof typeof STATUSES;

/** The system's own error codes. All others are told as a plain failure. */
const SYSTEM_CODES: Readonly<Record<string, FileSystemErrorCode>> = {
  ENOENT: "ERR_NO_SUCH_FILE",
  ENOTDIR: "ERR_NOT_A_DIRECTORY",
  ELOOP: "ERR_TOO_MANY_LINKS",
  EACCES: "ERR_PERMISSION_DENIED",
  EPERM: "ERR_PERMISSION_DENIED",
  EROFS: "ERR_READ_ONLY",
  EEXIST: "ERR_FILE_EXISTS",
  ENOTEMPTY: "ERR_DIRECTORY_NOT_EMPTY",
  EISDIR: "ERR_IS_A_DIRECTORY",
  ENOSPC: "ERR_NO_SPACE",
  EDQUOT: "ERR_QUOTA_EXCEEDED",
  EFBIG: "ERR_FILE_TOO_LARGE",
  ENAMETOOLONG: "ERR_NAME_TOO_LONG",
  EINVAL: "ERR_INVALID_ARGUMENT",
  EBADF: "ERR_INVALID_HANDLE",
  EMFILE: "ERR_TOO_MANY_HANDLES",
  ENFILE: "ERR_TOO_MANY_HANDLES",
  EXDEV: "ERR_CROSS_DEVICE",
  EBUSY: "ERR_BUSY",
  ETXTBSY: "ERR_BUSY",
  ENXIO: "ERR_NOT_A_REGULAR_FILE",
  ENOSYS: "ERR_NOT_SUPPORTED",
  ENOTSUP: "ERR_NOT_SUPPORTED",
  EOPNOTSUPP: "ERR_NOT_SUPPORTED",
  EIO: "ERR_INPUT_OUTPUT",
};

/**
 * What a {@link FileSystem} throws when it cannot do something. The code decides the status that the client gets; the
 * message, which defaults to usual words for the code, is sent to the client: put no path of the server in it.
 */
export class FileSystemError extends TransferError {
  declare readonly code: FileSystemErrorCode;

  constructor(
    code: FileSystemErrorCode,
    message: string = STATUSES[code][1],
    options?: TransferErrorOptions,
  ) {
    super(code, message, options);
  }
}

/** A status for the client, and whether it stands for something that nobody expected. */
export interface ErrorStatus {
  readonly code: number;
  readonly message: string;
  readonly unexpected: boolean;
}

/**
 * The status for anything that a file system threw. {@link FileSystemError}s speak for themselves; of system errors
 * (`ENOENT` and the like) only the code counts, because their message names real paths; all else is a bare failure.
 */
export function statusOf(error: unknown): ErrorStatus {
  if (error instanceof FileSystemError) {
    return { code: STATUSES[error.code][0], message: error.message, unexpected: false };
  }
  if (isTransferError(error, "ERR_SFTP_MALFORMED")) {
    return { code: StatusCode.BAD_MESSAGE, message: error.message, unexpected: false };
  }
  if (isTransferError(error, "ERR_SFTP_OUT_OF_RANGE")) {
    return { code: StatusCode.FAILURE, message: error.message, unexpected: false };
  }
  const known = SYSTEM_CODES[errorCode(error) ?? ""];
  if (known === undefined) return { code: StatusCode.FAILURE, message: "Failure", unexpected: true };
  const [code, message] = STATUSES[known];
  return { code, message, unexpected: known === "ERR_INPUT_OUTPUT" };
}
