/** `working`: this side has the turn and sends; `waiting`: it has nothing more to send and waits for a decision. */
export type TurnState = "working" | "waiting" | "partner" | "ended";

/** Whose turn it is in a session, and what this side does with it. */
export class Turn {
  #state: TurnState = "partner";
  #decide: ((decision: "look" | "give") => void) | undefined;
  /** What was decided while the session was at work. */
  #lookAgain = false;
  #giveAfter = false;
  /** Those who wait for the turn to come back, after it is given or now that it is. */
  #afterGiving: (() => void)[] = [];
  #afterReturn: (() => void)[] = [];

  get state(): TurnState {
    return this.#state;
  }

  /** Whether {@link look} was called and the session has not looked since. */
  get looksAgain(): boolean {
    return this.#lookAgain;
  }

  /** The session has nothing more to send: resolves when somebody decides what comes next. */
  async idle(): Promise<"look" | "give"> {
    if (this.#state === "ended") return "give";
    if (this.#lookAgain) return this.#take("look");
    if (this.#giveAfter) return this.#take("give");
    this.#state = "waiting";
    for (const resolve of this.#afterReturn.splice(0)) resolve();
    return new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  /** There is something (more) to send. */
  look(): void {
    this.#lookAgain = true;
    this.#decideNow("look");
  }

  /**
   * Gives the turn to the partner as soon as everything is sent, unless it has it. Resolves when it has come back and
   * everything is sent again, or when the session has ended.
   */
  give(): Promise<void> {
    if (this.#state === "ended") return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#state === "partner") {
        this.#afterReturn.push(resolve);
        return;
      }
      this.#afterGiving.push(resolve);
      this.#giveAfter = true;
      this.#decideNow("give");
    });
  }

  /** Resolves when this side has the turn and nothing to send, or when the session has ended. */
  own(): Promise<void> {
    if (this.#state === "ended" || this.#state === "waiting") return Promise.resolve();
    return new Promise((resolve) => this.#afterReturn.push(resolve));
  }

  end(): void {
    this.#state = "ended";
    this.#decideNow("give");
    for (const resolve of [...this.#afterGiving.splice(0), ...this.#afterReturn.splice(0)]) resolve();
  }

  #decideNow(decision: "look" | "give"): void {
    const decide = this.#decide;
    if (decide === undefined) return;
    this.#decide = undefined;
    decide(this.#take(decision));
  }

  #take(decision: "look" | "give"): "look" | "give" {
    this.#lookAgain = false;
    if (this.#state === "ended") return decision;
    if (decision === "look") {
      this.#state = "working";
    } else {
      this.#giveAfter = false;
      this.#state = "partner";
      this.#afterReturn.push(...this.#afterGiving.splice(0));
    }
    return decision;
  }
}
