import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Eerp } from "@waybill/oftp-codec";
import {
  fileStateStore,
  memoryStateStore,
  type OftpStation,
  type Partner,
  type QueuedFile,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { RawPeer } from "./support/raw-peer.js";
import { socketPair } from "./support/socket-pair.js";
import {
  codeOf,
  eventsOf,
  exchange,
  filesIn,
  openStation,
  partnerEntry,
  rawCaller,
  responsesOf,
} from "./support/stations.js";

let root: TemporaryFolder;
const at = (...names: string[]) => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryFolder("waybill-lifecycle-");
});
afterEach(() => root.remove());

async function send(station: OftpStation, partner: string, name: string, more = {}): Promise<QueuedFile> {
  await writeFile(at(name), `content of ${name}`);
  return station.send(partner, { path: at(name), ...more });
}

/** A session in which the station calls a peer that says what the test tells it to. */
async function calledPeer(station: OftpStation, partner: Partner) {
  const { near, far } = await socketPair();
  const peer = new RawPeer(far);
  const session = station.initiate(partner, near);
  await peer.answer({ code: partner.ssid, password: partner.password, bufferSize: 2000, credit: 99 });
  return { peer, session };
}

/** Takes a file until EFID, and says nothing to that. */
async function takeFile(peer: RawPeer) {
  const sfid = await peer.receive("SFID");
  peer.send({ kind: "SFPA", restartPosition: 0 });
  for (;;) {
    const command = await peer.next();
    if (command?.kind === "EFID") return sfid;
    if (command?.kind !== "DATA") throw new Error(`unexpected ${command?.kind}`);
  }
}

function eerpFor(file: QueuedFile): Eerp {
  const { datasetName, timestamp, originator, destination } = file;
  const none = new Uint8Array();
  const swapped = { originator: destination, destination: originator };
  return { kind: "EERP", datasetName, timestamp, ...swapped, userData: "", hash: none, signature: none };
}

const RAW = partnerEntry("raw");

describe("files that are refused", () => {
  test("for now stay queued and are sent in the next session", async () => {
    let open = false;
    const acme = partnerEntry("acme");
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme] });
    const there = await openStation({
      name: "acme",
      folder: at("acme"),
      partners: [partnerEntry("zulu")],
      hooks: { acceptFile: () => (open ? { accept: true } : { accept: false, reason: 99, retry: true }) },
    });
    const refused = eventsOf(here, "fileRefused");
    await send(here, "acme", "file");
    await exchange(here, acme, there);
    expect(refused).toMatchObject([{ refusal: { command: "SFNA", reason: 99, retry: true } }]);
    expect(await here.queued("acme")).toHaveLength(1);
    open = true;
    await exchange(here, acme, there);
    expect(await filesIn(at("acme", "inbox", "zulu"))).toEqual({ file: "content of file" });
    expect(await here.queued("acme")).toEqual([]);
  });

  test("for good are not tried again, and leave the outbox", async () => {
    const acme = partnerEntry("acme");
    const outbox = at("zulu", "outbox");
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme], outbox });
    const there = await openStation({
      name: "acme",
      folder: at("acme"),
      partners: [partnerEntry("zulu")],
      maxFileSize: 10,
    });
    await mkdir(join(outbox, "acme"), { recursive: true });
    await writeFile(join(outbox, "acme", "big"), Buffer.alloc(5000));
    await writeFile(join(outbox, "acme", "small"), "small");
    const refused = eventsOf(here, "fileRefused");
    await exchange(here, acme, there);
    expect(refused.map(({ refusal }) => refusal.reason)).toEqual([6]);
    expect((await readdir(join(outbox, "acme"))).sort()).toEqual(["refused"]);
    expect(await readdir(join(outbox, "acme", "refused"))).toEqual(["big"]);
    expect(await here.partnersWithWork(["acme"])).toEqual([]);
  });
});

describe("an intermediary", () => {
  async function chain(farMore = {}) {
    const hub = partnerEntry("hub", { routes: [codeOf("far")] });
    const near = await openStation({ name: "near", folder: at("near"), partners: [hub] });
    const middle = await openStation({
      name: "hub",
      folder: at("hub"),
      partners: [partnerEntry("near"), partnerEntry("far", farMore)],
    });
    return { hub, near, middle };
  }

  test("tells the originator with NERP that the next station refuses the file", async () => {
    const { hub, near, middle } = await chain();
    const far = await openStation({
      name: "far",
      folder: at("far"),
      partners: [partnerEntry("hub", { routes: [codeOf("near")] })],
      hooks: { acceptFile: () => ({ accept: false, reason: 6 }) },
    });
    const heard = responsesOf(near);
    await send(near, "hub", "file", { destination: codeOf("far") });
    await exchange(near, hub, middle);
    await exchange(middle, partnerEntry("far"), far);
    await exchange(near, hub, middle);
    expect(heard).toEqual([`NERP file 16 by ${codeOf("hub")}`]);
    expect((await near.sent()).map(({ state }) => state)).toEqual(["refused"]);
    expect(await readdir(at("hub", "state", "relay"))).toEqual([]);
    expect(await middle.partnersWithWork(["near", "far"])).toEqual([]);
  });

  test("passes on NERP, and a reply the other way", async () => {
    const { hub, near, middle } = await chain();
    const far = await openStation({
      name: "far",
      folder: at("far"),
      partners: [partnerEntry("hub", { routes: [codeOf("near")] })],
      hooks: { endResponse: () => ({ reason: 34, text: "wrong order" }) },
    });
    const [heardNear, heardFar] = [responsesOf(near), responsesOf(far)];
    await send(near, "hub", "order", { destination: codeOf("far") });
    await send(far, "hub", "reply", { destination: codeOf("near") });
    for (let round = 0; round < 2; round += 1) {
      await exchange(near, hub, middle);
      await exchange(middle, partnerEntry("far"), far);
      await exchange(near, hub, middle);
    }
    expect(heardNear).toEqual([`NERP order 34 by ${codeOf("far")}`]);
    expect(heardFar).toEqual(["EERP reply"]);
    expect(await filesIn(at("near", "inbox", "hub"))).toEqual({ reply: "content of reply" });
  });

  test("brings the EERP to the right file when the next session has lost a part of the time stamp", async () => {
    const { hub, near, middle } = await chain({ level: 2 });
    const far = await openStation({
      name: "far",
      folder: at("far"),
      partners: [partnerEntry("hub", { routes: [codeOf("near")] })],
    });
    const heard = responsesOf(near);
    const file = await send(near, "hub", "file", { destination: codeOf("far") });
    expect(file.timestamp.time).not.toMatch(/0000$/);
    await exchange(near, hub, middle);
    await exchange(middle, partnerEntry("far", { level: 2 }), far);
    await exchange(near, hub, middle);
    expect(heard).toEqual(["EERP file"]);
    expect((await near.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  });

  test("passes a secured file on as it is", async () => {
    const { middle } = await chain();
    const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));
    const { peer } = await rawCaller(middle);
    await peer.call({ code: codeOf("near"), password: partnerEntry("near").password, bufferSize: 2000 });
    const security = {
      securityLevel: 3,
      cipherSuite: 2,
      compression: 1,
      envelope: 1,
      signedReceipt: true,
    } as const;
    const sfid = {
      kind: "SFID",
      datasetName: "SECRET",
      timestamp: { date: "20261120", time: "1011120001" },
      userData: "",
      destination: codeOf("far"),
      originator: codeOf("near"),
      format: "F",
      maxRecordSize: 80,
      fileSize: 1,
      originalFileSize: 7,
      restartPosition: 0,
      description: "",
      ...security,
    } as const;
    peer.send(sfid);
    await peer.receive("SFPA");
    const payload = Buffer.concat(
      Array.from({ length: 16 }, (_, index) => {
        const part = content.subarray(index * 63, (index + 1) * 63);
        return Buffer.concat([Buffer.from([part.length | (index === 15 ? 0x80 : 0)]), part]);
      }),
    );
    peer.send({ kind: "DATA", payload }, { kind: "EFID", recordCount: 0, unitCount: content.length });
    await peer.receive("EFPA");
    await peer.close();

    const { peer: far } = await calledPeer(middle, partnerEntry("far"));
    expect(await takeFile(far)).toMatchObject({
      ...security,
      format: "F",
      maxRecordSize: 80,
      originalFileSize: 7,
    });
    far.send({ kind: "EFPA", changeDirection: false });
    await far.receive("CD");
    const hash = Buffer.from("12345678901234567890");
    const signature = Buffer.from("a signature");
    const eerp = { ...eerpFor({ ...sfid } as never), hash, signature };
    far.send(eerp);
    await far.receive("RTR");
    far.destroy();

    const { peer: near } = await rawCaller(middle);
    await near.call({ code: codeOf("near"), password: partnerEntry("near").password });
    near.send({ kind: "CD" });
    const passed = await near.receive("EERP");
    expect(Buffer.from(passed.hash)).toEqual(hash);
    expect(Buffer.from(passed.signature)).toEqual(signature);
    near.destroy();
  });
});

describe("end responses that come early", () => {
  test("an EERP for a file whose EFPA was lost settles it: it is not sent again", async () => {
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [RAW] });
    const file = await send(here, "raw", "file");
    const heard = responsesOf(here);
    const first = await calledPeer(here, RAW);
    await takeFile(first.peer);
    first.peer.destroy();
    await first.session.ended;
    const { peer, session } = await rawCaller(here);
    await peer.call({ code: RAW.ssid, password: RAW.password });
    peer.send(eerpFor(file));
    await peer.receive("RTR");
    peer.send({ kind: "CD" });
    expect(await peer.receive("ESID")).toMatchObject({ reason: 0 });
    await peer.close();
    await session.ended;
    expect(heard).toEqual(["EERP file"]);
    expect(await here.queued("raw")).toEqual([]);
    expect((await here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  });

  test("an EERP in another session waits until EFPA was recorded", async () => {
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [RAW] });
    const file = await send(here, "raw", "file");
    const heard = responsesOf(here);
    const sending = await calledPeer(here, RAW);
    await takeFile(sending.peer);
    const { peer: other } = await rawCaller(here);
    await other.call({ code: RAW.ssid, password: RAW.password });
    other.send(eerpFor(file), eerpFor(file));
    sending.peer.send({ kind: "EFPA", changeDirection: false });
    await other.receive("RTR");
    expect(heard).toEqual(["EERP file"]);
    other.destroy();
    sending.peer.destroy();
    await Promise.all([...here.sessions].map(({ ended }) => ended));
    expect((await here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  });

  test("the same EERP in two sessions at once is told once", async () => {
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [RAW] });
    const file = await send(here, "raw", "file");
    const heard = responsesOf(here);
    const { peer, session } = await calledPeer(here, RAW);
    await takeFile(peer);
    peer.send({ kind: "EFPA", changeDirection: false });
    await peer.receive("CD");
    const { peer: other } = await rawCaller(here);
    await other.call({ code: RAW.ssid, password: RAW.password });
    for (const each of [peer, other]) each.send(eerpFor(file));
    for (const each of [peer, other]) await each.receive("RTR");
    for (const each of [peer, other]) each.destroy();
    await session.ended;
    expect(heard).toEqual(["EERP file"]);
  });
});

describe("files of one name in one second below level 4", () => {
  test("all arrive, each with its EERP", async () => {
    const acme = partnerEntry("acme", { level: 2 });
    const now = () => new Date(2026, 10, 20, 10, 11, 12);
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme], now });
    const there = await openStation({ name: "acme", folder: at("acme"), partners: [partnerEntry("zulu")] });
    const heard = responsesOf(here);
    for (const name of ["one", "two", "three"]) await send(here, "acme", name, { datasetName: "SAME" });
    await exchange(here, acme, there);
    expect(Object.values(await filesIn(at("acme", "inbox", "zulu"))).sort()).toEqual(
      ["one", "three", "two"].map((name) => `content of ${name}`),
    );
    expect(heard).toEqual(["EERP SAME", "EERP SAME", "EERP SAME"]);
  });
});

describe("content that changes while it is queued", () => {
  test("is sent as a file of its own, not put behind the part that the partner has", async () => {
    const acme = partnerEntry("acme");
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme], bufferSize: 1000 });
    const there = await openStation({ name: "acme", folder: at("acme"), partners: [partnerEntry("zulu")] });
    await writeFile(at("file"), Buffer.alloc(400_000, "a"));
    await here.send("acme", { path: at("file") });
    const { near, far } = await socketPair();
    there.on("progress", ({ octets }) => octets > 100_000 && far.destroy());
    await Promise.all([there.answer(far), here.initiate(acme, near)].map(({ ended }) => ended));
    await writeFile(at("file"), Buffer.alloc(300_000, "b"));
    there.removeAllListeners("progress");
    await exchange(here, acme, there);
    const { file } = await filesIn(at("acme", "inbox", "zulu"));
    expect(file === "b".repeat(300_000)).toBe(true);
  });
});

describe("several sessions and processes", () => {
  test("two stations that share one state folder send each file once, and answer each once", async () => {
    const acme = partnerEntry("acme", { maxSessions: 10 });
    const open = async () =>
      openStation({
        name: "zulu",
        folder: at("zulu"),
        partners: [acme],
        store: await fileStateStore(at("records")),
      });
    const here = [await open(), await open()];
    const there = await openStation({
      name: "acme",
      folder: at("acme"),
      partners: [partnerEntry("zulu", { maxSessions: 10 })],
    });
    const names = Array.from({ length: 20 }, (_, index) => `file${index}`);
    for (const [index, name] of names.entries()) {
      await send(here[index % 2]!, "acme", name);
      await send(there, "zulu", `reply${index}`);
    }
    const received = eventsOf(there, "fileReceived");
    const heard = here.map(responsesOf);
    const replies = responsesOf(there);
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(here.map((station) => exchange(station, acme, there)));
    }
    expect(received.map(({ file }) => file.sfid.datasetName).sort()).toEqual([...names].sort());
    expect(heard.flat().sort()).toEqual(names.map((name) => `EERP ${name}`).sort());
    expect(replies.sort()).toEqual(names.map((_, index) => `EERP reply${index}`).sort());
    expect(Object.keys(await filesIn(at("zulu", "inbox", "acme")))).toHaveLength(20);
    expect(await here[0]!.queued("acme")).toEqual([]);
  });

  test("clean forgets what was settled long ago, and nothing else", async () => {
    let now = new Date(2026, 0, 1);
    const acme = partnerEntry("acme");
    const [zuluStore, acmeStore] = [memoryStateStore(), memoryStateStore()];
    const here = await openStation({
      name: "zulu",
      folder: at("zulu"),
      partners: [acme],
      store: zuluStore,
      now: () => now,
    });
    const there = await openStation({
      name: "acme",
      folder: at("acme"),
      partners: [partnerEntry("zulu")],
      store: acmeStore,
      now: () => now,
      hooks: { endResponse: ({ sfid }) => (sfid.datasetName === "later" ? "later" : "eerp") },
    });
    for (const name of ["old", "later"]) await send(here, "acme", name);
    await exchange(here, acme, there);
    now = new Date(2026, 5, 1);
    await send(here, "acme", "new");
    await exchange(here, acme, there);
    await Promise.all([here.clean(), there.clean()]);
    expect((await here.sent()).map(({ file }) => file.datasetName).sort()).toEqual(["later", "new"]);
    expect(await acmeStore.list("received")).toHaveLength(2);
    expect((await there.unanswered()).map(({ sfid }) => sfid.datasetName)).toEqual(["later"]);
  });

  test("close lets a transfer end within its time, and refuses what comes meanwhile", async () => {
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [RAW] });
    for (const name of ["first", "second"]) await send(here, "raw", name);
    const { peer, session } = await calledPeer(here, RAW);
    await takeFile(peer);
    const closed = here.close({ graceMs: 20_000 });
    const { peer: late } = await rawCaller(here);
    await late.receive("SSRM");
    expect(await late.refused()).toMatchObject({ reason: 8 });
    await expect(here.call("raw")).rejects.toMatchObject({ code: "ERR_OFTP_CLOSING" });
    peer.send({ kind: "EFPA", changeDirection: false });
    await peer.receive("CD");
    peer.send({ kind: "ESID", reason: 0, text: "" });
    await peer.close();
    await closed;
    expect((await session.ended).error).toBeUndefined();
    expect((await here.queued("raw")).map(({ datasetName }) => datasetName)).toEqual(["second"]);
    expect(here.sessions.size).toBe(0);
  });

  test("close without time ends sessions with ESID 05", async () => {
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [RAW] });
    await send(here, "raw", "file");
    const { peer, session } = await calledPeer(here, RAW);
    await takeFile(peer);
    const closed = here.close();
    expect(await peer.refused()).toMatchObject({ reason: 5 });
    await closed;
    expect((await session.ended).error).toMatchObject({ reason: 5 });
    expect(await here.queued("raw")).toHaveLength(1);
    expect(await readdir(at("zulu", "state", "locks"))).toEqual([]);
  });
});
