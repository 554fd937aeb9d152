import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { FileSecurityWishes, OftpStation, Partner, PartnerSecurity } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { newIdentity, type TestIdentity } from "./support/identities.js";
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

/** Two stations that know each other's certificates; `here` sends. */
async function pair(
  security: PartnerSecurity = {},
  entry: Partial<Partner> = {},
): Promise<{ sender: OftpStation; receiver: OftpStation; partner: Partner }> {
  const common = { security, ...entry };
  const partner = partnerEntry("there", { certificates: [{ certificate: there.certificate }], ...common });
  const caller = partnerEntry("here", { certificates: [{ certificate: here.certificate }], ...common });
  const sender = await openStation({
    name: "here",
    folder: at("here"),
    partners: [partner],
    identities: [here],
  });
  const receiver = await openStation({
    name: "there",
    folder: at("there"),
    partners: [caller],
    identities: [there],
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
