import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { FileFormat } from "@waybill/oftp-codec";
import type {
  FileSecurityWishes,
  OftpStation,
  OwnIdentity,
  Partner,
  PartnerCertificate,
  StationHooks,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { cutPair } from "./support/cut-pair.js";
import { newIdentity, type TestIdentity } from "./support/identities.js";
import { randomFrom } from "./support/random-buffers.js";
import { sealedFilesOf } from "./support/receipt-pair.js";
import { ReceiptWire } from "./support/receipt-wire.js";
import { codeOf, eventsOf, exchange, openStation, partnerEntry, responsesOf } from "./support/stations.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const SEALED: FileSecurityWishes = { sign: true, encrypt: true, compress: true, signedReceipt: true };

let root: TemporaryFolder;
let near: TestIdentity;
let far: TestIdentity;
let middle: TestIdentity;
let run = 0;
const at = (...names: string[]) => join(root.path, String(run), ...names);

beforeAll(async () => {
  root = await temporaryFolder("waybill-sealed-relay-");
  [near, far, middle] = await Promise.all([
    newIdentity("near"),
    newIdentity("far"),
    newIdentity("hub", { type: "ec" }),
  ]);
});
afterAll(() => root.remove());
beforeEach(async () => {
  run += 1;
  await mkdir(at("files"), { recursive: true });
});

interface Chain {
  readonly near: OftpStation;
  readonly hub: OftpStation;
  readonly far: OftpStation;
  /** What the first two of them send, and are answered. */
  readonly nearWire: ReceiptWire;
  readonly hubWire: ReceiptWire;
  readonly heard: readonly string[];
  readonly invalid: ReturnType<typeof eventsOf<"endResponseInvalid">>;
}

/** Two stations that know each other's certificates, and one between them that may have keys, and never uses them. */
async function chain({
  hubHasKeys = false,
  knowsSender = true,
  hooks = {},
}: {
  hubHasKeys?: boolean;
  knowsSender?: boolean;
  hooks?: StationHooks;
} = {}): Promise<Chain> {
  const station = (name: string, partners: Partner[], identities: OwnIdentity[], more: StationHooks = {}) =>
    openStation({
      name,
      folder: at(name),
      partners,
      identities,
      hooks: more,
      bufferSize: 4096,
      credit: 4,
    });
  const of = (...identities: TestIdentity[]): { certificates: PartnerCertificate[] } => ({
    certificates: identities.map(({ certificate }) => ({ certificate })),
  });
  const first = await station("near", [hubFor(codeOf("far"), of(far).certificates)], [near]);
  const between = await station(
    "hub",
    [partnerEntry("near", hubHasKeys ? of(near) : {}), partnerEntry("far", hubHasKeys ? of(far) : {})],
    hubHasKeys ? [middle] : [],
  );
  const senders = knowsSender ? of(near).certificates : of(middle).certificates;
  const last = await station("far", [hubFor(codeOf("near"), senders)], [far], hooks);
  return {
    near: first,
    hub: between,
    far: last,
    nearWire: new ReceiptWire(first),
    hubWire: new ReceiptWire(between),
    heard: responsesOf(first),
    invalid: eventsOf(first, "endResponseInvalid"),
  };
}

/** The entry of the station between: with the certificates of the one behind it. */
const hubFor = (behind: string, certificates: readonly PartnerCertificate[]) =>
  partnerEntry("hub", { routes: [behind], certificates });

async function queue(station: OftpStation, name: string, format: FileFormat, security: FileSecurityWishes) {
  const content = contentFor(format, 100_000, randomFrom(name.length));
  await writeFile(at("files", name), content);
  await station.send("hub", {
    path: at("files", name),
    destination: codeOf("far"),
    format,
    security,
    ...(format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {}),
  });
  return sha256(content);
}

const nearToHub = ({ near: first, hub }: Chain) =>
  exchange(first, hubFor(codeOf("far"), [{ certificate: far.certificate }]), hub);
const hubToFar = ({ hub, far }: Chain) => exchange(hub, partnerEntry("far"), far);
const statesOf = async (station: OftpStation) => (await station.sent()).map(({ state }) => state);

const FILES: readonly (readonly [string, FileFormat, FileSecurityWishes])[] = [
  ["SEALED.U", "U", SEALED],
  ["SEALED.V", "V", SEALED],
  ["ENCRYPTED.F", "F", { encrypt: true, signedReceipt: true, cipherSuite: 10 }],
  ["COMPRESSED.T", "T", { compress: true }],
  ["PLAIN.U", "U", { signedReceipt: true }],
  ["PLAIN.V", "V", { signedReceipt: true }],
  ["PLAIN.F", "F", { signedReceipt: true }],
];

describe("a station between two others", () => {
  test.each([false, true])(
    "passes what it cannot read on untouched, both ways; it has keys: %s",
    async (hubHasKeys) => {
      const stations = await chain({ hubHasKeys });
      const received = eventsOf(stations.far, "fileReceived");
      const hashes: Record<string, string> = {};
      for (const [name, ...how] of FILES) hashes[name] = await queue(stations.near, name, ...how);
      await nearToHub(stations);
      expect(await readdir(at("hub", "inbox")).catch(() => [])).toEqual([]);
      await hubToFar(stations);
      expect(await hashesIn(at("far", "inbox", "hub"))).toEqual(hashes);
      expect(stations.heard).toEqual([]);
      await nearToHub(stations);

      const names = Object.keys(hashes);
      expect(stations.invalid).toEqual([]);
      expect([...stations.heard].sort()).toEqual(names.map((name) => `EERP ${name}`).sort());
      expect(new Set(await statesOf(stations.near))).toEqual(new Set(["acknowledged"]));
      for (const name of names) {
        const [sent, passedOn] = [stations.nearWire.file(name), stations.hubWire.file(name)];
        expect(passedOn.octets.equals(sent.octets)).toBe(true);
        expect(passedOn.sfid).toEqual(sent.sfid);
      }
      const byName = (wire: ReceiptWire) =>
        Object.fromEntries(
          wire.responses.map(({ datasetName, ...rest }) => [
            datasetName,
            { ...rest, hash: hex(rest.hash), signature: hex(rest.signature) },
          ]),
        );
      expect(byName(stations.nearWire)).toEqual(byName(stations.hubWire));
      const signer = near.certificate.thumbprint("sha256");
      expect(received[0]?.file).toMatchObject({ security: { encrypted: true, signer, signedReceipt: true } });
      for (const folder of ["relay", "partial", "locks"]) {
        expect(await readdir(at("hub", "state", folder))).toEqual([]);
      }
      // It made nothing of its own of them.
      expect(await sealedFilesOf({ folder: at("hub") })).toEqual([]);
    },
  );

  test("goes on with a sealed file whose connection broke behind it", async () => {
    const stations = await chain();
    const hash = await queue(stations.near, "SEALED.U", "U", SEALED);
    await nearToHub(stations);
    for (const octets of [20_000, 60_000]) {
      const pair = await cutPair("near", octets);
      const sessions = [stations.far.answer(pair.far), stations.hub.initiate(partnerEntry("far"), pair.near)];
      await Promise.all(sessions.map(({ ended }) => ended));
      expect(pair.wasCut).toBe(octets === 20_000);
    }
    await hubToFar(stations);
    await nearToHub(stations);
    expect(await hashesIn(at("far", "inbox", "hub"))).toEqual({ "SEALED.U": hash });
    expect(Math.max(...stations.hubWire.file("SEALED.U").positions)).toBeGreaterThan(0);
    expect(stations.invalid).toEqual([]);
    expect(stations.heard).toEqual(["EERP SEALED.U"]);
  });

  test("passes the signed NERP of the receiver on: the file is refused", async () => {
    const hooks: StationHooks = { endResponse: () => ({ reason: 34, text: "no order" }) };
    const stations = await chain({ hooks });
    await queue(stations.near, "SEALED.U", "U", SEALED);
    await nearToHub(stations);
    await hubToFar(stations);
    await nearToHub(stations);
    expect(stations.invalid).toEqual([]);
    expect(stations.heard).toEqual([`NERP SEALED.U 34 by ${codeOf("far")}`]);
    expect(await statesOf(stations.near)).toEqual(["refused"]);
  });

  const refusals: readonly [string, Parameters<typeof chain>[0], answer: number][] = [
    [
      "does not want it",
      { hooks: { acceptFile: () => ({ accept: false, reason: 99, text: "not today" }) } },
      99,
    ],
    ["does not know who signed it", { knowsSender: false }, 21],
  ];
  test.each(refusals)(
    "answers by itself when the receiver %s: nobody has signed that",
    async (_what, options, reason) => {
      const stations = await chain({ hubHasKeys: true, ...options });
      const refused = eventsOf(stations.hub, "fileRefused");
      await queue(stations.near, "SEALED.U", "U", SEALED);
      await nearToHub(stations);
      await hubToFar(stations);
      await nearToHub(stations);
      expect(refused.map(({ refusal }) => refusal.reason)).toEqual([reason]);
      expect(stations.heard).toEqual([]);
      expect(stations.invalid).toMatchObject([
        {
          file: { datasetName: "SEALED.U" },
          response: { kind: "NERP", creator: codeOf("hub"), originator: codeOf("far") },
          error: { code: "ERR_CMS_RECEIPT_UNSIGNED" },
        },
      ]);
      expect(stations.nearWire.responses.map(({ signature }) => signature.length)).toEqual([0]);
      expect(await statesOf(stations.near)).toEqual(["waiting"]);
      expect(await readdir(at("far", "inbox", "hub")).catch(() => [])).toEqual([]);
      expect(await readdir(at("hub", "state", "relay"))).toEqual([]);
    },
  );
});

const hex = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
