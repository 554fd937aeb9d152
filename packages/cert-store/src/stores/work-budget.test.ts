import { describe, expect, test } from "@jest/globals";
import { MAX_PBKDF2_ITERATIONS } from "../limits.js";
import { MAX_STORE_DERIVATION_WORK } from "./store-limits.js";
import { storeSource } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

describe("the work of a store", () => {
  const source = storeSource("a.p12");

  test("one derivation has a limit, all together another", () => {
    const budget = new WorkBudget();
    expect(() => budget.spend(MAX_PBKDF2_ITERATIONS + 1, 0, source)).toThrow(/a\.p12: 5000001 iterations/);
    expect(() => budget.spend(2 ** 31, 0, source)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_UNSUPPORTED" }),
    );
    expect(() => budget.spend(0, 1, source)).toThrow(expect.objectContaining({ code: "ERR_STORE_DAMAGED" }));
    for (let left = MAX_STORE_DERIVATION_WORK; left > 0; left -= MAX_PBKDF2_ITERATIONS) {
      budget.spend(MAX_PBKDF2_ITERATIONS, 1, source);
    }
    expect(() => budget.spend(1, 1, source)).toThrow(/together/);
  });
});
