import { expect, test } from "@jest/globals";
import { abortError, throwIfAborted } from "./abort.js";
import { TransferError } from "./transfer-error.js";

test("abortError keeps the reason", () => {
  const reason = new Error("the user left");
  const error = abortError(AbortSignal.abort(reason));
  expect(error).toBeInstanceOf(TransferError);
  expect(error.code).toBe("ERR_ABORTED");
  expect(error.cause).toBe(reason);
});

test("throwIfAborted throws for aborted signals only", () => {
  expect(() => throwIfAborted(undefined)).not.toThrow();
  expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  expect(() => throwIfAborted(AbortSignal.abort())).toThrow(expect.objectContaining({ code: "ERR_ABORTED" }));
});
