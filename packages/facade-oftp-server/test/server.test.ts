import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { listenOftp, type OftpServer, type OftpServerOptions } from "@waybill/oftp-server";
import type { PartnerAddress } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { caller, callerEntry, codeOf, SERVER_CODE } from "./support/caller.js";
import { testCertificate } from "./support/credentials.js";

let root: TemporaryFolder;
let server: OftpServer | undefined;
const sockets: Socket[] = [];
const at = (...names: string[]) => join(root.path, ...names);

beforeEach(async () => {
  root = await temporaryFolder("waybill-oftp-server-");
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
  await root.remove();
});

async function start(
  options: Partial<OftpServerOptions> = {},
  onServer?: (server: OftpServer) => void,
): Promise<PartnerAddress> {
  server = await listenOftp(
    {
      ssid: SERVER_CODE,
      password: "SERVER",
      partners: [callerEntry("ann"), callerEntry("bob")],
      inbox: at("inbox"),
      outbox: at("outbox"),
      state: at("state"),
      listen: [{ port: 0 }],
      ...options,
    },
    onServer,
  );
  return addressOf(0);
}

function addressOf(index: number): PartnerAddress {
  const { host, port } = server?.addresses[index] ?? { host: "", port: 0 };
  return { host, port };
}

/** Resolves when the server has ended as many sessions. */
function sessionsEnded(count: number): Promise<void> {
  return new Promise((resolve) => {
    let ended = 0;
    server?.station.on("sessionEnded", () => {
      ended += 1;
      if (ended === count) resolve();
    });
  });
}

test("partners have their own inbox and outbox, and get receipts", async () => {
  const address = await start();
  await mkdir(at("outbox", "bob"), { recursive: true });
  await writeFile(at("outbox", "bob", "for-bob"), "for bob");
  const [ann, bob] = await Promise.all([
    caller("ann", root.path, address),
    caller("bob", root.path, address),
  ]);
  await ann.queue("from-ann", "ann's");
  await bob.queue("from-bob", "bob's");
  expect(await Promise.all([ann.call(), bob.call()])).toEqual([undefined, undefined]);
  expect(await readFile(at("inbox", "ann", "from-ann"), "utf8")).toBe("ann's");
  expect(await readFile(at("inbox", "bob", "from-bob"), "utf8")).toBe("bob's");
  expect(await readdir(bob.inbox)).toEqual(["for-bob"]);
  expect(await readdir(ann.inbox).catch(() => [])).toEqual([]);
  expect(await readdir(at("outbox", "bob"))).toEqual([]);
  expect((await ann.station.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  expect((await server!.station.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
});

test("what is owed and queued survives a restart of the server", async () => {
  let address = await start({ hooks: { endResponse: () => "later" } });
  const ann = await caller("ann", root.path, address);
  await ann.queue("file", "content");
  await ann.call();
  await writeFile(at("later"), "later");
  await server!.station.send("ann", { path: at("later") });
  await server!.close();
  address = await start();
  for (const { key } of await server!.station.unanswered()) await server!.station.respond(key);
  const again = await caller("ann", root.path, address);
  const responses: string[] = [];
  again.station.on("endResponseReceived", ({ response }) => responses.push(response.datasetName));
  await again.call();
  expect(responses).toEqual(["file"]);
  expect(await readdir(again.inbox)).toEqual(["later"]);
});

test("hooks decide on sessions and files: rename, redirect, refuse with a reason and retry", async () => {
  const address = await start({
    hooks: {
      acceptSession: ({ partner, remoteAddress }) => partner.name === "ann" && remoteAddress === "127.0.0.1",
      acceptFile: ({ sfid }) => {
        if (sfid.datasetName === "NO") return { accept: false, reason: 5, retry: true, text: "full" };
        return { accept: true, fileName: `${sfid.datasetName}.edi`, folder: at("elsewhere") };
      },
    },
  });
  const ann = await caller("ann", root.path, address);
  const refusals: unknown[] = [];
  ann.station.on("fileRefused", ({ refusal }) => refusals.push(refusal));
  await ann.queue("YES", "yes");
  await ann.queue("NO", "no");
  expect(await ann.call()).toBeUndefined();
  expect(refusals).toEqual([{ command: "SFNA", reason: 5, retry: true, text: "full" }]);
  expect(await readdir(at("elsewhere"))).toEqual(["YES.edi"]);
  const bob = await caller("bob", root.path, address);
  expect(await bob.call()).toMatchObject({ code: "ERR_OFTP_SESSION_REFUSED", reason: 8 });
});

test.each([true, false])("files of any originator may come from a partner: %s", async (anyOriginator) => {
  const address = await start({ partners: [callerEntry("ann", { anyOriginator })] });
  const ann = await caller("ann", root.path, address, { sfid: "O0013SOMEBODY" });
  const refusals: number[] = [];
  ann.station.on("fileRefused", ({ refusal }) => refusals.push(refusal.reason));
  await ann.queue("file", "x");
  await ann.call();
  expect(refusals).toEqual(anyOriginator ? [] : [3]);
});

describe("who may call", () => {
  test("partners from their addresses, with their passwords, in their numbers", async () => {
    const address = await start({
      partners: [callerEntry("ann", { allowedAddresses: ["10.0.0.0/8"] }), callerEntry("bob")],
    });
    const ann = await caller("ann", root.path, address);
    expect(await ann.call()).toMatchObject({ reason: 3 });
    const wrong = await caller("bob", root.path, address, { password: "WRONG" });
    expect(await wrong.call()).toMatchObject({ reason: 4 });
    const nobody = await caller("nobody", root.path, address);
    expect(await nobody.call()).toMatchObject({ reason: 3 });
  });

  test("a partner without any session left to have, and a server that is full, say so", async () => {
    const address = await start({
      partners: [callerEntry("ann", { maxSessions: 1 }), callerEntry("bob")],
      maxSessions: 2,
    });
    const [first, second] = [await caller("ann", root.path, address), await caller("ann", at("2"), address)];
    let release: () => void = () => {};
    const held = new Promise<"give">((resolve) => {
      release = () => resolve("give");
    });
    const opened = once(server!.station, "sessionOpened");
    const session = await first.station.call("server", { idle: () => held });
    await opened;
    expect(await second.call()).toMatchObject({
      reason: 8,
      message: expect.stringContaining("this partner"),
    });
    const idle = connect({ port: address.port!, host: address.host });
    sockets.push(idle);
    await once(idle, "data");
    const bob = await caller("bob", root.path, address);
    expect(await bob.call()).toMatchObject({
      reason: 8,
      message: expect.stringContaining("too many sessions"),
    });
    release();
    expect((await session.ended).error).toBeUndefined();
  });

  test("limits of the listener come before any session", async () => {
    const refused: string[] = [];
    const address = await start({
      listen: [{ port: 0, block: ["127.0.0.1"], onRefused: (_info, reason) => refused.push(reason) }],
    });
    const ann = await caller("ann", root.path, address);
    expect(await ann.call()).toMatchObject({ code: "ERR_OFTP_CONNECTION_LOST" });
    expect(refused).toEqual(["blocked"]);
  });

  test("a caller that says nothing is ended after the idle time", async () => {
    const address = await start({ inactivityTimeoutMs: 100 });
    const ended = once(server!.station, "sessionEnded");
    sockets.push(connect({ port: address.port!, host: address.host }));
    expect((await ended)[0]).toMatchObject({ error: { code: "ERR_OFTP_TIMEOUT", reason: 9 } });
  });
});

test("several addresses, plain and TLS with client certificates", async () => {
  const [ours, theirs] = await Promise.all([testCertificate("server"), testCertificate("ann")]);
  await start({
    listen: [
      { port: 0 },
      { port: 0, tls: { certificates: [ours], clientCertificates: "required", trust: [theirs.certificate] } },
    ],
  });
  expect(server!.addresses.map(({ tls }) => tls)).toEqual([false, true]);
  const tls = { certificates: [theirs], trust: [ours.certificate] };
  const ann = await caller("ann", root.path, { ...addressOf(1), tls });
  await ann.queue("over-tls", "x");
  const opened = once(server!.station, "sessionOpened");
  expect(await ann.call()).toBeUndefined();
  expect((await opened)[0].session.tls).toMatchObject({ authorized: true, protocol: "TLSv1.3" });
  expect(await readdir(at("inbox", "ann"))).toEqual(["over-tls"]);
  const bob = await caller("bob", root.path, { ...addressOf(1), tls: { trust: [ours.certificate] } });
  // With TLS 1.3 the client learns only then that its certificate is missing.
  const failure = await bob.call().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: expect.stringMatching(/^ERR_(OFTP_CONNECTION_LOST|TLS_)/) });
});

test("it calls partners itself, with the same inbox, outbox and state", async () => {
  const far = await listenOftp({
    ssid: codeOf("ann"),
    password: "CALLER",
    partners: [{ name: "server", ssid: SERVER_CODE, password: "SERVER" }],
    inbox: at("far", "inbox"),
    state: at("far", "state"),
    listen: [{ port: 0 }],
  });
  try {
    const { host, port } = far.addresses[0]!;
    await start({ partners: [callerEntry("ann", { address: { host, port } })] });
    await mkdir(at("outbox", "ann"), { recursive: true });
    await writeFile(at("outbox", "ann", "called"), "called");
    const session = await server!.call("ann");
    expect((await session.ended).error).toBeUndefined();
    expect(await readdir(at("far", "inbox", "server"))).toEqual(["called"]);
  } finally {
    await far.close();
  }
});

test("listeners that are added before anybody can call hear of everything", async () => {
  const kinds: (string | undefined)[] = [];
  const address = await start({}, (made) =>
    made.station.on("trail", ({ entry }) => kinds.push(entry.command?.kind)),
  );
  const ended = sessionsEnded(1);
  const ann = await caller("ann", root.path, address);
  await ann.call();
  await ended;
  expect(kinds).toEqual(["SSRM", "SSID", "SSID", "CD", "ESID"]);
});

describe("the end", () => {
  test("gracefully: what is under way is finished, nobody new comes in", async () => {
    const address = await start();
    const ann = await caller("ann", root.path, address);
    await ann.queue("BIG", Buffer.alloc(8_000_000));
    const begun = once(server!.station, "receiveStarted");
    const calling = ann.call();
    await begun;
    await server!.close({ graceMs: 20_000 });
    expect(await calling).toBeUndefined();
    expect(await readdir(at("inbox", "ann"))).toEqual(["BIG"]);
    await expect(ann.station.call("server")).rejects.toMatchObject({ code: "ERR_DIAL_REFUSED" });
  });

  test("at once: the partner is told, and no half file appears", async () => {
    const address = await start();
    const ann = await caller("ann", root.path, address);
    await ann.queue("BIG", Buffer.alloc(50_000_000));
    const begun = once(server!.station, "receiveStarted");
    const calling = ann.call();
    await begun;
    await server!.close();
    expect(await calling).toMatchObject({ reason: 5, origin: "distant" });
    expect(await readdir(at("inbox", "ann")).catch(() => [])).toEqual([]);
  });

  test("connections that say nothing do not delay it", async () => {
    const address = await start();
    const silent = connect({ port: address.port!, host: address.host });
    sockets.push(silent);
    await once(silent, "data");
    const closed = once(silent, "close");
    silent.on("end", () => silent.end());
    silent.resume();
    await server!.close();
    await closed;
  });
});

test("an address that is taken: nothing listens, nothing stays open", async () => {
  const { port } = await start();
  const second = listenOftp({
    ssid: SERVER_CODE,
    password: "SERVER",
    partners: [],
    inbox: at("2", "inbox"),
    state: at("2", "state"),
    listen: [{ port: 0 }, { port }],
  });
  await expect(second).rejects.toMatchObject({ code: "ERR_LISTEN_PORT_TAKEN" });
});
