import { describe, expect, test } from "@jest/globals";
import { errorCode, errorMessage, isTransferError, TransferError } from "./transfer-error.js";

class SpecialError extends TransferError {}

describe("TransferError", () => {
  test("carries code, message, cause and details", () => {
    const cause = new Error("underneath");
    const error = new TransferError("ERR_X", "x failed", { cause, details: { path: "/a" } });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: "ERR_X", message: "x failed", details: { path: "/a" } });
    expect(error.cause).toBe(cause);
    expect(error.stack).toContain("transfer-error.test");
  });

  test("has no cause and empty details unless they are given", () => {
    const error = new TransferError("ERR_X", "x failed");
    expect("cause" in error).toBe(false);
    expect(error.details).toEqual({});
  });

  test("is named after its class", () => {
    expect(new TransferError("ERR_X", "").name).toBe("TransferError");
    expect(new SpecialError("ERR_X", "").name).toBe("SpecialError");
  });
});

test("isTransferError compares class and code", () => {
  const error: unknown = new SpecialError("ERR_X", "");
  expect(isTransferError(error)).toBe(true);
  expect(isTransferError(error, "ERR_X")).toBe(true);
  expect(isTransferError(error, "ERR_Y")).toBe(false);
  expect(isTransferError(Object.assign(new Error(), { code: "ERR_X" }))).toBe(false);
});

test("errorCode reads the code of any error", () => {
  expect(errorCode(new TransferError("ERR_X", ""))).toBe("ERR_X");
  expect(errorCode(Object.assign(new Error(), { code: "ENOENT" }))).toBe("ENOENT");
  for (const other of [new Error(), { code: 5 }, null, undefined, "ENOENT"]) {
    expect(errorCode(other)).toBeUndefined();
  }
});

test("errorMessage takes anything that was thrown", () => {
  expect(errorMessage(new Error("x"))).toBe("x");
  expect(errorMessage("y")).toBe("y");
  expect(errorMessage(undefined)).toBe("undefined");
});
