import { describe, expect, test } from "@jest/globals";
import { TransferError } from "@waybill/net-core";
import { StatusCode } from "./codec/packet-types.js";
import { FileSystemError, statusOf } from "./file-system-error.js";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: open '/srv/real/path'`), { code });
}

describe("statusOf", () => {
  test.each([
    ["ENOENT", StatusCode.NO_SUCH_FILE, "No such file or directory"],
    ["ENOTDIR", StatusCode.NO_SUCH_FILE, "Not a directory"],
    ["ELOOP", StatusCode.NO_SUCH_FILE, "Too many levels of symbolic links"],
    ["EACCES", StatusCode.PERMISSION_DENIED, "Permission denied"],
    ["EPERM", StatusCode.PERMISSION_DENIED, "Permission denied"],
    ["EROFS", StatusCode.PERMISSION_DENIED, "The file system is read-only"],
    ["ENOSPC", StatusCode.FAILURE, "No space left on device"],
    ["EDQUOT", StatusCode.FAILURE, "Disk quota exceeded"],
    ["EFBIG", StatusCode.FAILURE, "File too large"],
    ["ENAMETOOLONG", StatusCode.FAILURE, "File name too long"],
    ["EEXIST", StatusCode.FAILURE, "File exists"],
    ["ENOTEMPTY", StatusCode.FAILURE, "Directory not empty"],
    ["EXDEV", StatusCode.FAILURE, "Not on the same file system"],
    ["EMFILE", StatusCode.FAILURE, "Too many open files"],
    ["ENOTSUP", StatusCode.OP_UNSUPPORTED, "Operation unsupported"],
  ])("%s is %i, %s, without the path", (code, status, message) => {
    expect(statusOf(systemError(code))).toEqual({ code: status, message, unexpected: false });
  });

  test("takes the words of a file system's own error", () => {
    const error = new FileSystemError("ERR_NO_SPACE", "Your quota of 5 GB is used up");
    expect(statusOf(error)).toEqual({
      code: StatusCode.FAILURE,
      message: "Your quota of 5 GB is used up",
      unexpected: false,
    });
    expect(new FileSystemError("ERR_FILE_EXISTS").message).toBe("File exists");
  });

  test("tells nothing of what it does not know, and says that nobody expected it", () => {
    for (const error of [
      new Error("secret"),
      systemError("EWHATEVER"),
      "text",
      undefined,
      new TransferError("ERR_X", "secret"),
    ]) {
      expect(statusOf(error)).toEqual({ code: StatusCode.FAILURE, message: "Failure", unexpected: true });
    }
  });
});
