import { expect, test } from "@jest/globals";
import { TransferError } from "@waybill/net-core";
import { isBadInput, isRefusal, isSessionLoss, pkcs11Error, returnValueOf } from "./cryptoki-errors.js";

test.each([
  [0xa0, "ERR_PKCS11_PIN_WRONG"],
  [0xa1, "ERR_PKCS11_PIN_WRONG"],
  [0xa2, "ERR_PKCS11_PIN_WRONG"],
  [0xa3, "ERR_PKCS11_PIN_LOCKED"],
  [0xa4, "ERR_PKCS11_PIN_LOCKED"],
  [0x102, "ERR_PKCS11_TOKEN"],
  [0x3, "ERR_PKCS11_TOKEN_REMOVED"],
  [0x32, "ERR_PKCS11_TOKEN_REMOVED"],
  [0xe0, "ERR_PKCS11_TOKEN_REMOVED"],
  [0xe1, "ERR_PKCS11_TOKEN_REMOVED"],
  [0xb0, "ERR_PKCS11_SESSION_LOST"],
  [0xb3, "ERR_PKCS11_SESSION_LOST"],
  [0x101, "ERR_PKCS11_SESSION_LOST"],
  [0x5, "ERR_PKCS11_FAILED"],
])("the return value 0x%s", (value, code) => {
  const cause = new Error(`CKR_SOMETHING:${value}\n    at PKCS11.C_Login (native)`);
  expect(pkcs11Error(cause, "logging in", 'token "one"')).toMatchObject({
    code,
    cause,
    details: { token: 'token "one"', returnValue: value },
    message: expect.stringMatching(/^token "one": /),
  });
});

test("errors that are none of the module's", () => {
  const ours = new TransferError("ERR_X", "x");
  expect(pkcs11Error(ours, "signing", "token")).toBe(ours);
  expect(pkcs11Error(new TypeError("x"), "signing", "token")).toMatchObject({
    code: "ERR_PKCS11_FAILED",
    message: "token: signing failed",
  });
  expect(returnValueOf(new Error("x"))).toBeUndefined();
  expect(returnValueOf(undefined)).toBeUndefined();
  expect(returnValueOf(Object.assign(new Error("CKR_DEVICE_ERROR"), { code: 0x30 }))).toBe(0x30);
});

test("what is worth another try", () => {
  const error = (value: number) => new Error(`CKR_X:${value}`);
  expect([0x70, 0x68, 0xa0, 0x5].map((value) => isRefusal(error(value)))).toEqual([true, true, false, false]);
  expect([0xb3, 0x101, 0x32].map((value) => isSessionLoss(error(value)))).toEqual([true, true, false]);
  expect([0x40, 0x5, 0x101].map((value) => isBadInput(error(value)))).toEqual([true, true, false]);
});
