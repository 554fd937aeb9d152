import { isTransferError, type TransferError } from "@waybill/net-core";
import { type ClientFile, FileRefusedByPartner } from "@waybill/oftp-client";
import { type QueuedFile, SessionEndError } from "@waybill/oftp-session";
import type { Call } from "./call.js";

/** A file of the command line, and how it is queued. */
export interface WantedFile {
  /** What messages call it. */
  readonly name: string;
  readonly queue: (call: Call) => Promise<QueuedFile>;
}

/** A file of the command line that goes on with what an earlier command has begun. */
export function wantedFile(file: ClientFile & { readonly path: string }): WantedFile {
  return { name: file.path, queue: ({ client }) => client.queue(file, { resume: true }) };
}

interface Queued {
  readonly name: string;
  readonly file: QueuedFile;
  /** This command has queued it, not one before it. */
  readonly isNew: boolean;
}

/**
 * The files that a command sends: queued, so signed and encrypted, before the partner is called, and then sent one after the
 * other.
 */
export class OutgoingFiles {
  readonly #wanted: readonly WantedFile[];
  readonly #queued: Queued[] = [];

  constructor(wanted: readonly WantedFile[]) {
    this.#wanted = wanted;
  }

  /** Tells of each file that cannot be queued. Errors: the last one when none could be. */
  async queue(call: Call): Promise<void> {
    const before = new Set((await call.client.unsent()).map(({ key }) => key));
    let problem: TransferError | undefined;
    for (const { name, queue } of this.#wanted) {
      try {
        const file = await queue(call);
        this.#queued.push({ name, file, isNew: !before.has(file.key) });
      } catch (error) {
        if (!isTransferError(error)) throw error;
        problem = error;
        call.fail(`${name} was not sent: ${call.interrupted ? "interrupted" : error.message}`, error);
        if (call.interrupted) throw error;
      }
    }
    if (this.#queued.length === 0 && problem !== undefined) throw problem;
  }

  /** Resolves to what the partner has; tells of the others. */
  async send(call: Call): Promise<readonly QueuedFile[]> {
    const { client, view, fail } = call;
    const sent: QueuedFile[] = [];
    let isOver = false;
    for (const queued of this.#queued) {
      const { name, file } = queued;
      if (isOver) {
        await this.#leave(queued, call);
        continue;
      }
      try {
        const [receipt] = await client.resend([file]);
        if (receipt?.octets === undefined)
          view.line(`sent ${name} as ${file.datasetName}, in another session`);
        sent.push(file);
      } catch (error) {
        if (!isTransferError(error)) throw error;
        isOver = error instanceof SessionEndError || !client.connected;
        const waits = error instanceof FileRefusedByPartner ? error.refusal.retry : isOver;
        const why = isOver && call.interrupted ? "interrupted" : error.message;
        fail(`${name} was not sent: ${why}${waits ? `; ${STAYS}` : ""}`, error);
        if (!waits && queued.isNew) await client.withdraw(file);
      }
    }
    return sent;
  }

  /** There was no session. */
  async leave(call: Call): Promise<void> {
    for (const queued of this.#queued) await this.#leave(queued, call);
  }

  /** What is signed and encrypted already is not thrown away; the rest is as if the command had not been given. */
  async #leave({ name, file, isNew }: Queued, { client, fail }: Call): Promise<void> {
    if (file.transmitted?.path !== undefined) fail(`${name} was not sent; ${STAYS}`);
    else if (isNew) await client.withdraw(file);
  }
}

const STAYS = "it stays queued: the same command goes on with it";
