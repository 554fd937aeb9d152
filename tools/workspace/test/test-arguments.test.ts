import { describe, expect, test } from "@jest/globals";
import { splitTestArguments } from "../test-run.mjs";

describe("the arguments of npm test", () => {
  test("are turbo's up to --, and Jest's after it", () => {
    expect(splitTestArguments(["--force", "--filter=@waybill/scp", "--", "-t", "tree", "--", "x"])).toEqual({
      selection: ["--filter=@waybill/scp"],
      turbo: ["--force"],
      jest: ["-t", "tree", "--", "x"],
    });
  });

  test("may select packages in each of turbo's ways", () => {
    expect(splitTestArguments(["--filter", "a", "-F", "b", "--affected"])).toEqual({
      selection: ["--filter=a", "--filter=b", "--affected"],
      turbo: [],
      jest: [],
    });
  });

  test("leave out the interoperability tests with --unit", () => {
    expect(splitTestArguments(["--unit"]).selection).toEqual(["--filter=!@waybill/interop"]);
  });
});
