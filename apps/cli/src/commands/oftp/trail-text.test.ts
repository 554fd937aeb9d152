import { expect, test } from "@jest/globals";
import { encodeCommand } from "@waybill/oftp-codec";
import { capturedRecord } from "@waybill/oftp-session";
import type { CapturedBuffer } from "./trail-file.js";
import { TrailText } from "./trail-text.js";

function captured(
  session: string,
  octets: Uint8Array,
  direction: "sent" | "received" = "sent",
): CapturedBuffer {
  const record = capturedRecord({ direction, at: Date.UTC(2026, 0, 31, 8, 15), octets, level: 5 });
  return { session, partner: "acme", role: "responder", record };
}

function printed(buffers: readonly CapturedBuffer[], raw = false): string[] {
  const lines: string[] = [];
  const text = new TrailText((line) => lines.push(line), { raw });
  for (const buffer of buffers) text.add(buffer);
  text.end();
  return lines.map((line) => line.replace("08:15:00.000Z ", ""));
}

const data = Buffer.from("Dabc");
const cdt = encodeCommand({ kind: "CDT" }, 5);

test("runs of data are one line; those of other sessions and of the other direction are their own", () => {
  expect(
    printed([
      captured("a", data),
      captured("a", data),
      captured("a", cdt, "received"),
      captured("b", data),
      captured("a", data),
    ]),
  ).toEqual([
    "session 1: 2026-01-31, called, partner acme",
    "-> DATA data                   2 buffers, 6 octets",
    "<- CDT  credit",
    "session 2: 2026-01-31, called, partner acme",
    "-> DATA data                   1 buffer, 3 octets",
    "again session 1: 2026-01-31, called, partner acme",
    "-> DATA data                   1 buffer, 3 octets",
  ]);
});

test("reasons in words, texts in quotes, what is no command as octets", () => {
  const nerp = encodeCommand(
    {
      kind: "NERP",
      datasetName: "ORDER",
      timestamp: { date: "20260131", time: "0815000001" },
      destination: "O0013A",
      originator: "O0013B",
      creator: "O0013B",
      reason: 34,
      text: "no such order\u0007",
      hash: new Uint8Array(),
      signature: Uint8Array.of(1, 2),
    },
    5,
    { relayed: true },
  );
  const [, first, second, third] = printed([
    captured("a", nerp),
    captured("a", Buffer.from("??"), "received"),
  ]);
  expect(first).toMatch(
    /^-> NERP negative end response +DSN=ORDER DATE=20260131 TIME=0815000001 DEST=O0013A ORIG=O0013B CREA=O0013B REAS=34 \(.+\) REAST="no such order.*" SIG=0102$/,
  );
  expect(second).toBe("<- ?    no command             cannot be decoded (2 octets)");
  expect(third).toMatch(/^ +0 {2}3f 3f +\?\?$/);
});
