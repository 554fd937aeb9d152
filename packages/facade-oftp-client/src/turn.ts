/** Whose turn it is in a session: this side's, the partner's, or nobody's because it has ended. */
export class Turn {
  #state: "own" | "partner" | "ended" = "partner";
  #decide: ((decision: "look" | "give") => void) | undefined;
  #waiters: (() => void)[] = [];

  get state(): "own" | "partner" | "ended" {
    return this.#state;
  }

  /** The session has nothing more to send: resolves when somebody decides what comes next. */
  idle(): Promise<"look" | "give"> {
    return new Promise((resolve) => {
      this.#decide = resolve;
      this.#set("own");
    });
  }

  /** There is something (more) to send. Nothing happens unless the session waits. */
  look(): void {
    this.#take("look");
  }

  /** Gives the turn to the partner. */
  give(): void {
    if (this.#decide !== undefined) this.#state = "partner";
    this.#take("give");
  }

  end(): void {
    this.#set("ended");
  }

  /** Resolves when this side has the turn and nothing under way, or when the session has ended. */
  async own(): Promise<void> {
    while (this.#state === "partner") {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #take(decision: "look" | "give"): void {
    const decide = this.#decide;
    this.#decide = undefined;
    decide?.(decision);
  }

  #set(state: "own" | "ended"): void {
    this.#state = state;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
