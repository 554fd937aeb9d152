import { describe, expect, test } from "@jest/globals";
import { cmsHere } from "./cms-fixtures.js";

describe("wrong options: usage and exit code 2", () => {
  test.each([
    [["seal", "--out", "y", "x"], /say what is to be done: --sign, --compress, --encrypt/],
    [["seal", "--compress", "x"], /required option '-o, --out <file>'/],
    [["seal", "--compress", "--out", "y"], /the file to seal is missing/],
    [["seal", "--out", "y", "--encrypt", "x"], /the file to seal is missing/],
    [["seal", "--compress", "--out", "y", "x", "z"], /too many arguments/],
    [["seal", "--compress", "--include-certificates", "--out", "y", "x"], /goes with --sign/],
    [["seal", "--sign", "s", "--suite", "01", "--out", "y", "x"], /suite 01 uses SHA-1.*needs --allow-weak/],
    [
      ["seal", "--encrypt", "s", "--suite", "2", "--out", "y", "x"],
      /suite 02 uses SHA-1.*needs --allow-weak/,
    ],
    [["seal", "--sign", "s", "--suite", "11", "--out", "y", "x"], /there are 01 to 10/],
    [["seal", "--sign", "s", "--suite", "0", "--out", "y", "x"], /there are 01 to 10/],
    [
      ["seal", "--sign", "s", "--token", "t", "--out", "y", import.meta.filename],
      /--token goes with --pkcs11/,
    ],
    [["open", "x"], /required option '-o, --out <file>'/],
    [
      ["open", "--out", "-", "x"],
      /--out - is not possible: nothing may leave before everything was verified/,
    ],
    [["open", "--signer", "c", "--any-signer", "--out", "y", "x"], /either --signer or --any-signer/],
    [["open", "--max-size", "1k", "--out", "y", "x"], /whole number/],
    [["show"], /missing required argument 'file'/],
  ])("waybill cms %j", async (args, message) => {
    const { code, stdout, stderr } = await cmsHere(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(
      new RegExp(`^Usage: waybill cms ${args[0]} .*\\n\\(add --help for the options\\)\\n$`, "m"),
    );
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

test.each(["seal", "open", "show"])("cms %s --help has examples", async (name) => {
  const { code, stdout } = await cmsHere([name, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`Usage: waybill cms ${name} .*Examples:\n {2}waybill cms ${name}`, "s"));
});
