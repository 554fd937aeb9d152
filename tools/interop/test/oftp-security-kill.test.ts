import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  type KeyPairOptions,
} from "@waybill/cert-store";
import { type ReceiptHashes, verifyReceipt } from "@waybill/cms-security";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { KilledStations, type KillPlan } from "../src/oftp-kill-stations.js";
import { type HeardResponse, heardBy } from "../src/oftp-station-process.js";

/** Long enough to be killed while it is sealed, on its way, or being opened. */
const LONG_FILE = 2 * 1024 * 1024;

const PLAN: KillPlan = {
  kills: 12,
  filesOfARound: 3,
  longestLifeMs: 150,
  contentOf: (round, index, random) => {
    if (index > 0 || round % 4 > 0) return Buffer.alloc(random.below(60_000), random.bytes(251));
    // Most of it does not compress, so that it stays long.
    const parts = Array.from({ length: 4 }, () => Buffer.alloc(LONG_FILE / 4, random.bytes(70_001)));
    return Buffer.concat(parts);
  },
};

let root: TemporaryFolder;
let stations: KilledStations;
const certificates: Record<string, Certificate> = {};

beforeAll(async () => {
  root = await temporaryFolder("waybill-sealed-kill-");
  stations = new KilledStations(root.path, PLAN, { secured: true });
  await addCertificate("listener", { type: "rsa", bits: 2048 });
  await addCertificate("caller", { type: "ec" });
});
afterAll(async () => {
  await stations.stop();
  await root.remove();
});

async function addCertificate(name: string, options: KeyPairOptions): Promise<void> {
  const key = await generateKeyPair(options);
  const certificate = await createSelfSignedCertificate({ key, subject: `CN=${name}` });
  const folder = join(root.path, name);
  await mkdir(folder);
  await writeFile(join(folder, "certificate.pem"), certificate.pem);
  await writeFile(join(folder, "key.pem"), key.keyObject.export({ format: "pem", type: "pkcs8" }));
  certificates[name] = certificate;
}

/** Once more, outside of the station: that the partner has signed for what was sent to it. */
async function expectProof(heard: HeardResponse, partner: string): Promise<void> {
  const { datasetName, timestamp, destination, originator } = heard;
  const hashes = Object.entries(heard.hashes!).map(([name, hash]) => [name, Buffer.from(hash, "base64")]);
  await verifyReceipt(
    {
      kind: "EERP",
      datasetName,
      timestamp,
      destination,
      originator,
      hash: Buffer.from(heard.hash, "base64"),
      signature: Buffer.from(heard.signature, "base64"),
    },
    {
      file: { datasetName, timestamp, destination: originator, originator: destination },
      hashes: Object.fromEntries(hashes) as ReceiptHashes,
      signers: [certificates[partner]!],
    },
  );
}

/** Names of the files in a folder and those in it. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe(`stations that are killed at ${PLAN.kills} random moments while sealed files come`, () => {
  test("open each file once, and right, and sign for each", async () => {
    await stations.run();
    await stations.expectAllArrivedOnce();
    const { seed } = stations;
    for (const settings of Object.values(stations.settings)) {
      for (const each of await heardBy(settings)) await expectProof(each, settings.partner);
      const sealed = await filesBelow(join(settings.folder, "state", "sealed"));
      expect({ seed, sealed }).toEqual({ seed, sealed: [] });
    }
  }, 240_000);
});
