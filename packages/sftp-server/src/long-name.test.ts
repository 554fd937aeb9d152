import { describe, expect, test } from "@jest/globals";
import { formatLongName, formatMode } from "./long-name.js";

describe("formatMode", () => {
  test.each([
    [0o100644, "-rw-r--r--"],
    [0o040755, "drwxr-xr-x"],
    [0o120777, "lrwxrwxrwx"],
    [0o104755, "-rwsr-xr-x"],
    [0o102644, "-rw-r-Sr--"],
    [0o041777, "drwxrwxrwt"],
    [0o010600, "prw-------"],
    [0o140000, "s---------"],
    [0o000000, "?---------"],
  ])("%o is %s", (mode, expected) => {
    expect(formatMode(mode)).toBe(expected);
  });
});

describe("formatLongName", () => {
  const modified = new Date(2024, 2, 5, 14, 9).getTime() / 1000;
  const attributes = {
    size: 348_911,
    permissions: 0o100755,
    owner: { uid: 1000, gid: 50 },
    times: { accessed: 0, modified },
  };

  test("has the columns of the draft", () => {
    const entry = { name: "t-filexfer", attributes, userName: "mjos", groupName: "staff" };
    expect(formatLongName(entry, modified + 60)).toBe(
      "-rwxr-xr-x   1 mjos     staff      348911 Mar  5 14:09 t-filexfer",
    );
  });

  test("shows the year of what is old or to come, and numbers for nameless owners", () => {
    const entry = { name: "f", attributes, linkCount: 12, userName: "" };
    const line = "-rwxr-xr-x  12 1000     50         348911 Mar  5  2024 f";
    expect(formatLongName(entry, modified + 200 * 86_400)).toBe(line);
    expect(formatLongName(entry, modified - 1)).toBe(line);
  });

  test("does without attributes", () => {
    expect(formatLongName({ name: "f", attributes: {} }, 1e9)).toMatch(
      /^\?--------- {3}1 0 {8}0 {15}0 .* f$/,
    );
  });
});
