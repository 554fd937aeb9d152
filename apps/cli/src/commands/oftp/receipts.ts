import { setTimeout } from "node:timers/promises";
import type { QueuedFile, SentState } from "@waybill/oftp-session";
import type { Call } from "./call.js";
import type { CallCommandOptions } from "./session-options.js";
import { describeResponse } from "./transfer-view.js";

/** A partner can give receipts in another session that is under way, of `oftp-server` too: it needs a moment. */
const OTHER_SESSIONS_MS = [0, 200, 1000];

/** Gives the partner the turn until the receipts for all files have come, and tells of those that have not or say no. */
export async function waitForReceipts(
  files: readonly QueuedFile[],
  call: Call,
  options: CallCommandOptions,
): Promise<void> {
  const { client, fail } = call;
  const isOpen = (file: QueuedFile) => client.receipt(file) === undefined && !call.hasInvalidReceipt(file);
  // The partner answers when it has the turn.
  while (client.connected && files.some(isOpen)) await client.receive();
  let missing = files.filter(isOpen);
  for (const waitMs of OTHER_SESSIONS_MS) {
    if (missing.length === 0) break;
    await setTimeout(waitMs);
    const states = await client.sentStates(missing);
    const known = (state: SentState) => missing.filter((_file, index) => states[index] === state);
    for (const { datasetName } of known("refused")) {
      fail(`${datasetName} has not reached its destination: a NERP came in another session`);
    }
    for (const { datasetName } of known("acknowledged")) {
      call.view.line(`receipt for ${datasetName}: EERP, in another session`);
    }
    missing = known("waiting");
  }
  for (const file of files) {
    const response = client.receipt(file);
    if (response?.kind === "NERP") {
      fail(`${file.datasetName} has not reached its destination: ${describeResponse(response)}`);
    }
  }
  const command = `waybill oftp receive --config ${options.config} --partner ${options.partner}`;
  for (const { datasetName } of missing) {
    fail(`${datasetName} was sent, but its receipt has not come: collect it later with \`${command}\``);
  }
}
