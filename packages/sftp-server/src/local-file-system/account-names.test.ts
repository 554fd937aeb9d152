import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { temporaryFolder } from "@waybill/testing";
import { AccountFile, parseAccounts } from "./account-names.js";

describe("account names", () => {
  test("are read from lines like those of /etc/passwd", () => {
    const names = parseAccounts(
      "root:x:0:0:root:/root:/bin/sh\n\n# comment\nbad\nann:x:1000:\nalso:x:1000:\n:x:7:\nneg:x:-2:\n",
    );
    expect([...names]).toEqual([
      [0, "root"],
      [1000, "ann"],
    ]);
  });

  test("are none when there is no such file", async () => {
    const folder = await temporaryFolder();
    expect((await new AccountFile(join(folder.path, "none")).names()).size).toBe(0);
    const path = join(folder.path, "passwd");
    writeFileSync(path, "ann:x:5:");
    expect((await new AccountFile(path).names()).get(5)).toBe("ann");
    await folder.remove();
  });
});
