import { describe, expect, test } from "@jest/globals";
import { runProgram } from "@waybill/testing";

const node = (script: string) => [process.execPath, ["-e", script]] as const;

describe("runProgram", () => {
  test("collects what a program printed, and its exit code", async () => {
    const result = await runProgram(
      ...node('console.log("out"); console.error("err"); process.exitCode = 3;'),
    );
    expect(result).toEqual({ code: 3, signal: null, stdout: "out\n", stderr: "err\n" });
  });

  test("passes the input on", async () => {
    const result = await runProgram(...node("process.stdin.pipe(process.stdout)"), { input: "hello" });
    expect(result.stdout).toBe("hello");
  });

  test("says which signal ended the program", async () => {
    const result = await runProgram(
      ...node('process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);'),
    );
    expect(result).toMatchObject({ code: null, signal: "SIGTERM" });
  });

  test("kills a program that takes too long and shows what it printed", async () => {
    const script = 'process.stdout.write("still here"); setInterval(() => {}, 1000);';
    await expect(runProgram(...node(script), { timeoutMs: 500 })).rejects.toThrow(
      /did not end within 500 ms\nstill here/,
    );
  });

  test("rejects when the program does not exist", async () => {
    await expect(runProgram("no-such-program", [])).rejects.toThrow("ENOENT");
  });
});
