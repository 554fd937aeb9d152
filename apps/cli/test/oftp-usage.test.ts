import { describe, expect, test } from "@jest/globals";
import { waybill } from "./waybill-command.js";

const CALL = ["--config", "config.yaml", "--partner", "acme"];

describe("wrong options: usage and exit code 2", () => {
  test.each([
    [["send", "--partner", "acme", "x"], /required option '--config <file>'/],
    [["send", "--config", "x", "y"], /required option '--partner <name>'/],
    [["send", ...CALL], /a file to send is needed, or --waiting/],
    [["send", ...CALL, "--waiting", "x"], /either files or --waiting/],
    [["send", ...CALL, "--format", "X", "x"], /Allowed choices are U, T, F, V/],
    [["send", ...CALL, "--format", "F", "x"], /--format F needs --record-length/],
    [["send", ...CALL, "--record-length", "80", "x"], /--record-length goes with --format F or V/],
    [["send", ...CALL, "--virtual-name", "A", "x", "y"], /--virtual-name goes with one file only/],
    [["send", ...CALL, "--virtual-name", "A".repeat(27), "x"], /1 to 26 letters/],
    [["send", ...CALL, "--suite", "11", "x"], /it must be a whole number from 1 to 10/],
    [["send", ...CALL, "--waiting", "--no-sign"], /--sign, .* go with files/],
    [["certificate", "--config", "x"], /required option '--partner <name>'/],
    [["certificate", ...CALL, "--request", "--replace"], /use one of --deliver, --replace and --request/],
    [["receive", "--config", "x"], /required option '--partner <name>'/],
    [["trail"], /missing required argument 'file'/],
    [["frobnicate"], /unknown command/],
  ])("waybill oftp %j", async (args, message) => {
    const { code, stdout, stderr } = await waybill(["oftp", ...args]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^Usage: waybill oftp.*\n\(add --help for the options\)\n$/m);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});
