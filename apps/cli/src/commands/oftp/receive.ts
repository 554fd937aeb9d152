import type { Command } from "commander";
import { withCall } from "./call.js";
import { addCallOptions, type CallCommandOptions } from "./session-options.js";

const TAKEN = [
  "fileReceived",
  "certificateReceived",
  "endResponseReceived",
  "endResponseInvalid",
  "receiveRefused",
] as const;

export function addReceiveCommand(oftp: Command, done: (exitCode: number) => void): void {
  addCallOptions(
    oftp
      .command("receive")
      .description(
        "Call a partner and take all that it has: files into inbox/<partner>, receipts. Exit code 0: all was taken.",
      ),
  ).action(async (options: CallCommandOptions) => done(await receive(options)));
}

async function receive(options: CallCommandOptions): Promise<number> {
  return withCall(options, {
    work: async ({ client, view }) => {
      let taken = 0;
      for (const event of TAKEN) {
        client.on(event, () => {
          taken += 1;
        });
      }
      while (client.connected) await client.receive();
      if (taken === 0) view.line("the partner has nothing");
    },
  });
}
