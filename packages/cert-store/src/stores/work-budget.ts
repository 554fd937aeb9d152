import type { ErrorSource } from "../error-source.js";
import { MAX_PBKDF2_ITERATIONS } from "../limits.js";
import { MAX_STORE_DERIVATION_WORK } from "./store-limits.js";

/** What is left of the work that one store may ask for. Many keys with allowed derivations are too much, too. */
export class WorkBudget {
  #left = MAX_STORE_DERIVATION_WORK;

  /** Takes `iterations` times `blocks` from the budget, or refuses the store. */
  spend(iterations: number, blocks: number, source: ErrorSource, limit = MAX_PBKDF2_ITERATIONS): void {
    if (iterations < 1) throw source.damaged("the number of iterations is zero");
    if (iterations > limit) {
      throw source.unsupported(
        `${iterations} iterations of the key derivation are more than the ${limit} allowed: write it again with fewer`,
      );
    }
    this.#left -= iterations * blocks;
    if (this.#left < 0) {
      throw source.unsupported(
        `its key derivations ask for more than ${MAX_STORE_DERIVATION_WORK} iterations together: divide it, or write it with fewer`,
      );
    }
  }
}
