import { expect, test } from "@jest/globals";
import { formatLogLine } from "./log-lines.js";

test("a log line is one line whatever is in it, and parts stay apart", () => {
  const line = formatLogLine({
    time: new Date("2026-01-31T08:15:00Z"),
    level: "info",
    message: "login\nforged",
    fields: { user: "a b\n2026 info", count: 3, missing: undefined, error: { code: "X", message: "y z" } },
  });
  expect(line).toBe(
    String.raw`2026-01-31T08:15:00.000Z info login forged user="a b\n2026 info" count=3 error="{\"code\":\"X\",\"message\":\"y z\"}"`,
  );
});
