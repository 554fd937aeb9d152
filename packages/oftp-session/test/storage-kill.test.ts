import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { fileStateStore } from "../src/storage/file-state-store.js";
import { inboxSink } from "../src/storage/inbox-sink.js";
import { receivedFileKey } from "../src/storage/received-file-key.js";
import { recoverInbox } from "../src/storage/recover-inbox.js";
import { partName } from "../src/storage/whole-file.js";
import { storeLedger } from "./storage-support/ledger.js";
import { seededRandom, sfidOf } from "./storage-support/sfid.js";

const CHILD = fileURLToPath(new URL("storage-support/receiving-child.mjs", import.meta.url));
// Globals are slow within Jest.
const { imul } = Math;
const random = seededRandom(Date.now());

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** Runs the child until it has said so many lines, and kills it; or until it ends by itself. */
async function runChild(job: object, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, folder.path, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Never left behind, whatever goes wrong here.
  const limit = setTimeout(() => child.kill("SIGKILL"), 25_000);
  const ended = once(child, "close");
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === lines) child.kill("SIGKILL");
  }
  await ended;
  clearTimeout(limit);
  return said;
}

function octetsAt(offset: number, length: number): Buffer {
  const octets = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) octets[at] = imul(offset + at, 0x9e3779b1) >>> 13;
  return octets;
}

async function options(sfid = sfidOf(), fileName = "LARGE") {
  const store = await fileStateStore(join(folder.path, "state"));
  const ledger = storeLedger(store);
  const [inboxFolder, partialFolder] = [join(folder.path, "inbox"), join(folder.path, "partial")];
  return { inboxFolder, partialFolder, sfid, fileName, ledger };
}

describe("kill -9", () => {
  test("of a process that writes a partial file, 20 times: what is kept was synced and is right", async () => {
    const size = 40 * 1024 * 1024;
    const sfid = sfidOf({ datasetName: "LARGE" });
    const part = partName(receivedFileKey(sfid));
    let furthest = 0;
    let wentOn = 0;
    for (let round = 0; round < 20; round++) {
      const said = await runChild(
        { kind: "large", sfid, size, pauseAt: 0.9 * size },
        2 + Math.floor(random() * 300),
      );
      expect(said[0]).toBe(`from ${furthest}`);
      const written = Number(said.at(-1)!.split(" ")[1]);

      // The lock of the dead process does not hold; this one neither begins nor ends the file.
      const sink = await inboxSink(await options(sfid));
      const kept = sink.restartPosition * 1024;
      expect(kept).toBeLessThanOrEqual(written + 65536);
      expect(kept).toBeGreaterThanOrEqual(furthest);
      if (furthest > 0) wentOn += 1;
      furthest = kept;
      const content = await readFile(join(folder.path, "partial", part));
      expect(content.subarray(0, kept).equals(octetsAt(0, kept))).toBe(true);
      expect(await readdir(join(folder.path, "inbox"))).toEqual([]);
      if (furthest < size / 4) {
        await sink.interrupt();
      } else {
        await sink.discard();
        furthest = 0;
      }
    }
    expect(wentOn).toBeGreaterThan(0);
    const said = await runChild({ kind: "large", sfid, size }, Number.POSITIVE_INFINITY);
    expect(said[0]).toBe(`from ${furthest}`);
    expect(said.at(-1)).toBe("stored");
    const stored = await readFile(join(folder.path, "inbox/LARGE"));
    expect(stored.equals(octetsAt(0, size))).toBe(true);
    expect(await readdir(join(folder.path, "partial"))).toEqual([]);
  });

  test.each([
    ["stores", sfidOf()],
    ["opens", sfidOf({ envelope: 1 })],
  ])("of a process that %s files: each is there once, and recorded", async (_, sfid) => {
    const contentOf = (number: number) => {
      const transmitted = octetsAt(number, 3000);
      if (sfid.envelope === 0) return transmitted;
      return Buffer.concat(Array<Uint8Array>(10).fill(transmitted.map((octet) => octet ^ 0x5a)));
    };
    let from = 0;
    for (let round = 0; round < 12; round++) {
      const job = { kind: "small", sfid, from, to: from + 1000 };
      const said = await runChild(job, 1 + Math.floor(random() * 40));
      const last = said.at(-1)?.split(" ") ?? [];
      const { partialFolder, ledger } = await options();
      await recoverInbox({ partialFolder, ledger });
      const names = new Set(await readdir(join(folder.path, "inbox")));
      // The one that was under way may be there or not, and the one after it.
      const sure = last[0] === "stored" ? Number(last[1]) + 1 : Number(last[1]);
      for (let number = from; number < sure; number++) expect(names).toContain(`FILE${number}`);
      for (const name of names) {
        const path = join(folder.path, "inbox", name);
        expect(name).toMatch(/^FILE\d+$/);
        const number = Number(name.slice(4));
        if (number < from) continue;
        expect((await readFile(path)).equals(contentOf(number))).toBe(true);
        expect(await ledger.path(receivedFileKey({ ...sfid, datasetName: name }))).toBe(path);
      }
      from = sure;
      while (names.has(`FILE${from}`)) from += 1;
      expect(names.size).toBe(from);
    }
    expect(from).toBeGreaterThan(12);
  });
});
