import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { connectOftp, type OftpClient, type OftpClientOptions } from "@waybill/oftp-client";
import type { OwnIdentity, Partner, StationEvents } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type FarStation, farStation, OWN_CODE } from "./support/far-station.js";
import { testIdentity } from "./support/identities.js";

let own: OwnIdentity;
let theirs: OwnIdentity;
let root: TemporaryFolder;
let far: FarStation;
let client: OftpClient | undefined;
const at = (...names: string[]) => join(root.path, ...names);

beforeAll(async () => {
  [own, theirs] = await Promise.all([testIdentity("near"), testIdentity("far")]);
});
beforeEach(async () => {
  root = await temporaryFolder("waybill-oftp-client-");
  far = await farStation(root.path, {
    identities: [theirs],
    near: { certificates: [own], secureAuthentication: "required" },
    hooks: { acceptCertificate: () => ({ accept: true }) },
  });
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await far.close();
  await root.remove();
});

const SECURITY = { sign: true, encrypt: true, compress: true, signedReceipt: true };

function options(partner: Partial<Partner> = {}): OftpClientOptions {
  return {
    ssid: OWN_CODE,
    password: "NEARPASS",
    inbox: at("inbox"),
    state: at("state"),
    identities: [own],
    partner: {
      ...far.partner,
      certificates: [theirs],
      security: SECURITY,
      secureAuthentication: "required",
      ...partner,
    },
  };
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** The names of what happens, in its order. */
function eventsOf(made: OftpClient): string[] {
  const seen: string[] = [];
  const names: (keyof StationEvents)[] = [
    ...(["sealing", "sessionOpened", "sendStarted", "fileSent"] as const),
    ...(["endResponseReceived", "endResponseInvalid", "certificateReceived"] as const),
  ];
  for (const name of names) made.on(name, () => seen.push(name));
  return seen;
}

describe("what is queued before the partner is called", () => {
  test("is signed and encrypted by then, and sent with resend", async () => {
    await writeFile(at("order"), "10 pallets of apples");
    const received: StationEvents["fileReceived"][0]["file"][] = [];
    far.station.on("fileReceived", ({ file }) => received.push(file));
    let seen: string[] = [];
    const queued: Awaited<ReturnType<OftpClient["queue"]>>[] = [];
    client = await connectOftp(options(), async (made) => {
      seen = eventsOf(made);
      queued.push(await made.queue({ path: at("order") }, { resume: true }));
      await expect(made.send({ path: at("order") })).rejects.toMatchObject({
        code: "ERR_OFTP_NOT_CONNECTED",
      });
      expect(made.connected).toBe(false);
    });
    expect(new Set(seen)).toEqual(new Set(["sealing", "sessionOpened"]));
    expect(seen.at(-1)).toBe("sessionOpened");
    const [sent] = await client.resend(queued);
    expect(sent?.octets).toBeGreaterThan(20);
    await client.receive();
    expect(queued.map((file) => client?.receipt(file)?.kind)).toEqual(["EERP"]);
    await client.logoff();
    expect(await readFile(join(far.inbox, "order"), "utf8")).toBe("10 pallets of apples");
    expect(received.map(({ security }) => security)).toEqual([
      {
        encrypted: true,
        compressed: true,
        signedReceipt: true,
        signer: own.certificate.thumbprint("sha256"),
      },
    ]);
  });

  test("twice the same file is two; what an earlier session has queued is the same", async () => {
    await writeFile(at("order"), "x");
    const file = { path: at("order") };
    const keys: (readonly string[])[] = [];
    const queueing = (made: OftpClient) =>
      Promise.resolve()
        .then(async () => [
          (await made.queue(file, { resume: true })).key,
          (await made.queue(file, { resume: true })).key,
        ])
        .then((both) => {
          keys.push(both);
          throw new Error("enough");
        });
    await expect(connectOftp(options(), queueing)).rejects.toThrow("enough");
    await expect(connectOftp(options(), queueing)).rejects.toThrow("enough");
    expect(keys[0]?.[0]).not.toBe(keys[0]?.[1]);
    expect(keys[1]?.[0]).toBe(keys[0]?.[0]);
    expect(far.station.sessions.size).toBe(0);
  });

  test("the signal ends it, and nothing of it is left", async () => {
    await writeFile(at("big"), Buffer.alloc(64 * 1024 * 1024, "apples"));
    const stop = new AbortController();
    const connecting = connectOftp({ ...options(), signal: stop.signal }, async (made) => {
      made.once("sealing", () => stop.abort());
      await made.queue({ path: at("big") });
    });
    await expect(connecting).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(await filesIn(at("state", "sealed"))).toEqual([]);
    await expect(
      connectOftp(options(), async (made) => {
        expect(await made.unsent()).toEqual([]);
        throw new Error("enough");
      }),
    ).rejects.toThrow("enough");
  });

  test("the outbox, for those who say so", async () => {
    await mkdir(at("outbox", "far"), { recursive: true });
    await writeFile(at("outbox", "far", "waiting"), "waiting");
    let seen: string[] = [];
    client = await connectOftp({ ...options(), outbox: at("outbox") }, (made) => {
      seen = eventsOf(made);
      made.prepareWaiting();
    });
    expect(seen[0]).toBe("sealing");
    expect(seen.at(-1)).toBe("sessionOpened");
    await client.sendWaiting();
    await client.logoff();
    expect(await readFile(join(far.inbox, "waiting"), "utf8")).toBe("waiting");
  });

  test("what the partner's entry forbids is an error", async () => {
    await writeFile(at("order"), "x");
    const connecting = connectOftp(
      options({ security: { ...SECURITY, require: { outgoing: { sign: "required" } } } }),
      async (made) => void (await made.queue({ path: at("order"), security: { sign: false } })),
    );
    await expect(connecting).rejects.toMatchObject({ code: "ERR_OFTP_SECURITY_POLICY" });
  });
});

test("a receipt that does not hold is an event, and no receipt", async () => {
  const stranger = await testIdentity("stranger");
  const certificates = [{ ...theirs, purposes: ["encryption", "authentication"] as const }, stranger];
  client = await connectOftp(options({ certificates }));
  const problems: string[] = [];
  client.on("endResponseInvalid", ({ error }) => problems.push(error.code));
  const { file } = await client.send({
    data: "x",
    datasetName: "ORDER",
    security: { encrypt: false, sign: false },
  });
  await client.receive();
  expect(problems).toEqual(["ERR_CMS_RECEIPT_SIGNER"]);
  expect(client.receipt(file)).toBeUndefined();
  expect(await client.sentStates([file])).toEqual(["waiting"]);
});

test("a certificate of this station", async () => {
  const next = await testIdentity("near");
  const heard: string[] = [];
  far.station.on("certificateReceived", ({ exchange, certificate, accepted }) =>
    heard.push(`${exchange} ${accepted} ${certificate?.equals(next.certificate)}`),
  );
  client = await connectOftp(options());
  const queued = await client.queueCertificate("deliver", next.certificate);
  await client.resend([queued]);
  await client.receive();
  expect(client.receipt(queued)?.kind).toBe("EERP");
  expect(heard).toEqual(["deliver true true"]);
});
