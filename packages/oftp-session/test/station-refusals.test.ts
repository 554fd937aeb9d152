import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Eerp, encodeCommand, type Sfid, type Ssid } from "@waybill/oftp-codec";
import type { FileDecision, OftpStation, Partner, StationOptions } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { dataOf, type RawPeer, sfidOf, ssidOf } from "./support/raw-peer.js";
import { codeOf, eventsOf, filesIn, openStation, partnerEntry, rawCaller } from "./support/stations.js";

let root: TemporaryFolder;
const at = (...names: string[]) => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryFolder("waybill-refusals-");
});
afterEach(() => root.remove());

const RAW = { code: codeOf("raw"), password: "PWRAW" };

async function zulu(more: Omit<Partial<StationOptions>, "partners"> = {}, entry: Partial<Partner> = {}) {
  const station = await openStation({
    name: "zulu",
    folder: at("zulu"),
    partners: [partnerEntry("raw", entry)],
    ...more,
  });
  return station;
}

/** A session in which the peer is the speaker. */
async function speaker(station: OftpStation, ssid: Partial<Ssid> = {}): Promise<RawPeer> {
  const { peer } = await rawCaller(station);
  await peer.call({ ...RAW, ...ssid });
  return peer;
}

const offer = (changes: Partial<Sfid> = {}) =>
  sfidOf({ originator: codeOf("raw"), destination: codeOf("zulu"), ...changes });

const CONTENT = Buffer.from("some content");

/** Sends a whole file, and gives the answer to it. */
async function sendFile(peer: RawPeer, sfid: Sfid, content = CONTENT) {
  peer.send(sfid);
  const start = await peer.next();
  if (start?.kind !== "SFPA") return start;
  for (let at = start.restartPosition * 1024; at < content.length; at += 900) {
    peer.send(dataOf(content.subarray(at, at + 900), at + 900 >= content.length));
  }
  peer.send({ kind: "EFID", recordCount: 0, unitCount: content.length });
  return peer.next();
}

const inbox = () => filesIn(at("zulu", "inbox", "raw"));

describe("who may have a session", () => {
  const refusals: readonly [string, Partial<Ssid>, Partial<Partner>, number][] = [
    ["an unknown SSID", { code: "O0013NOBODY" }, {}, 3],
    ["a wrong password", { password: "WRONG" }, {}, 4],
    ["an empty password", { password: "" }, {}, 4],
    ["a password that only begins like the right one", { password: "PWRA" }, {}, 4],
    ["an address that is not allowed", {}, { allowedAddresses: ["192.0.2.0/24"] }, 3],
  ];
  test.each(refusals)("%s ends with ESID", async (_what, ssid, entry, reason) => {
    const station = await zulu({}, entry);
    const { peer, session } = await rawCaller(station);
    await peer.receive("SSRM");
    peer.send(ssidOf({ ...RAW, ...ssid }));
    expect((await peer.refused()).reason).toBe(reason);
    expect((await session.ended).error).toMatchObject({ reason });
    expect(station.sessions.size).toBe(0);
  });

  test("an allowed address has one", async () => {
    const peer = await speaker(await zulu({}, { allowedAddresses: ["127.0.0.0/8", "::1"] }));
    await peer.close();
  });

  test("no more than the partner may have, and than there may be in all", async () => {
    const station = await zulu({ maxSessions: 3 }, { maxSessions: 2 });
    const first = [await speaker(station), await speaker(station)];
    const { peer: third } = await rawCaller(station);
    await third.receive("SSRM");
    third.send(ssidOf(RAW));
    expect(await third.receive("ESID")).toMatchObject({ reason: 8 });
    const { peer: fourth } = await rawCaller(station);
    expect((await fourth.next())?.kind).toBe("SSRM");
    expect(await fourth.refused()).toMatchObject({ reason: 8 });
    for (const peer of [third, ...first]) await peer.close();
    await Promise.all([...station.sessions].map(({ ended }) => ended));
    const again = await speaker(station);
    await again.close();
  });

  test("the application can refuse it, and say why", async () => {
    for (const answer of [false, "closed on Sundays"]) {
      const station = await zulu({ hooks: { acceptSession: () => answer } });
      const { peer } = await rawCaller(station);
      await peer.receive("SSRM");
      peer.send(ssidOf(RAW));
      const { reason, text } = await peer.refused();
      expect(reason).toBe(8);
      if (typeof answer === "string") expect(text).toBe(answer);
    }
  });
});

describe("files that are not taken", () => {
  const refusals: readonly [string, Partial<Sfid>, number][] = [
    ["to a station that nobody knows", { destination: "O0013NOBODY" }, 2],
    ["from one that is not the partner's", { originator: "O0013OTHER" }, 3],
    ["that are too big", { fileSize: 11 }, 6],
    ["that are encrypted", { securityLevel: 1, cipherSuite: 1, envelope: 1 }, 16],
    ["that are signed and encrypted", { securityLevel: 3, cipherSuite: 1, envelope: 1 }, 16],
    ["that are signed", { securityLevel: 2, envelope: 1 }, 19],
    ["that are compressed without an envelope", { compression: 1 }, 99],
    ["whose records have no length", { format: "F", maxRecordSize: 0 }, 5],
  ];
  test.each(refusals)("%s", async (_what, changes, reason) => {
    const station = await zulu({ maxFileSize: 10 * 1024 });
    const refused = eventsOf(station, "receiveRefused");
    const peer = await speaker(station);
    expect(await sendFile(peer, offer(changes))).toMatchObject({ kind: "SFNA", reason, retry: false });
    // The session goes on.
    expect(await sendFile(peer, offer())).toMatchObject({ kind: "EFPA" });
    await peer.close();
    if (reason !== 5) expect(refused.map((event) => event.reason)).toEqual([reason]);
    expect(await inbox()).toEqual({ "RAW.FILE": CONTENT.toString() });
  });

  test("that turn out to be too big", async () => {
    const station = await zulu({ maxFileSize: 1024 });
    const peer = await speaker(station);
    const answer = await sendFile(peer, offer(), Buffer.alloc(1500));
    expect(answer).toMatchObject({ kind: "EFNA", reason: 6 });
    await peer.close();
    expect(await inbox()).toEqual({});
    expect(await readdir(at("zulu", "state", "partial"))).toEqual([]);
  });

  const envelopes: readonly [string, Partial<Sfid>, number][] = [
    ["compressed", { compression: 1 }, 23],
    ["in an envelope", {}, 99],
  ];
  test.each(envelopes)("that are said to be %s, and are not", async (_what, changes, reason) => {
    const peer = await speaker(await zulu());
    for (let attempt = 0; attempt < 2; attempt += 1) {
      // Nothing is kept that could be in the way of the next attempt.
      const answer = await sendFile(peer, offer({ envelope: 1, ...changes }));
      expect(answer).toMatchObject({ kind: "EFNA", reason });
    }
    await peer.close();
    expect(await readdir(at("zulu", "state", "partial"))).toEqual([]);
  });

  test("that are here already: once confirmed as a duplicate, before that once more with EFPA", async () => {
    const station = await zulu();
    const received = eventsOf(station, "fileReceived");
    const first = await speaker(station);
    expect(await sendFile(first, offer())).toMatchObject({ kind: "EFPA" });
    await first.close();
    // For all that the station knows, EFPA did not arrive.
    const second = await speaker(station);
    expect(await sendFile(second, offer())).toMatchObject({ kind: "EFPA" });
    expect(await sendFile(second, offer())).toMatchObject({ kind: "SFNA", reason: 13, retry: false });
    await second.close();
    expect(received).toHaveLength(1);
    expect(await inbox()).toEqual({ "RAW.FILE": CONTENT.toString() });
  });

  test("a file that was refused once may come again, and its lost EFPA does not make it a duplicate", async () => {
    const station = await zulu();
    const first = await speaker(station);
    first.send(offer());
    await first.receive("SFPA");
    first.send(dataOf(CONTENT), { kind: "EFID", recordCount: 0, unitCount: 5 });
    expect(await first.receive("EFNA")).toMatchObject({ reason: 11 });
    expect(await sendFile(first, offer())).toMatchObject({ kind: "EFPA" });
    await first.close();
    const second = await speaker(station);
    expect(await sendFile(second, offer())).toMatchObject({ kind: "EFPA" });
    await second.close();
  });

  test("a folder that cannot be written to: reason 12, nothing is left", async () => {
    await writeFile(at("file"), "");
    const station = await zulu({ hooks: { acceptFile: () => ({ accept: true, folder: at("file", "x") }) } });
    const peer = await speaker(station);
    expect(await sendFile(peer, offer())).toMatchObject({ kind: "SFNA", reason: 12 });
    await peer.close();
  });
});

describe("names and hooks", () => {
  const names = ["../../ESCAPED", "/etc/passwd", "..", "C:\\X", "NUL", "-rf", ".HIDDEN"];
  test.each(names)("%j stays in the inbox", async (datasetName) => {
    const station = await zulu();
    const received = eventsOf(station, "fileReceived");
    const peer = await speaker(station);
    const answer = await sendFile(peer, offer({ datasetName }));
    if (answer?.kind === "EFPA") {
      const [name, ...rest] = await readdir(at("zulu", "inbox", "raw"));
      expect(rest).toEqual([]);
      expect(name).not.toMatch(/^[.-]|[/\\:]/);
      expect(received[0]?.file.path).toBe(at("zulu", "inbox", "raw", name!));
    } else {
      expect(answer).toMatchObject({ kind: expect.stringMatching(/^(SFNA|ESID)$/) });
    }
    await peer.close();
    expect((await readdir(root.path)).sort()).toEqual(["zulu"]);
  });

  test("control characters in a name", async () => {
    const station = await zulu();
    const { peer, session } = await rawCaller(station);
    await peer.call(RAW);
    const sfid = Buffer.from(encodeCommand(offer({ datasetName: "AxB" }), 5));
    sfid[2] = 1;
    peer.sendBuffer(sfid);
    expect(await peer.next()).toMatchObject({ kind: "ESID", reason: 6 });
    await peer.close();
    expect((await session.ended).error).toMatchObject({ reason: 6 });
    expect(await inbox()).toEqual({});
  });

  test("a partner whose name is no folder's gets no file in", async () => {
    const station = await openStation({
      name: "zulu",
      folder: at("zulu"),
      partners: [partnerEntry("raw", { name: "../raw" })],
    });
    const peer = await speaker(station);
    expect(await sendFile(peer, offer())).toMatchObject({ kind: "SFNA", reason: 12 });
    await peer.close();
    expect(await readdir(at("zulu"))).not.toContain("raw");
  });

  test("the application renames, redirects, refuses, and refuses for now", async () => {
    const decisions: Record<string, FileDecision> = {
      RENAMED: { accept: true, fileName: "other.txt" },
      ELSEWHERE: { accept: true, folder: at("elsewhere") },
      REFUSED: { accept: false, reason: 6, text: "no more today" },
      LATER: { accept: false, reason: 99, retry: true },
      ESCAPING: { accept: true, fileName: "../x" },
    };
    const station = await zulu({
      hooks: { acceptFile: ({ sfid }) => decisions[sfid.datasetName.trimEnd()] ?? { accept: true } },
    });
    const peer = await speaker(station);
    const answers: unknown[] = [];
    for (const datasetName of [...Object.keys(decisions), "AS.IT.IS"]) {
      answers.push(await sendFile(peer, offer({ datasetName })));
    }
    await peer.close();
    expect(answers).toMatchObject([
      { kind: "EFPA" },
      { kind: "EFPA" },
      { kind: "SFNA", reason: 6, retry: false, text: "no more today" },
      { kind: "SFNA", reason: 99, retry: true },
      { kind: "SFNA", reason: 12 },
      { kind: "EFPA" },
    ]);
    expect(Object.keys(await inbox()).sort()).toEqual(["AS.IT.IS", "other.txt"]);
    expect(await filesIn(at("elsewhere"))).toEqual({ ELSEWHERE: CONTENT.toString() });
  });

  test("a name that is taken: another one, refused, or replaced", async () => {
    const results: Record<string, unknown> = {};
    for (const overwrite of ["rename", "never", "replace"] as const) {
      await mkdir(at("zulu", "inbox", "raw"), { recursive: true });
      for (const name of Object.keys(await inbox())) await writeFile(at("zulu", "inbox", "raw", name), "old");
      await writeFile(at("zulu", "inbox", "raw", "RAW.FILE"), "old");
      const peer = await speaker(await zulu({ overwrite }));
      const answer = await sendFile(peer, offer());
      await peer.close();
      results[overwrite] = {
        answer: answer?.kind === "SFNA" ? answer.reason : answer?.kind,
        ...(await inbox()),
      };
      await root.remove();
      root = await temporaryFolder("waybill-refusals-");
    }
    const text = CONTENT.toString();
    expect(results).toEqual({
      rename: { answer: "EFPA", "RAW.FILE": "old", "RAW-1.FILE": text },
      never: { answer: 13, "RAW.FILE": "old" },
      replace: { answer: "EFPA", "RAW.FILE": text },
    });
  });

  test("a hook or a listener that fails does not refuse a file that is stored", async () => {
    const station = await zulu({
      hooks: {
        endResponse: () => {
          throw new Error("the application has failed");
        },
      },
    });
    station.on("fileReceived", () => {
      throw new Error("a listener has failed");
    });
    const peer = await speaker(station);
    expect(await sendFile(peer, offer())).toMatchObject({ kind: "EFPA" });
    await peer.close();
    const [waiting] = await station.unanswered();
    await station.respond(waiting!.key);
    const next = await speaker(station);
    next.send({ kind: "CD" });
    expect(await next.receive("EERP")).toMatchObject({ datasetName: "RAW.FILE" });
    next.send({ kind: "RTR" });
    await next.close();
  });
});

describe("end responses from strangers", () => {
  test("one for a file of another partner, or for none, changes nothing", async () => {
    const acme = partnerEntry("acme");
    const station = await openStation({
      name: "zulu",
      folder: at("zulu"),
      partners: [partnerEntry("raw"), acme],
    });
    await writeFile(at("secret"), "x");
    const queued = await station.send("acme", { path: at("secret") });
    const heard = eventsOf(station, "endResponseReceived");
    const eerp: Eerp = {
      kind: "EERP",
      datasetName: queued.datasetName,
      timestamp: queued.timestamp,
      userData: "",
      destination: codeOf("zulu"),
      originator: codeOf("acme"),
      hash: new Uint8Array(),
      signature: new Uint8Array(),
    };
    const peer = await speaker(station);
    for (const response of [eerp, { ...eerp, datasetName: "NOTHING" }]) {
      peer.send(response);
      await peer.receive("RTR");
    }
    await peer.close();
    expect(heard.map(({ file }) => file)).toEqual([undefined, undefined]);
    expect(await station.queued("acme")).toHaveLength(1);
  });
});
