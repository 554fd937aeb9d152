import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { run } from "@waybill/cli";

afterEach(() => {
  jest.restoreAllMocks();
});

/** Runs the command in this process: it ends before it touches anything, and a process for each would take long. */
async function runHere(args: readonly string[]) {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    jest.spyOn(process[name], "write").mockImplementation((chunk) => {
      printed[name] += String(chunk);
      return true;
    });
  }
  const code = await run(args);
  jest.restoreAllMocks();
  return { code, ...printed };
}

describe("wrong options: usage and exit code 2", () => {
  test.each([
    [["show"], /a file is needed, or --pkcs11, or --format system/],
    [["show", "x", "--pkcs11", "y"], /either a file or --pkcs11/],
    [["show", "x", "--token", "y"], /--token goes with --pkcs11/],
    [["show", "x", "--format", "zip"], /Allowed choices/],
    [["convert", "x", "--out", "y"], /required option '--to <format>'/],
    [["convert", "x", "--to", "pem", "--out", "y", "--no-key", "--no-certificates"], /nothing to write/],
    [["convert", "x", "--to", "exe", "--out", "y"], /Allowed choices/],
    [["create", "--subject", "CN=x", "--out", "y"], /say which key/],
    [["create", "--subject", "CN=x", "--out", "y", "--key-out", "y", "--no-passphrase"], /two outputs/],
    [["create", "--subject", "CN=x", "--out", "y", "--key-out", "z", "--key", "a"], /say which key/],
    [
      ["create", "--subject", "CN=x", "--out", "y", "--key-out", "z"],
      /WAYBILL_NEW_PASSWORD, or --no-passphrase/,
    ],
    [
      ["create", "--subject", "CN=x", "--out", "y", "--key-usage", "all"],
      /it must be one of digitalSignature/,
    ],
    [["request", "--out", "y", "--key-out", "z"], /needs --host-name and --odette-id/],
    [["request", "--profile", "plain", "--out", "y", "--key-out", "z"], /needs --subject/],
    [["join", "x", "--out", "y"], /required option '--key <file>'/],
    [["verify", "x"], /say what is trusted/],
    [["verify", "x", "--trust", "y", "--crl", "maybe"], /Allowed choices/],
    [["verify", "x", "--trust", "y", "--at", "soon"], /it must be a time/],
  ])("waybill cert %j", async (args, message) => {
    const { code, stdout, stderr } = await runHere(["cert", ...args]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(
      new RegExp(`^Usage: waybill cert ${args[0]}.*\\n\\(add --help for the options\\)\\n$`, "m"),
    );
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

test.each(["show", "convert", "create", "request", "join", "verify", "trust-list update", "trust-list show"])(
  "cert %s --help has examples",
  async (name) => {
    const { code, stdout } = await runHere(["cert", ...name.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`Usage: waybill cert ${name} .*Examples:\n {2}waybill cert ${name}`, "s"),
    );
  },
);
