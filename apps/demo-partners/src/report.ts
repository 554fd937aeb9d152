/** What the person at the terminal reads, and whether all of it is as it should be. */
export class Report {
  readonly #print: (line: string) => void;
  #good = true;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Whether every {@link check} held. */
  get good(): boolean {
    return this.#good;
  }

  chapter(title: string): void {
    this.#print("");
    this.#print(title);
  }

  /** `depth`: how far it is indented. */
  line(text: string, depth = 1): void {
    this.#print(`${"  ".repeat(depth)}${text}`);
  }

  /** Something that was found out, and must hold. */
  check(holds: boolean, text: string): void {
    this.#good &&= holds;
    this.line(`${holds ? "ok" : "FAILED"}  ${text}`);
  }
}
