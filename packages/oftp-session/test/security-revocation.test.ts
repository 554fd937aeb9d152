import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { verifyCertificate } from "@waybill/cert-store";
import type { StationHooks } from "@waybill/oftp-session";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { TestIdentity } from "./support/identities.js";
import { TestAuthority } from "./support/security-authority.js";
import { identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type SideOptions } from "./support/security-pair.js";
import { CONTENT, expectRefusal } from "./support/security-refusals.js";
import { eventsOf, filesIn, responsesOf } from "./support/stations.js";

let root: TemporaryFolder;
let here: TestIdentity;
let there: TestIdentity;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-security-revocation-");
  [here, there] = await Promise.all([identitySince("here", 30), identitySince("there", 30)]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

/** Two stations that know each other's certificates. */
function pairOf(options: { here?: SideOptions; there?: SideOptions } = {}): Promise<SecurePair> {
  return SecurePair.known(join(root.path, String(run)), { here, there }, options);
}

describeWithPeers("revoked certificates", [peers.openssl], () => {
  let authority: TestAuthority;
  let good: TestIdentity;
  let revoked: TestIdentity;
  let trustCertificate: NonNullable<StationHooks["trustCertificate"]>;

  beforeAll(async () => {
    authority = await TestAuthority.create(root.path);
    [good, revoked] = await Promise.all([authority.issue("good"), authority.issue("revoked")]);
    const list = await authority.revoke(revoked.certificate);
    trustCertificate = async ({ certificate }) => {
      const { trusted } = await verifyCertificate(certificate, {
        anchors: [authority.certificate],
        revocation: { crl: "hard", extraCrls: [list] },
      });
      return trusted;
    };
  });

  test("a file that a revoked key has signed: reason 21; one of a good key is taken", async () => {
    const pair = await pairOf({
      here: { identities: [revoked], entry: certificatesOf(good) },
      there: { identities: [good], entry: certificatesOf(revoked, good), hooks: { trustCertificate } },
    });
    const refusal = { command: "EFNA", reason: 21, text: /not accepted/ } as const;
    await expectRefusal(pair, { sign: true }, {}, refusal);
    pair.change("here", { ownIdentities: [good] });
    await pair.send("here", "SIGNED", CONTENT, { security: { sign: true } });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(Object.keys(await filesIn(pair.inbox("there"))).sort()).toEqual(["GOOD", "SIGNED"]);
  });

  test("a receipt that a revoked key has signed: the file stays unacknowledged", async () => {
    let isRevoked = false;
    const pair = await pairOf({
      // It is revoked after the file was sent.
      here: {
        identities: [good],
        entry: certificatesOf(revoked),
        hooks: { trustCertificate: (use) => !isRevoked || trustCertificate(use) },
      },
      there: { identities: [revoked], entry: certificatesOf(good) },
    });
    const invalid = eventsOf(pair.here, "endResponseInvalid");
    const responses = responsesOf(pair.here);
    pair.here.on("sendStarted", () => {
      isRevoked = true;
    });
    await pair.send("here", "PROVEN", CONTENT, { security: { signedReceipt: true } });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(responses).toEqual([]);
    expect(invalid).toMatchObject([
      {
        file: { datasetName: "PROVEN" },
        response: { kind: "EERP" },
        error: { code: "ERR_CMS_RECEIPT_SIGNER_REFUSED" },
      },
    ]);
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["waiting"]);
  });

  test("nothing is encrypted for a revoked certificate", async () => {
    const pair = await pairOf({
      here: { entry: certificatesOf(revoked), hooks: { trustCertificate } },
      there: { identities: [revoked, good] },
    });
    const secret = { security: { encrypt: true } };
    await expect(pair.send("here", "SECRET", CONTENT, secret)).rejects.toMatchObject({
      code: "ERR_OFTP_CERTIFICATE",
    });
    pair.change("here", certificatesOf(revoked, good));
    await pair.send("here", "SECRET", CONTENT, secret);
    pair.change("there", { ownIdentities: [good] });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await filesIn(pair.inbox("there"))).toEqual({ SECRET: CONTENT });
  });
});
