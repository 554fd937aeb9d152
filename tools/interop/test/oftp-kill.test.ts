import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { KilledStations, type KillPlan } from "../src/oftp-kill-stations.js";

/** Long enough to have several checkpoints. */
const LONG_FILE = 20 * 1024 * 1024;

const PLAN: KillPlan = {
  kills: 50,
  filesOfARound: 4,
  longestLifeMs: 120,
  contentOf: (round, index, random) => {
    const size = index === 0 && round % 10 === 0 ? LONG_FILE : random.below(60_000);
    return Buffer.alloc(size, random.bytes(251));
  },
};

let root: TemporaryFolder;
let stations: KilledStations;

beforeAll(async () => {
  root = await temporaryFolder("waybill-kill-");
  stations = new KilledStations(root.path, PLAN);
});
afterAll(async () => {
  await stations.stop();
  await root.remove();
});

describe(`stations that are killed at ${PLAN.kills} random moments`, () => {
  test("lose no file, bring none twice, and hear one EERP for each", async () => {
    await stations.run();
    await stations.expectAllArrivedOnce();
  }, 240_000);
});
