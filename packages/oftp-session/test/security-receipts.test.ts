import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Eerp, Nerp } from "@waybill/oftp-codec";
import type { FileSecurityWishes, OftpStation } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  type Answer,
  certificatesOf,
  newParties,
  type ReceiptParties,
  rightEerp,
  saying,
  signedBy,
  wrongAnswers,
} from "./support/receipt-answers.js";
import { sealedFilesOf } from "./support/receipt-pair.js";
import { eerpTo, nerpTo, signed, speakingPeer, takeFile, unsigned } from "./support/receipt-peer.js";
import { SEALED } from "./support/receipt-scenes.js";
import { codeOf, eventsOf, openStation, partnerEntry, responsesOf } from "./support/stations.js";

const DAY = 24 * 3600 * 1000;
const NAME = "INVOICE";
const CONTENT = "invoice ".repeat(2000);

let root: TemporaryFolder;
let parties: ReceiptParties;
let run = 0;
const at = (...names: string[]) => join(root.path, String(run), ...names);

beforeAll(async () => {
  root = await temporaryFolder("waybill-receipts-");
  parties = await newParties();
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

const statesOf = async (station: OftpStation) => (await station.sent()).map(({ state }) => state);

/** A station that has sent a file to a peer, and asked for a signed end response. */
async function sent(wishes: FileSecurityWishes = SEALED, { confirm = true } = {}) {
  const clock = { ahead: 0 };
  const certificates = certificatesOf(parties);
  const distrusted = parties.distrusted.certificate.thumbprint("sha256");
  const partner = partnerEntry("there", { certificates });
  const station = await openStation({
    name: "here",
    folder: at("here"),
    partners: [partner],
    identities: [parties.here],
    now: () => new Date(Date.now() + clock.ahead),
    hooks: { trustCertificate: ({ certificate }) => certificate.thumbprint("sha256") !== distrusted },
  });
  await writeFile(at("here", NAME), CONTENT);
  await station.send("there", { path: at("here", NAME), security: wishes });
  const file = await takeFile(station, partner, { confirm });
  expect(await statesOf(station)).toEqual(confirm ? ["waiting"] : []);
  return { station, partner, file, clock };
}

describe("an end response that proves nothing leaves the file unacknowledged, and the session goes on", () => {
  test.each(wrongAnswers(CONTENT))("%s", async (_what, code, answer) => {
    await expectRefused(await sent(), code, answer);
  });

  test("of a certificate that has expired meanwhile", async () => {
    const sender = await sent();
    sender.clock.ahead = 3 * DAY;
    await expectRefused(sender, "SIGNER_EXPIRED", signedBy("brief"));
  });

  async function expectRefused(
    { station, partner, file }: Awaited<ReturnType<typeof sent>>,
    code: string,
    answer: Answer,
  ) {
    const invalid = eventsOf(station, "endResponseInvalid");
    const heard = responsesOf(station);
    const peer = await speakingPeer(station, partner);
    peer.send(await answer(file, parties));
    await peer.receive("RTR");
    expect(invalid.map(({ error }) => error.code)).toEqual([`ERR_CMS_RECEIPT_${code}`]);
    expect(invalid[0]).toMatchObject({ file: { datasetName: NAME }, session: { role: "responder" } });
    expect(heard).toEqual([]);
    expect(await statesOf(station)).toEqual(["waiting"]);

    peer.send(await rightEerp(file, parties));
    await peer.receive("RTR");
    await peer.close();
    expect(heard).toEqual([`EERP ${NAME}`]);
    expect(await statesOf(station)).toEqual(["acknowledged"]);
    expect(invalid).toHaveLength(1);
  }

  const strangers: readonly [string, Partial<Eerp>][] = [
    ["another file name", { datasetName: "OTHER" }],
    ["another date", { timestamp: { date: "20010203", time: "0405060001" } }],
    ["another destination", { destination: codeOf("other") }],
    ["another originator", { originator: codeOf("other") }],
  ];
  test.each(strangers)("%s around a right signature: it is for no file at all", async (_what, changes) => {
    const { station, partner, file } = await sent();
    const heard = responsesOf(station);
    const peer = await speakingPeer(station, partner);
    for (const answer of [saying(changes), rightEerp]) {
      peer.send(await answer(file, parties));
      await peer.receive("RTR");
    }
    await peer.close();
    expect(heard).toEqual([`EERP ${changes.datasetName ?? NAME} for nothing`, `EERP ${NAME}`]);
  });

  test("every third octet of a signature that is damaged, one after the other in one session", async () => {
    const { station, partner, file } = await sent();
    const invalid = eventsOf(station, "endResponseInvalid");
    const peer = await speakingPeer(station, partner);
    const eerp = await rightEerp(file, parties);
    let damaged = 0;
    for (let position = 0; position < eerp.signature.length; position += 3) {
      const signature = Uint8Array.from(eerp.signature);
      signature[position]! ^= 1;
      peer.send({ ...eerp, signature } as Eerp);
      await peer.receive("RTR");
      damaged += 1;
      expect({ position, invalid: invalid.length }).toEqual({ position, invalid: damaged });
      expect(invalid.at(-1)?.error.code).toMatch(/^ERR_CMS_RECEIPT_(DAMAGED|SIGNATURE|SIGNER)$/);
    }
    expect(damaged).toBeGreaterThan(200);
    expect(await statesOf(station)).toEqual(["waiting"]);
    peer.send(eerp);
    await peer.receive("RTR");
    await peer.close();
    expect(await statesOf(station)).toEqual(["acknowledged"]);
  });

  test("for a file whose EFPA was lost: it stays queued, with what was sealed of it, until the right one comes", async () => {
    const { station, partner, file } = await sent(SEALED, { confirm: false });
    const invalid = eventsOf(station, "endResponseInvalid");
    const peer = await speakingPeer(station, partner);
    peer.send(unsigned(eerpTo(file)));
    await peer.receive("RTR");
    expect(invalid.map(({ error }) => error.code)).toEqual(["ERR_CMS_RECEIPT_UNSIGNED"]);
    expect(await station.queued("there")).toHaveLength(1);
    expect(await sealedFilesOf({ folder: at("here") })).toHaveLength(1);
    peer.send(await rightEerp(file, parties));
    await peer.receive("RTR");
    await peer.close();
    expect(await station.queued("there")).toEqual([]);
    expect(await statesOf(station)).toEqual(["acknowledged"]);
    expect(await sealedFilesOf({ folder: at("here") })).toEqual([]);
  });
});

describe("a signed NERP refuses the file", () => {
  const nerps: readonly [string, (nerp: Nerp) => Nerp][] = [
    ["with the hash of the file", (nerp) => nerp],
    ["without a hash, as the file never came", (nerp) => ({ ...nerp, hash: new Uint8Array() })],
  ];
  test.each(nerps)("%s", async (_what, change) => {
    const { station, partner, file } = await sent();
    const invalid = eventsOf(station, "endResponseInvalid");
    const heard = responsesOf(station);
    const peer = await speakingPeer(station, partner);
    peer.send(await signed(change(nerpTo(file)), parties.there));
    await peer.receive("RTR");
    await peer.close();
    expect(invalid).toEqual([]);
    expect(heard).toEqual([`NERP ${NAME} 34 by ${codeOf("there")}`]);
    expect(await statesOf(station)).toEqual(["refused"]);
  });
});
