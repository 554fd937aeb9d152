import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALDER, BIRCH, call, inboxFile, startStation } from "./stations.js";
import { Story } from "./story.js";

/**
 * Two stations on this machine exchange files in one session, each step shown. Resolves to whether every file arrived as it
 * was sent and every receipt came.
 */
export async function runDemo(print: (line: string) => void): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-demo-"));
  try {
    return await exchange(folder, print);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function exchange(folder: string, print: (line: string) => void): Promise<boolean> {
  const fromAlder = {
    "ORDER.XML": Buffer.from("<order><item amount='10'>pallet of apples</item></order>\n"),
    "DRAWING.BIN": randomBytes(3_000_000),
  };
  const fromBirch = { "DELIVERY.EDI": Buffer.from("UNB+UNOC:3+BIRCH+ALDER'UNZ+0'\n") };
  const receipts = new Set<string>();
  const birch = await startStation(BIRCH, ALDER, folder, fromBirch, ({ station }) =>
    station.on("endResponseReceived", ({ response }) => {
      if (response.kind === "EERP") receipts.add(response.datasetName);
    }),
  );
  const alder = await startStation(ALDER, BIRCH, folder, fromAlder);
  try {
    for (const [{ name, code }, { addresses }] of [[ALDER, alder] as const, [BIRCH, birch] as const]) {
      const [address] = addresses;
      print(`${name} is ${code} and listens on ${address?.host}:${address?.port}`);
    }
    print(`${ALDER.name} has ${Object.keys(fromAlder).join(" and ")} for ${BIRCH.name}`);
    print(`${BIRCH.name} has ${Object.keys(fromBirch).join(" and ")} for ${ALDER.name}`);
    print("");
    print(`${ALDER.name} calls ${BIRCH.name}:`);
    const story = new Story(print, ALDER.name, BIRCH.name);
    const client = await call(ALDER, BIRCH, folder, birch.addresses[0]?.port ?? 0, (made) => {
      made.on("trail", ({ entry }) => story.add(entry));
      made.on("endResponseReceived", ({ response }) => {
        if (response.kind === "EERP") receipts.add(response.datasetName);
      });
    });
    await client.sendWaiting();
    await client.logoff();
  } finally {
    await Promise.all([alder.close(), birch.close()]);
  }
  print("");
  const outcomes = await Promise.all([
    ...Object.entries(fromAlder).map(([name, content]) =>
      arrival(name, content, receipts, inboxFile(BIRCH, ALDER, folder, name)),
    ),
    ...Object.entries(fromBirch).map(([name, content]) =>
      arrival(name, content, receipts, inboxFile(ALDER, BIRCH, folder, name)),
    ),
  ]);
  for (const { line } of outcomes) print(line);
  const good = outcomes.every((outcome) => outcome.good);
  print(good ? "Every file arrived, and its sender knows it." : "Something went wrong.");
  return good;
}

async function arrival(name: string, content: Uint8Array, receipts: ReadonlySet<string>, path: string) {
  const received = await readFile(path).catch(() => undefined);
  const same = received !== undefined && digest(received) === digest(content);
  const receipt = receipts.has(name);
  const line = `${name.padEnd(12)}  ${same ? `arrived, SHA-256 ${digest(content).slice(0, 16)}… on both sides` : "not arrived"}, ${receipt ? "receipt (EERP) came" : "no receipt"}`;
  return { good: same && receipt, line };
}

function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
