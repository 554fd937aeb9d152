import { expect } from "@jest/globals";
import type { FileSecurityWishes } from "@waybill/oftp-session";
import { NORMAL_ENDS, type SecurePair } from "./security-pair.js";
import { eventsOf, filesIn, responsesOf } from "./stations.js";

export const CONTENT = "delivery note ".repeat(500);

export interface Refused {
  readonly command?: "SFNA" | "EFNA";
  readonly reason: number;
  readonly text: string | RegExp;
}

/** Sends a file that is to be refused, and one after it that is not, in one session. */
export async function expectRefusal(
  pair: SecurePair,
  bad: FileSecurityWishes,
  good: FileSecurityWishes,
  { command = "SFNA", reason, text }: Refused,
): Promise<void> {
  const refused = eventsOf(pair.here, "fileRefused");
  const told = eventsOf(pair.there, "receiveRefused");
  const responses = responsesOf(pair.here);
  await pair.send("here", "BAD", CONTENT, { security: bad });
  await pair.send("here", "GOOD", CONTENT, { security: good });

  expect(await pair.exchange()).toEqual(NORMAL_ENDS);

  expect(refused.map(({ file, refusal }) => ({ name: file.datasetName, ...refusal }))).toEqual([
    {
      name: "BAD",
      command,
      reason,
      retry: false,
      text: typeof text === "string" ? text : expect.stringMatching(text),
    },
  ]);
  expect(told.map((event) => ({ name: event.sfid.datasetName.trimEnd(), reason: event.reason }))).toEqual([
    { name: "BAD", reason },
  ]);
  expect(await filesIn(pair.inbox("there"))).toEqual({ GOOD: CONTENT });
  expect(responses).toEqual(["EERP GOOD"]);
  expect(await pair.here.queued("there")).toEqual([]);
  expect(await pair.leftovers()).toEqual([]);
}
