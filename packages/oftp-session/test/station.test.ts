import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { fileStateStore } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  codeOf,
  eventsOf,
  exchange,
  filesIn,
  openStation,
  partnerEntry,
  responsesOf,
} from "./support/stations.js";

let root: TemporaryFolder;
const at = (...names: string[]) => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryFolder("waybill-station-");
});
afterEach(() => root.remove());

describe("two stations", () => {
  test("exchange files both ways in one session, with receipts", async () => {
    const acme = partnerEntry("acme");
    const zulu = partnerEntry("zulu");
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme] });
    const there = await openStation({ name: "acme", folder: at("acme"), partners: [zulu] });
    await writeFile(at("invoice.xml"), "<invoice/>");
    await writeFile(at("schedule.edi"), "UNB+");
    await here.send("acme", { path: at("invoice.xml") });
    await there.send("zulu", { path: at("schedule.edi") });
    const [heardHere, heardThere] = [responsesOf(here), responsesOf(there)];
    await exchange(here, acme, there);
    expect(await filesIn(at("acme", "inbox", "zulu"))).toEqual({ "invoice.xml": "<invoice/>" });
    expect(await filesIn(at("zulu", "inbox", "acme"))).toEqual({ "schedule.edi": "UNB+" });
    expect(heardHere).toEqual(["EERP invoice.xml"]);
    expect(heardThere).toEqual(["EERP schedule.edi"]);
    expect(await here.queued("acme")).toEqual([]);
    expect((await here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
    expect(await readdir(at("acme", "state", "partial"))).toEqual([]);
  });

  test("files in the outbox are sent and removed", async () => {
    const acme = partnerEntry("acme");
    const here = await openStation({
      name: "zulu",
      folder: at("zulu"),
      partners: [acme],
      outbox: at("zulu", "outbox"),
    });
    const there = await openStation({ name: "acme", folder: at("acme"), partners: [partnerEntry("zulu")] });
    await mkdir(at("zulu", "outbox", "acme"), { recursive: true });
    for (const name of ["a", "b", "c.tmp"]) await writeFile(at("zulu", "outbox", "acme", name), name);
    expect(await here.partnersWithWork(["acme", "other"])).toEqual(["acme"]);
    await exchange(here, acme, there);
    expect(await filesIn(at("acme", "inbox", "zulu"))).toEqual({ a: "a", b: "b" });
    expect(await readdir(at("zulu", "outbox", "acme"))).toEqual(["c.tmp"]);
  });

  test("an answer that is put off is sent in a later session: EERP and NERP, also after a restart", async () => {
    const acme = partnerEntry("acme");
    const here = await openStation({ name: "zulu", folder: at("zulu"), partners: [acme] });
    const open = async () =>
      openStation({
        name: "acme",
        folder: at("acme"),
        partners: [partnerEntry("zulu")],
        store: await fileStateStore(at("acme", "records")),
        hooks: { endResponse: () => "later" },
      });
    let there = await open();
    for (const name of ["good", "bad"]) {
      await writeFile(at(name), name);
      await here.send("acme", { path: at(name) });
    }
    const heard = responsesOf(here);
    await exchange(here, acme, there);
    expect(heard).toEqual([]);
    there = await open();
    const waiting = await there.unanswered();
    expect(waiting.map(({ sfid }) => sfid.datasetName).sort()).toEqual(["bad", "good"]);
    for (const { key, sfid } of waiting) {
      await there.respond(key, sfid.datasetName === "bad" ? { reason: 34, text: "no order" } : undefined);
      await expect(there.respond(key)).rejects.toMatchObject({ code: "ERR_OFTP_RESPONSE" });
    }
    there = await open();
    await exchange(here, acme, there);
    expect(heard.sort()).toEqual(["EERP good", `NERP bad 34 by ${codeOf("acme")}`]);
    expect(await there.unanswered()).toEqual([]);
  });

  test("an intermediary passes files and end responses on untouched", async () => {
    const hub = partnerEntry("hub", { routes: [codeOf("far")] });
    const near = await openStation({ name: "near", folder: at("near"), partners: [hub] });
    const middle = await openStation({
      name: "hub",
      folder: at("hub"),
      partners: [partnerEntry("near"), partnerEntry("far")],
    });
    const far = await openStation({
      name: "far",
      folder: at("far"),
      partners: [partnerEntry("hub", { routes: [codeOf("near")] })],
    });
    await writeFile(at("records"), "one\ntwo longer\n\nfour\n");
    await near.send("hub", {
      path: at("records"),
      destination: codeOf("far"),
      format: "V",
      maxRecordSize: 80,
      userData: "USER",
      description: "for the far end: äöü",
    });
    const heard = responsesOf(near);
    const [received] = [eventsOf(far, "fileReceived")];
    await exchange(near, hub, middle);
    expect(heard).toEqual([]);
    expect(await filesIn(at("hub", "inbox", "near"))).toEqual({});
    await exchange(middle, partnerEntry("far"), far);
    expect(received.map(({ file }) => file.sfid)).toMatchObject([
      {
        originator: codeOf("near"),
        destination: codeOf("far"),
        userData: "USER",
        description: "for the far end: äöü",
      },
    ]);
    expect(await filesIn(at("far", "inbox", "hub"))).toEqual({ records: "one\ntwo longer\n\nfour\n" });
    await exchange(near, hub, middle);
    expect(heard).toEqual(["EERP records"]);
    expect(await readdir(at("hub", "state", "relay"))).toEqual([]);
  });
});
