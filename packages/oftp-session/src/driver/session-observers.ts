import type { Logger } from "@waybill/net-core";
import type { Command, ProtocolLevel, Sfid } from "@waybill/oftp-codec";
import type { SessionOptions, TrailEntry, TransferProgress } from "./session-options.js";

/** Those who only look: what goes wrong with them concerns no session. */
export class SessionObservers {
  readonly #onTrail: ((entry: TrailEntry) => void) | undefined;
  readonly #onProgress: ((progress: TransferProgress) => void) | undefined;
  readonly #logger: Logger;

  constructor({ onTrail, onProgress }: SessionOptions, logger: Logger) {
    this.#onTrail = onTrail;
    this.#onProgress = onProgress;
    this.#logger = logger;
  }

  /** Whether anybody wants the trail. */
  get trails(): boolean {
    return this.#onTrail !== undefined;
  }

  trail(
    direction: TrailEntry["direction"],
    octets: Uint8Array,
    command: Command | undefined,
    level: ProtocolLevel,
  ): void {
    const onTrail = this.#onTrail;
    if (onTrail === undefined) return;
    try {
      onTrail({ direction, at: Date.now(), octets, command, level });
    } catch (error) {
      this.#logger.error({ error }, "onTrail failed");
    }
  }

  progress(direction: TransferProgress["direction"], sfid: Sfid, octets: number): void {
    const onProgress = this.#onProgress;
    if (onProgress === undefined) return;
    try {
      onProgress({ direction, sfid, octets });
    } catch (error) {
      this.#logger.error({ error }, "onProgress failed");
    }
  }
}
