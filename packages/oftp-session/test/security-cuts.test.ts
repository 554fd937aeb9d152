import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { FileFormat } from "@waybill/oftp-codec";
import { type FileSecurityWishes, memoryStateStore } from "@waybill/oftp-session";
import { type Random, randomFrom } from "./support/random-buffers.js";
import type { SecureStation } from "./support/receipt-pair.js";
import { cutSession, receiptScenes, SEALED } from "./support/receipt-scenes.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const { at, begin, openBoth, sealedFiles } = receiptScenes("waybill-sealed-cuts-");

describe("connections that are cut while secured files go", () => {
  const FILES: readonly (readonly [FileFormat, number, FileSecurityWishes])[] = [
    ["U", 300_000, SEALED],
    ["V", 100_000, { sign: true, encrypt: true, signedReceipt: true }],
    ["F", 160_000, SEALED],
    ["U", 120_000, { signedReceipt: true }],
    ["V", 90_000, { signedReceipt: true }],
    ["F", 90_000, { signedReceipt: true }],
  ];
  /** Octets of a session at most: several are needed for all files. */
  const CUT_WITHIN = 200_000;
  const CUTS = 50;
  const MOST_CUTS_OF_A_RUN = 7;
  const seen = { cuts: 0, restarted: {} as Record<string, number> };

  async function queueFiles({ station, partner }: SecureStation, name: string, random: Random) {
    const hashes: Record<string, string> = {};
    const folder = at("files", name);
    await mkdir(folder, { recursive: true });
    for (const [index, [format, size, security]] of FILES.entries()) {
      const content = contentFor(format, size, random);
      const datasetName = `${index}.${format}`;
      const path = join(folder, datasetName);
      await writeFile(path, content);
      hashes[datasetName] = sha256(content);
      const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
      await station.send(partner.name, { path, datasetName, format, security, ...records });
    }
    return hashes;
  }

  /** Files go from the one that calls to the other one, or the other way round. */
  async function runWith(seed: number): Promise<void> {
    const random = randomFrom(seed);
    // Nothing is opened anew here: what is remembered need not outlive the stations.
    const [first, second] = await openBoth({}, memoryStateStore);
    const [sender, receiver] = seed % 2 === 0 ? [first, second] : [second, first];
    const hashes = await queueFiles(sender, receiver.partner.name, random);
    for (let cuts = 0; ; cuts += 1) {
      const octets = cuts < MOST_CUTS_OF_A_RUN ? 1 + random(CUT_WITHIN) : Number.POSITIVE_INFINITY;
      if (!(await cutSession(sender, receiver, octets))) break;
      seen.cuts += 1;
    }
    const names = Object.keys(hashes).sort();
    const [inboxOwner, from] = [sender.partner.name, receiver.partner.name];
    expect(await hashesIn(at(inboxOwner, "inbox", from))).toEqual(hashes);
    expect(receiver.received.map(({ file }) => file.sfid.datasetName).sort()).toEqual(names);
    expect(sender.invalid).toEqual([]);
    expect([...sender.heard].sort()).toEqual(names.map((name) => `EERP ${name}`));
    expect(await sender.station.queued(inboxOwner)).toEqual([]);
    expect(await sealedFiles(from)).toEqual([]);
    expect(await readdir(at(inboxOwner, "state", "partial"))).toEqual([]);
    const { wire } = sender;
    for (const response of wire.responses) {
      const { sfid, octets, positions } = wire.file(response.datasetName);
      expect(Buffer.from(response.hash).toString("hex")).toBe(sha256(octets));
      expect(response.signature.length).toBeGreaterThan(0);
      if (positions.some((position) => position > 0)) {
        const kind = `${sfid.envelope === 0 ? "plain" : "sealed"} ${sfid.format}`;
        seen.restarted[kind] = (seen.restarted[kind] ?? 0) + 1;
      }
    }
  }

  test("bring each of them once, right, with a signed receipt that holds", async () => {
    for (let seed = 1; seen.cuts < CUTS; seed += 1) {
      try {
        await runWith(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
      await begin();
    }
    expect(Object.keys(seen.restarted).sort()).toEqual([
      "plain F",
      "plain U",
      "plain V",
      "sealed F",
      "sealed U",
      "sealed V",
    ]);
  }, 120_000);
});
