import { TransferError } from "@waybill/net-core";
import type { SshClientChannel, SshExecutor } from "@waybill/ssh-core";

/**
 * A server that allows a few sessions at a time, and at its slowest: it counts a session that is over until it has read
 * another request, which it refuses, as OpenSSH's does when both reach it at once.
 */
export class NarrowExecutor implements SshExecutor {
  /** Requests that were refused while that many sessions were not over. */
  refused = 0;
  readonly #executor: SshExecutor;
  readonly #most: number;
  #running = 0;
  #over = 0;

  constructor(executor: SshExecutor, most = 1) {
    this.#executor = executor;
    this.#most = most;
  }

  async exec(command: string, options?: { readonly signal?: AbortSignal }): Promise<SshClientChannel> {
    if (this.#running + this.#over >= this.#most) {
      if (this.#running >= this.#most) this.refused++;
      this.#over = 0;
      throw new TransferError("ERR_SSH_CHANNEL_REFUSED", "the command was refused");
    }
    this.#running++;
    const channel = await this.#executor.exec(command, options);
    const end = () => {
      this.#running--;
      this.#over++;
    };
    channel.exited.then(end, end);
    return channel;
  }
}
