import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type FileSecurityWishes,
  memoryStateStore,
  type OftpStation,
  type Partner,
  type PartnerSecurity,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { newIdentity, type TestIdentity } from "./support/identities.js";
import { socketPair } from "./support/socket-pair.js";
import { eventsOf, exchange, filesIn, openStation, partnerEntry, responsesOf } from "./support/stations.js";

let root: TemporaryFolder;
let here: TestIdentity;
let there: TestIdentity;
let run = 0;
const at = (...names: string[]) => join(root.path, String(run), ...names);

beforeAll(async () => {
  root = await temporaryFolder("waybill-security-");
  [here, there] = await Promise.all([newIdentity("here"), newIdentity("there")]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

const CONTENT = "invoice ".repeat(2000);

/** Two stations that know each other's certificates; `here` sends. `entry`: what it knows of the other one. */
async function pair(
  security: PartnerSecurity = {},
  entry: Partial<Partner> = {},
  [sends, takes] = [memoryStateStore(), memoryStateStore()],
  receives: readonly TestIdentity[] = [there],
): Promise<{ sender: OftpStation; receiver: OftpStation; partner: Partner }> {
  const partner = partnerEntry("there", {
    certificates: [{ certificate: there.certificate }],
    security,
    ...entry,
  });
  const caller = partnerEntry("here", { certificates: [{ certificate: here.certificate }], security });
  const sender = await openStation({
    name: "here",
    folder: at("here"),
    partners: [partner],
    identities: [here],
    store: sends!,
  });
  const receiver = await openStation({
    name: "there",
    folder: at("there"),
    partners: [caller],
    identities: receives,
    store: takes!,
  });
  return { sender, receiver, partner };
}

async function sendOne(sender: OftpStation, security: FileSecurityWishes) {
  await mkdir(at("files"), { recursive: true });
  const path = at("files", "INVOICE");
  await writeFile(path, CONTENT);
  return sender.send("there", { path, security });
}

describe("a file that is signed, compressed and encrypted, with a signed receipt", () => {
  test.each([4, 6, 7, 10])("cipher suite %i", async (cipherSuite) => {
    const { sender, receiver, partner } = await pair();
    const received = eventsOf(receiver, "fileReceived");
    const responses = responsesOf(sender);
    const invalid = eventsOf(sender, "endResponseInvalid");
    const wishes = { sign: true, encrypt: true, compress: true, signedReceipt: true, cipherSuite };
    const { security } = await sendOne(sender, wishes);
    expect(security).toEqual({
      securityLevel: 3,
      cipherSuite,
      compressed: true,
      enveloped: true,
      signedReceipt: true,
    });

    const sessions = await exchange(sender, partner, receiver);

    expect(sessions.map(({ negotiated }) => negotiated?.level)).toEqual([5, 5]);
    expect(await filesIn(at("there", "inbox", "here"))).toEqual({ INVOICE: CONTENT });
    expect(received[0]?.file).toMatchObject({
      octets: CONTENT.length,
      security: {
        encrypted: true,
        compressed: true,
        signer: here.certificate.thumbprint("sha256"),
        signedReceipt: true,
      },
    });
    expect(invalid).toEqual([]);
    expect(responses).toEqual(["EERP INVOICE"]);
    expect(await sender.queued("there")).toEqual([]);
    expect(await readdir(at("here", "state", "sealed", "there"))).toEqual([]);
    expect(await readdir(at("there", "state", "partial"))).toEqual([]);
  });
});

describe("a certificate of a station behind the partner", () => {
  test("is the one for files to that station, and no other", async () => {
    const behind = await newIdentity("behind", { type: "ec" });
    const certificates = [
      { certificate: there.certificate },
      { certificate: behind.certificate, sfids: ["O0013BEHIND"] },
    ];
    const { sender } = await pair({}, { certificates });
    await mkdir(at("files"), { recursive: true });
    await writeFile(at("files", "ORDER"), CONTENT);
    const path = at("files", "ORDER");
    const security = { encrypt: true };
    const near = await sender.send("there", { path, security });
    const far = await sender.send("there", { path, security, destination: "O0013BEHIND" });
    expect(near.transmitted?.recipient).toBe(there.certificate.thumbprint("sha256"));
    expect(far.transmitted?.recipient).toBe(behind.certificate.thumbprint("sha256"));
  });
});

describe("a file whose EFPA was lost", () => {
  test.each([
    ["is not made anew for a newer certificate: it comes once", true, ["INVOICE"]],
    ["is made anew when the partner has replaced the certificate", false, ["INVOICE", "INVOICE-1"]],
  ])("%s", async (_what, keepsOld, expected) => {
    const [sends, takes] = [memoryStateStore(), memoryStateStore()];
    const before = await pair({}, {}, [sends, takes]);
    await sendOne(before.sender, { sign: true, encrypt: true, signedReceipt: true });
    const { near, far } = await socketPair();
    before.receiver.once("fileReceived", () => {
      near.destroy();
      far.destroy();
    });
    const sessions = [before.receiver.answer(far), before.sender.initiate(before.partner, near)];
    await Promise.all(sessions.map(({ ended }) => ended));

    const newer = await newIdentity("there", { type: "ec" }, { notBefore: new Date(Date.now() - 1000) });
    const identities = keepsOld ? [there, newer] : [newer];
    const after = await pair({}, { certificates: identities }, [sends, takes], identities);
    const responses = responsesOf(after.sender);
    await exchange(after.sender, after.partner, after.receiver);
    expect(Object.keys(await filesIn(at("there", "inbox", "here")))).toEqual(expected);
    expect(responses).toContain("EERP INVOICE");
    expect(await after.sender.queued("there")).toEqual([]);
  });
});
