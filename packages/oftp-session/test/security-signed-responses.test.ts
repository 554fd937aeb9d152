import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import type { FileFormat } from "@waybill/oftp-codec";
import type { FileSecurityWishes, OftpStation, PartnerSecurity, StationHooks } from "@waybill/oftp-session";
import { newIdentity, type TestIdentity } from "./support/identities.js";
import { randomFrom } from "./support/random-buffers.js";
import { openSecure } from "./support/receipt-pair.js";
import { receiptScenes, SEALED } from "./support/receipt-scenes.js";
import type { ReceiptWire } from "./support/receipt-wire.js";
import { codeOf, exchange, filesIn } from "./support/stations.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const DAY = 24 * 3600 * 1000;
const NAME = "INVOICE";
const CONTENT = "invoice ".repeat(2000);

const { at, sides } = receiptScenes("waybill-signed-responses-", { type: "rsa", bits: 2048 });

const statesOf = async (station: OftpStation) => (await station.sent()).map(({ state }) => state);

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
  const [here, there] = sides(sending, receiving);
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

describe("an answer that cannot be signed any more", () => {
  test("waits for a new certificate, and keeps no station from being opened", async () => {
    const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
    const brief = await newIdentity("there", { type: "ec" }, validity);
    const [side, other] = sides();
    const here = await openSecure(side, { ...other, identity: brief });
    let later = 0;
    const open = (identity: TestIdentity) =>
      openSecure({ ...other, identity }, side, {
        now: () => new Date(Date.now() + later),
        hooks: {
          endResponse: () => {
            later = 3 * DAY;
            return "eerp";
          },
        },
      });
    const there = await open(brief);
    await writeFile(at("files", NAME), CONTENT);
    await here.station.send("there", { path: at("files", NAME), security: SEALED });
    await exchange(here.station, here.partner, there.station);
    expect(await filesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: CONTENT });
    expect(here.heard).toEqual([]);
    await there.station.close();

    const still = await open(brief);
    await exchange(here.station, here.partner, still.station);
    expect(here.heard).toEqual([]);
    await still.station.close();

    const renewed = await open(other.identity);
    const knowing = await openSecure(side, other);
    await exchange(knowing.station, knowing.partner, renewed.station);
    expect(knowing.invalid).toEqual([]);
    expect(knowing.heard).toEqual([`EERP ${NAME}`]);
  });
});
