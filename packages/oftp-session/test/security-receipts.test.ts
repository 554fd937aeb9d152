import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Eerp, FileFormat, Nerp } from "@waybill/oftp-codec";
import type { FileSecurityWishes, OftpStation, PartnerSecurity, StationHooks } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { randomFrom } from "./support/random-buffers.js";
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
import { openSecure, sealedFilesOf } from "./support/receipt-pair.js";
import { eerpTo, nerpTo, signed, speakingPeer, takeFile, unsigned } from "./support/receipt-peer.js";
import type { ReceiptWire } from "./support/receipt-wire.js";
import { codeOf, eventsOf, exchange, openStation, partnerEntry, responsesOf } from "./support/stations.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const DAY = 24 * 3600 * 1000;
const NAME = "INVOICE";
const CONTENT = "invoice ".repeat(2000);
const SEALED: FileSecurityWishes = { sign: true, encrypt: true, compress: true, signedReceipt: true };

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

/** Two stations with certificates of each other. */
async function pair({
  hooks,
  receiving = {},
  sending = {},
}: {
  hooks?: StationHooks;
  receiving?: PartnerSecurity;
  sending?: PartnerSecurity;
} = {}) {
  const here = { name: "here", folder: at("here"), identity: parties.here, security: sending };
  const there = { name: "there", folder: at("there"), identity: parties.there, security: receiving };
  const { station: sender, ...heard } = await openSecure(here, there);
  const options = hooks === undefined ? {} : { hooks };
  const openReceiver = async () => (await openSecure(there, here, options)).station;
  return { sender, openReceiver, ...heard };
}

async function sendContent(station: OftpStation, security: FileSecurityWishes, content = CONTENT) {
  await writeFile(at("here", NAME), content);
  await station.send("there", { path: at("here", NAME), security });
}

const hashOnWire = (wire: ReceiptWire, hash = "sha256") =>
  createHash(hash).update(wire.file(NAME).octets).digest("hex");
const hashesOfResponses = ({ responses }: ReceiptWire) =>
  responses.map((response) => Buffer.from(response.hash).toString("hex"));

describe("end responses of a station are signed, however they come about", () => {
  const answers: readonly [string, StationHooks, negative: { reason: number; text: string } | undefined][] = [
    ["EERP at once", { endResponse: () => "eerp" }, undefined],
    ["EERP later", { endResponse: () => "later" }, undefined],
    ["NERP at once", { endResponse: () => ({ reason: 34, text: "no" }) }, { reason: 34, text: "no" }],
    ["NERP later", { endResponse: () => "later" }, { reason: 34, text: "no" }],
  ];
  const cases = answers.flatMap(([what, hooks, negative]) => [
    [what, "sealed", SEALED, hooks, negative] as const,
    [what, "plain", { signedReceipt: true }, hooks, negative] as const,
  ]);
  test.each(cases)(
    "%s, %s; the station is opened anew in between",
    async (_what, _how, wishes, hooks, no) => {
      const { sender, openReceiver, partner, wire, invalid, heard } = await pair({ hooks });
      await sendContent(sender, wishes);
      let receiver = await openReceiver();
      await exchange(sender, partner, receiver);
      const waiting = await receiver.unanswered();
      if (waiting.length > 0) {
        expect(heard).toEqual([]);
        await receiver.close();
        receiver = await openReceiver();
        await receiver.respond(waiting[0]!.key, no);
        await receiver.close();
        receiver = await openReceiver();
        await exchange(sender, partner, receiver);
      }
      expect(invalid).toEqual([]);
      expect(heard).toEqual([no === undefined ? `EERP ${NAME}` : `NERP ${NAME} 34 by ${codeOf("there")}`]);
      expect(await statesOf(sender)).toEqual([no === undefined ? "acknowledged" : "refused"]);
      expect(hashesOfResponses(wire)).toEqual([hashOnWire(wire)]);
      expect(wire.responses[0]?.signature.length).toBeGreaterThan(256);
    },
  );
});

describe("the hash in a signed end response", () => {
  test("is that of what went over the wire, for files without an envelope of every format and size", async () => {
    const { sender, openReceiver, partner, wire, invalid, heard } = await pair();
    const random = randomFrom(5);
    const contents: Record<string, string> = {};
    await mkdir(at("files"), { recursive: true });
    for (const format of ["U", "T", "F", "V"] as readonly FileFormat[]) {
      for (const size of [0, 1, 100 * 1024]) {
        const datasetName = `${format}.${size}`;
        const content = contentFor(format, size, random);
        contents[datasetName] = sha256(content);
        await writeFile(at("files", datasetName), content);
        const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
        const security = { signedReceipt: true };
        await sender.send("there", { path: at("files", datasetName), format, security, ...records });
      }
    }
    await exchange(sender, partner, await openReceiver());
    expect(invalid).toEqual([]);
    expect(await hashesIn(at("there", "inbox", "here"))).toEqual(contents);
    expect([...heard].sort()).toEqual(
      Object.keys(contents)
        .map((name) => `EERP ${name}`)
        .sort(),
    );
    const said = wire.responses.map(({ datasetName, hash }) => [
      datasetName,
      Buffer.from(hash).toString("hex"),
    ]);
    const counted = [...wire.files.values()].map(({ sfid, octets }) => [sfid.datasetName, sha256(octets)]);
    expect(said.sort()).toEqual(counted.sort());
  });

  const known: readonly ["sha1" | "sha256" | "sha512", PartnerSecurity, cipherSuite: number][] = [
    ["sha1", { allowWeak: true }, 4],
    ["sha256", {}, 4],
    ["sha256", { receiptHash: "sha256" }, 6],
    ["sha512", { receiptHash: "sha512" }, 4],
    ["sha512", {}, 6],
  ];
  test.each(known)(
    "%s, which the sender (%j) has too: suite 0%i",
    async (receiptHash, sending, cipherSuite) => {
      const { sender, openReceiver, partner, wire, invalid } = await pair({
        receiving: { receiptHash },
        sending,
      });
      await sendContent(sender, { ...SEALED, cipherSuite });
      await exchange(sender, partner, await openReceiver());
      expect(invalid).toEqual([]);
      expect(hashesOfResponses(wire)).toEqual([hashOnWire(wire, receiptHash)]);
      expect(await statesOf(sender)).toEqual(["acknowledged"]);
    },
  );

  const unknown: readonly ["sha1" | "sha256" | "sha512", cipherSuite: number][] = [
    ["sha1", 4],
    ["sha512", 4],
    ["sha256", 6],
  ];
  test.each(unknown)(
    "%s is not accepted where the sender has that of suite 0%i only",
    async (receiptHash, cipherSuite) => {
      const { sender, openReceiver, partner, invalid, heard } = await pair({ receiving: { receiptHash } });
      await sendContent(sender, { ...SEALED, cipherSuite });
      const sessions = await exchange(sender, partner, await openReceiver());
      expect(await Promise.all(sessions.map(({ ended }) => ended))).toEqual([
        { error: undefined },
        { error: undefined },
      ]);
      expect(invalid.map(({ error }) => error.code)).toEqual(["ERR_CMS_RECEIPT_HASH_ALGORITHM"]);
      expect(heard).toEqual([]);
      expect(await statesOf(sender)).toEqual(["waiting"]);
    },
  );
});
