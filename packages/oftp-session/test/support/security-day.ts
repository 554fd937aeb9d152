import { expect } from "@jest/globals";
import type { FileSecurityWishes } from "@waybill/oftp-session";
import { NORMAL_ENDS, otherSide, type SecurePair, type Side } from "./security-pair.js";
import { eventsOf, filesIn } from "./stations.js";

const SIDES: readonly Side[] = ["here", "there"];
/** Files that each side queues while a session is under way. */
const FILES_A_SESSION = 2;
/** After these all must be done. */
const LAST_SESSIONS = 5;

/**
 * A day's traffic: one session after the other, and both sides queue files meanwhile. What is changed in the middle must not lose a file,
 * refuse one, or bring one twice.
 */
export class Day {
  readonly #pair: SecurePair;
  readonly #wishes: FileSecurityWishes;
  readonly #sent: Record<Side, Record<string, string>> = { here: {}, there: {} };
  readonly #received;
  readonly #problems;
  readonly #running: Promise<void>;
  #over = false;
  #sessions = 0;
  #passed: () => void = () => {};

  constructor(pair: SecurePair, wishes: FileSecurityWishes) {
    this.#pair = pair;
    this.#wishes = wishes;
    this.#received = {
      here: eventsOf(pair.here, "fileReceived"),
      there: eventsOf(pair.there, "fileReceived"),
    };
    this.#problems = SIDES.flatMap((side) => [
      eventsOf(pair[side], "fileRefused"),
      eventsOf(pair[side], "receiveRefused"),
      eventsOf(pair[side], "fileInterrupted"),
      eventsOf(pair[side], "endResponseInvalid"),
    ]);
    this.#running = this.#traffic();
    // Whoever waits for the end of the day hears of it.
    this.#running.catch(() => this.#passed());
  }

  /** Until so many more sessions have ended: with two, one of them has begun after this was called. */
  async sessions(count = 2): Promise<void> {
    const end = this.#sessions + count;
    while (this.#sessions < end) {
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#passed = resolve;
        }),
        this.#running,
      ]);
    }
  }

  /** In the middle of a session: the next file has just begun. */
  async midSession(): Promise<void> {
    const begun = new Promise<void>((resolve) => this.#pair.here.once("sendStarted", () => resolve()));
    await Promise.race([begun, this.#running]);
  }

  /** Whose signatures one side has seen so far, in their order, each once in a row. */
  signersSeenBy(side: Side): readonly (string | undefined)[] {
    const all = this.#received[side].map(({ file }) => file.security.signer);
    return all.filter((signer, index) => signer !== all[index - 1]);
  }

  /** Ends the day, and looks whether all is well. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
    expect(this.#problems.flat()).toEqual([]);
    for (const from of SIDES) {
      const to = otherSide(from);
      const names = Object.keys(this.#sent[from]).sort();
      expect(names.length).toBeGreaterThan(0);
      expect(await filesIn(this.#pair.inbox(to))).toEqual(this.#sent[from]);
      expect(this.#received[to].map(({ file }) => file.sfid.datasetName.trimEnd()).sort()).toEqual(names);
      const outcomes = (await this.#pair[from].sent()).map(
        ({ file, state }) => `${file.datasetName} ${state}`,
      );
      expect(outcomes.sort()).toEqual(names.map((name) => `${name} acknowledged`));
    }
    expect(await this.#pair.leftovers()).toEqual([]);
  }

  async #traffic(): Promise<void> {
    while (!this.#over) {
      const all = [this.#session(), ...SIDES.map((side) => this.#queueFiles(side))];
      // Also after a failure nothing goes on.
      await Promise.allSettled(all);
      await Promise.all(all);
    }
    for (let more = 0; more < LAST_SESSIONS && (await this.#isWorkLeft()); more += 1) await this.#session();
  }

  async #session(): Promise<void> {
    expect(await this.#pair.exchange()).toEqual(NORMAL_ENDS);
    this.#sessions += 1;
    this.#passed();
  }

  async #isWorkLeft(): Promise<boolean> {
    const left = await Promise.all(SIDES.map((side) => this.#pair[side].partnersWithWork([otherSide(side)])));
    return left.flat().length > 0;
  }

  async #queueFiles(side: Side): Promise<void> {
    for (let index = 0; index < FILES_A_SESSION; index += 1) {
      const name = `FILE.${Object.keys(this.#sent[side]).length}`;
      const content = `${name} from ${side} `.repeat(100 + 20 * index);
      this.#sent[side][name] = content;
      await this.#pair.send(side, name, content, { security: this.#wishes });
    }
  }
}
