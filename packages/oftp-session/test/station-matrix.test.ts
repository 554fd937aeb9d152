import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Listener, listen, listenTls, type TlsPemCertificate } from "@waybill/net-core";
import type { FileFormat, ProtocolLevel } from "@waybill/oftp-codec";
import type { OftpStation, Partner, StationSession } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { randomFrom } from "./support/random-buffers.js";
import { openStation, partnerEntry } from "./support/stations.js";
import { testCertificate } from "./support/test-certificate.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const FILES = 50;
const FORMATS: readonly FileFormat[] = ["U", "T", "F", "V"];

let root: TemporaryFolder;
let certificate: TlsPemCertificate;
let run = 0;
const at = (...names: string[]) => join(root.path, String(run), ...names);

beforeAll(async () => {
  root = await temporaryFolder("waybill-matrix-");
  certificate = await testCertificate();
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

/** Queues files of all formats, and gives their hashes by name. */
async function queueFiles(station: OftpStation, partner: string, seed: number) {
  const random = randomFrom(seed);
  const hashes: Record<string, string> = {};
  await mkdir(at("files", partner), { recursive: true });
  for (let index = 0; index < FILES; index += 1) {
    const format = FORMATS[index % FORMATS.length]!;
    const size = index < 4 ? 0 : random(index % 10 === 0 ? 100_000 : 4000);
    const content = contentFor(format, size, random);
    const datasetName = `FILE.${String(index).padStart(2, "0")}.${format}`;
    const path = at("files", partner, datasetName);
    await writeFile(path, content);
    hashes[datasetName] = sha256(content);
    const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
    await station.send(partner, { path, datasetName, format, ...records });
  }
  return hashes;
}

/** Names of the files whose EERP came, in their order. */
function receiptsOf(station: OftpStation): string[] {
  const names: string[] = [];
  station.on("endResponseReceived", ({ response, file }) => {
    names.push(`${response.kind} ${file?.datasetName}`);
  });
  return names;
}

const cases = ([1, 2, 4, 5] as const).flatMap((level: ProtocolLevel) =>
  (["plain", "TLS"] as const).flatMap((transport) =>
    [false, true].map((compression) => [level, transport, compression] as const),
  ),
);

describe("50 files both ways in one session, with receipts", () => {
  test.each(cases)("level %i, %s, compression %s", async (level, transport, compression) => {
    const here = partnerEntry("here", { level, compression });
    const there = await openStation({ name: "there", folder: at("there"), partners: [here] });
    const answered: StationSession[] = [];
    const answer = (socket: Parameters<OftpStation["answer"]>[0]) => void answered.push(there.answer(socket));
    const listener: Listener =
      transport === "TLS"
        ? await listenTls({ port: 0, tls: { certificates: [certificate] } }, answer)
        : await listen({ port: 0 }, answer);
    const tls = transport === "TLS" ? { trust: [certificate.certificate] } : undefined;
    const called: Partner = partnerEntry("there", {
      level,
      compression,
      address: { host: "127.0.0.1", port: listener.port, tls },
    });
    const caller = await openStation({ name: "here", folder: at("here"), partners: [called] });
    const [sentThere, sentHere] = [
      await queueFiles(caller, "there", 2 * run),
      await queueFiles(there, "here", 2 * run + 1),
    ];
    const [heardHere, heardThere] = [receiptsOf(caller), receiptsOf(there)];

    const session = await caller.call("there");
    const ends = [await session.ended, await answered[0]!.ended];
    await listener.close();

    expect(ends).toEqual([{ error: undefined }, { error: undefined }]);
    expect(session.negotiated).toMatchObject({ level, compression, credit: 99, bufferSize: 32_768 });
    expect(answered).toHaveLength(1);
    expect(await hashesIn(at("there", "inbox", "here"))).toEqual(sentThere);
    expect(await hashesIn(at("here", "inbox", "there"))).toEqual(sentHere);
    const receipts = Object.keys(sentHere).map((name) => `EERP ${name}`);
    expect(heardHere).toEqual(receipts);
    expect(heardThere).toEqual(receipts);
    for (const [station, name] of [
      [caller, "there"],
      [there, "here"],
    ] as const) {
      expect(await station.queued(name)).toEqual([]);
      expect(await station.partnersWithWork([name])).toEqual([]);
      expect((await station.sent()).filter(({ state }) => state === "acknowledged")).toHaveLength(FILES);
    }
    expect(await readdir(at("here", "state", "partial"))).toEqual([]);
    expect(await readdir(at("there", "state", "locks"))).toEqual([]);
  });
});
