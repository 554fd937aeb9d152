import { setTimeout } from "node:timers/promises";
import { levelWithSecurity } from "../machine/index.js";
import {
  isStillGood,
  makeTransmitted,
  needsPreparation,
  type SealingPlan,
  sealingPlan,
} from "./content-sealing.js";
import { fileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { StationCore } from "./station-core.js";

/** Makes what is transmitted in place of queued files, each once, whichever sessions wait for it. */
export class FileSealer {
  readonly #core: StationCore;
  readonly #running = new Map<string, Promise<boolean>>();
  #last: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(core: StationCore) {
    this.#core = core;
  }

  /** A new entry with what is transmitted for it, before it is queued. Errors: those of `makeTransmitted`. */
  async complete(queued: QueuedFile, partner: Partner): Promise<QueuedFile> {
    if (!needsPreparation(queued)) return queued;
    return makeTransmitted(this.#core, queued, await this.#plan(queued, partner));
  }

  /**
   * Makes sure that a queued entry can be sent. Resolves to whether it can be now: false when it takes longer than `waitMs`, and goes
   * on, or when somebody else is at it. Errors: those of `makeTransmitted`.
   */
  async ready(queued: QueuedFile, partner: Partner, waitMs: number | undefined): Promise<boolean> {
    if (!needsPreparation(queued)) return true;
    if (!this.#running.has(queued.key)) await this.#begin(queued, partner);
    const running = this.#running.get(queued.key);
    if (running === undefined) return true;
    if (waitMs === undefined) return running;
    const waiting = new AbortController();
    const tooLong = setTimeout(waitMs, false, { signal: waiting.signal, ref: false }).catch(() => false);
    try {
      return await Promise.race([running, tooLong]);
    } finally {
      waiting.abort();
    }
  }

  /** Breaks off what is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.allSettled(this.#running.values());
  }

  /** It is running afterwards, unless there is nothing to be made. */
  async #begin(queued: QueuedFile, partner: Partner): Promise<void> {
    const before = await this.#core.queue.find(queued);
    // Who claims it notices.
    if (before === undefined || (await this.#wasSent(before))) return;
    const plan = await this.#plan(before, partner);
    const tried = this.#core.queue.mayBeThere(before);
    if (await isStillGood(this.#core, before, partner, plan, tried)) return;
    // Somebody else may have begun meanwhile.
    if (this.#running.has(queued.key)) return;
    // One after the other: each takes a processor to itself.
    const making = this.#last.then(() => this.#make(queued, plan));
    this.#last = making.then(
      () => {},
      () => {},
    );
    const running = making.finally(() => this.#running.delete(queued.key));
    // Whoever waits for it hears of it; nobody does when it took too long.
    running.catch((error: unknown) => {
      this.#core.logger.debug({ error, path: queued.path }, "a file could not be made ready for sending");
    });
    this.#running.set(queued.key, running);
  }

  async #make(queued: QueuedFile, plan: SealingPlan): Promise<boolean> {
    const { queue, clock } = this.#core;
    const claim = await this.#core.claim(queued);
    if (claim === undefined) return false;
    try {
      const current = await queue.find(queued);
      if (current === undefined) return true;
      const made = await makeTransmitted(this.#core, current, plan);
      // The partner may have a part of what was made before: other octets need another time stamp.
      const isAnother = current.transmitted !== undefined;
      const timestamp = isAnother ? await clock.next() : current.timestamp;
      await queue.replace({ ...made, timestamp, fingerprint: made.transmitted?.fingerprint });
      if (isAnother) queue.untried(current);
      return true;
    } finally {
      await claim.release();
    }
  }

  /** The process before ended between the two records; the file itself may be gone. */
  async #wasSent(queued: QueuedFile): Promise<boolean> {
    const sent = await this.#core.queue.findSent(fileKey(queued, levelWithSecurity));
    return sent?.file.key === queued.key;
  }

  async #plan(queued: QueuedFile, partner: Partner) {
    const plan = await sealingPlan(this.#core, queued, partner);
    return { ...plan, options: { ...plan.options, signal: this.#stopped.signal } };
  }
}
