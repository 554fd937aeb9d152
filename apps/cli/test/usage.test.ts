import { describe, expect, test } from "@jest/globals";
import { waybill } from "./waybill-command.js";

describe("help and version", () => {
  test.each([
    [["--help"], /sftp-server.*scp.*keygen.*key.*start/s],
    [["sftp-server", "--help"], /--root <dir>.*--authorized-keys/s],
    [["scp", "--help"], /\[options\] <source\.\.\.> <target>.*--host-key-fingerprint/s],
    [["keygen", "--help"], /--type <type>/],
    [["key", "show", "--help"], /<file>/],
    [["--version"], /^\d+\.\d+\.\d+\n$/],
  ])("waybill %j", async (args, expected) => {
    const { code, stdout } = await waybill(args);
    expect(stdout).toMatch(expected);
    expect(code).toBe(0);
  });
});

describe("wrong options: usage and exit code 2", () => {
  test.each([
    [["frobnicate"], /unknown command/],
    [["sftp-server"], /required option '--root <dir>'/],
    [["sftp-server", "--root", "/", "--port", "70000"], /whole number from 0 to 65535/],
    [["sftp-server", "--root", "/", "--log-level", "loud"], /Allowed choices/],
    [["sftp-server", "--root", "/"], /nobody could log in/],
    [["sftp-server", "--root", "/", "--user", "ann"], /--user NAME:PASSWORD/],
    [["sftp-server", "--root", "/", "--authorized-keys", "=x"], /--authorized-keys NAME=FILE/],
    [["scp", "a"], /a source and a target are needed/],
    [["scp", "a", "b"], /user@host:path/],
    [["scp", "h:a", "h:b"], /server to server/],
    [["scp", "-l", "fast", "a", "h:b"], /whole number/],
    [["scp", "--known-hosts", "x", "--host-key-fingerprint", "y", "a", "h:b"], /not both/],
    [["keygen"], /required option '-f, --file <file>'/],
    [["keygen", "-f", "x", "-b", "2048"], /--bits is for RSA/],
    [["keygen", "-f", "x"], /--password-file, WAYBILL_PASSWORD or --no-passphrase/],
  ])("waybill %j", async (args, message) => {
    const { code, stdout, stderr } = await waybill(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^Usage: waybill.*\n\(add --help for the options\)\n$/m);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

test("a password in a wrong option is not repeated", async () => {
  const { stderr } = await waybill(["sftp-server", "--root", "/", "--user", ":hunter2"]);
  expect(stderr).not.toContain("hunter2");
});
