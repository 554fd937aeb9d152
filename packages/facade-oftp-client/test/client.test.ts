import { once } from "node:events";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { connectOftp, type OftpClient, type OftpClientOptions } from "@waybill/oftp-client";
import { type StationEvents, trailRecord } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { testCertificate } from "./support/credentials.js";
import { FAR_CODE, type FarStation, farStation, OWN_CODE } from "./support/far-station.js";

let root: TemporaryFolder;
let far: FarStation | undefined;
let client: OftpClient | undefined;
const at = (...names: string[]) => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryFolder("waybill-oftp-client-");
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await far?.close();
  far = undefined;
  await root.remove();
});

async function connect(
  options: Partial<OftpClientOptions> = {},
  onClient?: (client: OftpClient) => void,
): Promise<OftpClient> {
  if (far === undefined) throw new Error("no far station");
  client = await connectOftp(
    { ssid: OWN_CODE, password: "NEARPASS", inbox: at("inbox"), partner: far.partner, ...options },
    onClient,
  );
  return client;
}

const farFiles = () => readdir(far?.inbox ?? "").then((names) => names.sort());

describe("sending", () => {
  test("files from a path, from memory and from a stream; receipts when the partner has had the turn", async () => {
    far = await farStation(root.path);
    const near = await connect();
    expect(near.negotiated).toMatchObject({ level: 5, bufferSize: 32_768, credit: 99 });
    expect(near.readyToSend).toBe(true);
    await writeFile(at("on-disk.txt"), "on disk");
    const sent = [
      await near.send({ path: at("on-disk.txt"), description: "long: äöü", userData: "U1" }),
      await near.send({ data: "in memory", datasetName: "MEMORY" }),
      await near.send({ data: Readable.from([Buffer.from("a "), "stream"]), datasetName: "STREAM" }),
    ];
    expect(sent.map(({ octets }) => octets)).toEqual([7, 9, 8]);
    expect(sent.map(({ file }) => near.receipt(file))).toEqual([undefined, undefined, undefined]);
    expect(await near.receive()).toEqual([]);
    expect(near.connected).toBe(true);
    expect(sent.map(({ file }) => near.receipt(file)?.kind)).toEqual(["EERP", "EERP", "EERP"]);
    await near.logoff();
    expect(near.connected).toBe(false);
    expect(await farFiles()).toEqual(["MEMORY", "STREAM", "on-disk.txt"]);
    expect(await readFile(join(far.inbox, "STREAM"), "utf8")).toBe("a stream");
  });

  test("many at once go one after the other, in all formats, and none is lost", async () => {
    far = await farStation(root.path, { near: { compression: true } });
    far = { ...far, partner: { ...far.partner, compression: true } };
    const near = await connect();
    const sends = Array.from({ length: 30 }, (_, index) =>
      near.send({
        data: `line ${index}\n`.repeat(index),
        datasetName: `FILE${index}`,
        format: (["U", "T", "V"] as const)[index % 3],
        ...(index % 3 === 2 ? { maxRecordSize: 80 } : {}),
      }),
    );
    sends.push(near.send({ data: "AAAABBBB", datasetName: "FIXED", format: "F", maxRecordSize: 4 }));
    await Promise.all(sends);
    await near.logoff();
    expect(await farFiles()).toHaveLength(31);
    expect(await readFile(join(far.inbox, "FILE29"), "utf8")).toBe("line 29\n".repeat(29));
    expect(await readFile(join(far.inbox, "FIXED"), "utf8")).toBe("AAAABBBB");
  });

  test("a file that is refused is an error with the reason; the session goes on and the next one arrives", async () => {
    far = await farStation(root.path, {
      hooks: {
        acceptFile: ({ sfid }) =>
          sfid.datasetName === "BAD"
            ? { accept: false, reason: 11, retry: true, text: "not today" }
            : { accept: true, fileName: `renamed-${sfid.datasetName}` },
      },
    });
    const near = await connect();
    await expect(near.send({ data: "x", datasetName: "BAD" })).rejects.toMatchObject({
      code: "ERR_OFTP_FILE_REFUSED_BY_PARTNER",
      message: expect.stringMatching(/^the partner refuses BAD: reason 11, .*\(not today\)$/),
      refusal: { reason: 11, retry: true, command: "SFNA" },
    });
    await near.send({ data: "x", datasetName: "GOOD" });
    expect(await farFiles()).toEqual(["renamed-GOOD"]);
  });

  test("values that cannot be sent, and files that cannot be read, are errors that cost only that file", async () => {
    far = await farStation(root.path);
    const near = await connect();
    await expect(near.send({ data: "x", datasetName: "N".repeat(27) })).rejects.toMatchObject({
      code: "ERR_OFTP_FIELD_LENGTH",
    });
    await expect(near.send({ path: at("missing") })).rejects.toMatchObject({
      code: "ERR_OFTP_FILE_UNREADABLE",
    });
    const broken = new Readable({ read: () => broken.destroy(new Error("the source is gone")) });
    await expect(near.send({ data: broken, datasetName: "BROKEN" })).rejects.toThrow("the source is gone");
    await near.send({ data: "x", datasetName: "GOOD" });
    await near.logoff();
    await expect(near.send({ data: "x", datasetName: "LATE" })).rejects.toMatchObject({
      code: "ERR_OFTP_NOT_CONNECTED",
    });
  });

  test("what waits: the outbox, and what earlier sessions left, each once", async () => {
    far = await farStation(root.path);
    const settings = { state: at("state"), outbox: at("outbox") };
    await writeFile(at("begun"), Buffer.alloc(4_000_000, 7));
    const over = once(far.station, "sessionEnded");
    const first = await connect(settings, (made) => made.once("progress", () => made.interrupt()));
    await expect(first.send({ path: at("begun") })).rejects.toMatchObject({ reason: 99 });
    await first.close();
    await over;
    await writeFile(at("outbox-file"), "from the outbox");
    await mkdir(at("outbox", "far"), { recursive: true });
    await rename(at("outbox-file"), at("outbox", "far", "outbox-file"));
    const second = await connect(settings);
    expect((await second.unsent()).map(({ datasetName }) => datasetName)).toEqual(["begun"]);
    await second.sendWaiting();
    await second.logoff();
    expect(await farFiles()).toEqual(["begun", "outbox-file"]);
    expect(await readdir(at("outbox", "far"))).toEqual([]);
  });

  test.each([
    ["unchanged: the same virtual file", false],
    ["changed: another one", true],
  ])("the same path again after an interruption, %s", async (_name, changed) => {
    far = await farStation(root.path);
    const names: string[] = [];
    far.station.on("receiveStarted", ({ sfid }) =>
      names.push(`${sfid.timestamp.time} ${sfid.restartPosition > 0}`),
    );
    await writeFile(at("file"), Buffer.alloc(8_000_000, 1));
    const over = once(far.station, "sessionEnded");
    const first = await connect({ state: at("state") }, (made) => {
      made.on("progress", ({ octets }) => octets > 3_000_000 && made.interrupt());
    });
    await expect(first.send({ path: at("file") })).rejects.toMatchObject({ reason: 99 });
    await first.close();
    await over;
    if (changed) await writeFile(at("file"), Buffer.alloc(8_000_000, 2));
    const second = await connect({ state: at("state") });
    await second.send({ path: at("file") }, { resume: true });
    await second.logoff();
    const [one, two] = names.map((name) => name.split(" "));
    expect(names).toHaveLength(2);
    expect(one?.[0] === two?.[0]).toBe(!changed);
    expect(two?.[1]).toBe(String(!changed));
    const received = await readFile(join(far.inbox, "file"));
    expect(received.equals(Buffer.alloc(8_000_000, changed ? 2 : 1))).toBe(true);
    const third = await connect({ state: at("state") });
    expect(await third.unsent()).toEqual([]);
  });
});

test("a file that another session on the same state has taken is not waited for in vain", async () => {
  far = await farStation(root.path);
  const settings = { state: at("state") };
  const [one, two] = [await connect(settings), await connect(settings)];
  await writeFile(at("file"), Buffer.alloc(20_000_000));
  const sending = one.send({ path: at("file") });
  await once(one, "progress");
  // The same entry of the queue, which the first session holds.
  const again = two.send({ path: at("file") }, { resume: true });
  expect((await sending).octets).toBe(20_000_000);
  expect((await again).octets).toBeUndefined();
  await two.logoff();
  await one.logoff();
  expect(await farFiles()).toEqual(["file"]);
  expect(await two.sentStates([(await again).file])).toEqual(["acknowledged"]);
});

test("a session that only receives says so at once", async () => {
  far = await farStation(root.path);
  const near = await connect({ partner: { ...far.partner, mode: "R" } });
  await expect(near.send({ data: "x", datasetName: "X" })).rejects.toMatchObject({
    code: "ERR_OFTP_DIRECTION",
  });
  await near.logoff();
});

test("what is withdrawn is not sent any more", async () => {
  far = await farStation(root.path, {
    hooks: { acceptFile: () => ({ accept: false, reason: 99, retry: true }) },
  });
  await writeFile(at("file"), "x");
  const near = await connect({ state: at("state") });
  await expect(near.send({ path: at("file") })).rejects.toMatchObject({ refusal: { retry: true } });
  await near.logoff();
  const again = await connect({ state: at("state") });
  const [queued] = await again.unsent();
  expect(await again.withdraw(queued!)).toBe(true);
  expect(await again.withdraw(queued!)).toBe(false);
  expect(await again.unsent()).toEqual([]);
});

describe("receiving", () => {
  test("all that the partner has; it ends the session when it has nothing more", async () => {
    far = await farStation(root.path);
    for (const name of ["one", "two"]) {
      await writeFile(at(name), `content of ${name}`);
      await far.station.send("near", { path: at(name) });
    }
    const near = await connect({ namePattern: "%Originator%-%VirtualFileName%" });
    const received = await near.receive();
    expect(received.map(({ sfid }) => sfid.datasetName)).toEqual(["one", "two"]);
    expect(received.map(({ path }) => path)).toEqual([
      at("inbox", "far", `${FAR_CODE}-one`),
      at("inbox", "far", `${FAR_CODE}-two`),
    ]);
    while (near.connected) await near.receive();
    expect((await far.station.sent()).map(({ state }) => state)).toEqual(["acknowledged", "acknowledged"]);
  });

  test("right after sending: what was sent goes first, whatever the timing is", async () => {
    far = await farStation(root.path);
    await writeFile(at("answer"), "answer");
    await far.station.send("near", { path: at("answer") });
    const near = await connect();
    const sending = near.send({ data: "question", datasetName: "QUESTION" });
    const received = await near.receive();
    expect(received.map(({ sfid }) => sfid.datasetName)).toEqual(["answer"]);
    expect(near.receipt((await sending).file)?.kind).toBe("EERP");
  });

  test("answers that are put off: EERP and NERP in the same session", async () => {
    far = await farStation(root.path);
    for (const name of ["good", "bad"]) {
      await writeFile(at(name), name);
      await far.station.send("near", { path: at(name) });
    }
    const near = await connect({ hooks: { endResponse: () => "later" } });
    await near.receive();
    const waiting = await near.unanswered();
    expect(waiting).toHaveLength(2);
    for (const { key, sfid } of waiting) {
      await near.respond(key, sfid.datasetName === "bad" ? { reason: 34, text: "no such order" } : undefined);
    }
    await near.logoff();
    const states = (await far.station.sent()).map(({ file, state }) => [file.datasetName, state]);
    expect(Object.fromEntries(states)).toEqual({ good: "acknowledged", bad: "refused" });
  });

  test("a file for another station is kept for it where that is known, and refused where not", async () => {
    far = await farStation(root.path);
    await writeFile(at("file"), "for the third");
    await far.station.send("near", { path: at("file"), destination: "O0013THIRD" });
    const near = await connect({ state: at("state") });
    const refused = once(near, "receiveRefused") as Promise<StationEvents["receiveRefused"]>;
    near.changeDirection();
    expect((await refused)[0]).toMatchObject({ reason: 2 });
    await near.close();

    await far.station.send("near", { path: at("file"), destination: "O0013THIRD" });
    const third = { name: "third", ssid: "O0013THIRD", password: "X" };
    const find = async (found: boolean) => (found ? third : undefined);
    const again = await connect({
      state: at("state"),
      partners: {
        byName: (name) => find(name === "third"),
        bySsid: (code) => find(code.trim() === third.ssid),
        bySfid: (code) => find(code.trim() === third.ssid),
      },
    });
    await again.receive();
    expect((await far.station.sent()).map(({ state }) => state)).toEqual(["waiting"]);
  });
});

describe("the session", () => {
  test.each([
    ["wrong password", { password: "WRONG" }, "ERR_OFTP_SESSION_REFUSED", 4],
    ["unknown station", { ssid: "O0013NOBODY" }, "ERR_OFTP_SESSION_REFUSED", 3],
  ])("%s", async (_name, options, code, reason) => {
    far = await farStation(root.path);
    await expect(connect(options)).rejects.toMatchObject({ code, reason });
  });

  test("a partner that is another one than expected is refused", async () => {
    far = await farStation(root.path);
    await expect(connect({ partner: { ...far.partner, password: "OTHER" } })).rejects.toMatchObject({
      reason: 4,
      origin: "local",
    });
  });

  test("a text of the hook that refuses a session is told", async () => {
    far = await farStation(root.path, { hooks: { acceptSession: () => "closed on Sundays" } });
    await expect(connect()).rejects.toThrow(/reason 08, .*closed on Sundays/);
  });

  test("a partner that goes away while nothing is under way ends it; nothing waits for ever", async () => {
    far = await farStation(root.path);
    const near = await connect();
    await far.close();
    expect(await near.ended).toMatchObject({ code: "ERR_OFTP_SESSION_ENDED", reason: 5 });
    expect(near.connected).toBe(false);
    await near.close();
  });

  test("the signal and close() end it at once, also while it waits", async () => {
    far = await farStation(root.path);
    const abort = new AbortController();
    const near = await connect({ signal: abort.signal });
    abort.abort();
    expect(await near.ended).toMatchObject({ reason: 5, origin: "local" });
    const other = await connect();
    await other.close();
    expect(other.connected).toBe(false);
  });

  test("interrupt breaks off what is under way, and the partner keeps no half file", async () => {
    far = await farStation(root.path);
    const near = await connect();
    near.on("progress", () => near.interrupt());
    const sending = near.send({ data: Buffer.alloc(20_000_000), datasetName: "BIG" });
    await expect(sending).rejects.toMatchObject({ code: "ERR_OFTP_SESSION_ENDED", reason: 99 });
    await near.ended;
    expect(await farFiles().catch(() => [])).toEqual([]);
  });

  test("gentle logoff from the middle of a file: it is sent to its end", async () => {
    far = await farStation(root.path);
    const near = await connect();
    const sending = near.send({ data: Buffer.alloc(5_000_000), datasetName: "BIG" });
    await once(near, "sendStarted");
    await near.logoff();
    expect((await sending).octets).toBe(5_000_000);
  });

  test("over TLS with certificates on both sides; the session tells of them", async () => {
    const [ours, theirs] = await Promise.all([testCertificate("near"), testCertificate("far")]);
    far = await farStation(root.path, {
      tls: { certificates: [theirs], clientCertificates: "required", trust: [ours.certificate] },
    });
    const { address } = far.partner;
    const tls = { certificates: [ours], trust: [theirs.certificate] };
    const seen: unknown[] = [];
    const near = await connect({ partner: { ...far.partner, address: { ...address!, tls } } }, (made) =>
      made.on("sessionOpened", ({ session }) => seen.push(session.tls?.authorized, session.tls?.protocol)),
    );
    expect(seen).toEqual([true, "TLSv1.3"]);
    await near.send({ data: "over TLS", datasetName: "SECRET" });
    await near.logoff();
    expect(await farFiles()).toEqual(["SECRET"]);
    const stranger = { ...address!, tls: { trust: [ours.certificate] } };
    await expect(connect({ partner: { ...far.partner, address: stranger } })).rejects.toMatchObject({
      code: "ERR_TLS_UNTRUSTED",
    });
  });

  test.each([1, 2, 4, 5] as const)("level %i, restart and compression off and on", async (level) => {
    far = await farStation(root.path, { near: { level } });
    const near = await connect({ partner: { ...far.partner, compression: true, restart: level > 2 } });
    expect(near.negotiated).toMatchObject({ level, compression: false });
    const { file } = await near.send({ data: "aaaaaaaaaaaaaaaaaaaaaaa", datasetName: "FILE" });
    await near.receive();
    expect(near.receipt(file)?.kind).toBe("EERP");
  });
});

describe("events", () => {
  test("start, progress and end of every transfer, end responses in both directions, the trail", async () => {
    far = await farStation(root.path);
    await writeFile(at("theirs"), "theirs");
    await far.station.send("near", { path: at("theirs") });
    const events: string[] = [];
    const trail: string[] = [];
    const raw: Buffer[] = [];
    const near = await connect({}, (made) => {
      made.on("sessionOpened", () => events.push("opened"));
      made.on("sendStarted", ({ file, outgoing }) =>
        events.push(`send ${file.datasetName} ${outgoing.size}`),
      );
      made.on("receiveStarted", ({ sfid }) => events.push(`receive ${sfid.datasetName}`));
      made.on("progress", ({ direction, octets }) => events.push(`${direction} ${octets}`));
      made.on("fileSent", ({ octets }) => events.push(`sent ${octets} in all`));
      made.on("fileReceived", ({ file }) => events.push(`received ${file.octets} in all`));
      made.on("endResponseReceived", ({ response }) => events.push(`${response.kind} came`));
      made.on("endResponseSent", ({ response }) => events.push(`${response.kind} went`));
      made.on("sessionEnded", ({ error }) => events.push(`ended ${error === undefined}`));
      made.on("trail", ({ entry }) => {
        const record = trailRecord(entry);
        trail.push(`${record.direction} ${record.kind}`);
        raw.push(Buffer.from(record.octets));
      });
    });
    await near.send({ data: "ours", datasetName: "OURS" });
    await near.receive();
    await near.logoff();
    expect(events.filter((event) => !/^(sent|received) 0$/.test(event))).toEqual([
      "opened",
      "send OURS 4",
      "sent 4",
      "sent 4 in all",
      "EERP came",
      "receive theirs",
      "received 6",
      "received 6 in all",
      "EERP went",
      "ended true",
    ]);
    expect(trail.slice(0, 4)).toEqual(["received SSRM", "sent SSID", "received SSID", "sent SFID"]);
    expect(trail.at(-1)).toMatch(/ESID$/);
    const text = Buffer.concat(raw).toString("latin1");
    expect(text).toContain(OWN_CODE);
    expect(text).not.toMatch(/NEARPASS|FARPASS/);
    // Masking must not reach what is on its way.
    expect(await farFiles()).toEqual(["OURS"]);
  });
});
