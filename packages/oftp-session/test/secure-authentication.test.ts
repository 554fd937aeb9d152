import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { answerChallenge, authenticationChallenge } from "@waybill/cms-security";
import type { SecureAuthentication, SessionEnd, StationOptions } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { TestIdentity } from "./support/identities.js";
import { RawPeer, sfidOf, ssidOf } from "./support/raw-peer.js";
import { identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type SideOptions } from "./support/security-pair.js";
import { AUTHENTICATION, authenticationIn, wireOf } from "./support/security-wire.js";
import { socketPair } from "./support/socket-pair.js";
import { codeOf, eventsOf, filesIn, rawCaller } from "./support/stations.js";

const RULES: readonly SecureAuthentication[] = ["required", "allowed", "refused"];
let root: TemporaryFolder;
let here: TestIdentity;
let there: TestIdentity;
let stranger: TestIdentity;
let expired: TestIdentity;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-authentication-");
  [here, there, stranger, expired] = await Promise.all([
    identitySince("here", 30),
    identitySince("there", 30),
    // Of the same name as the partner: a certificate is known by more.
    identitySince("there", 30),
    identitySince("there", 20, 10),
  ]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

/** Two stations that know each other's certificates and want every session to be authenticated. */
async function pairOf(options: { here?: SideOptions; there?: SideOptions } = {}): Promise<SecurePair> {
  const secureAuthentication = "required";
  const side = (own: TestIdentity, other: TestIdentity, more: SideOptions | undefined): SideOptions => ({
    identities: [own],
    ...more,
    entry: { secureAuthentication, ...certificatesOf(other), ...more?.entry },
  });
  return SecurePair.open(join(root.path, String(run)), {
    here: side(here, there, options.here),
    there: side(there, here, options.there),
  });
}

const endOf = ({ error }: SessionEnd) => error && { reason: error.reason, origin: error.origin };
const local = (reason: number) => ({ reason, origin: "local" });
const distant = (reason: number) => ({ reason, origin: "distant" });

/** A session that must not come about. `endedBy`: who says so. */
async function expectNoSession(pair: SecurePair, reason: number, endedBy: "here" | "there") {
  const opened = [eventsOf(pair.here, "sessionOpened"), eventsOf(pair.there, "sessionOpened")];
  await pair.send("here", "SECRET", "secret");
  const [caller, called] = await pair.exchange();
  const [first, second] = endedBy === "here" ? [caller, called] : [called, caller];
  expect(endOf(first!)).toEqual(local(reason));
  expect(endOf(second!)).toEqual(distant(reason));
  expect(opened.flat()).toEqual([]);
  expect(await filesIn(pair.inbox("there"))).toEqual({});
  expect((await pair.here.queued("there")).map(({ datasetName }) => datasetName)).toEqual(["SECRET"]);
  return { caller: caller!, called: called! };
}

describe("what both sides want", () => {
  const outcomes: Readonly<Record<string, boolean>> = {
    "required required": true,
    "required allowed": true,
    "allowed allowed": false,
    "allowed refused": false,
    "refused allowed": false,
    "refused refused": false,
  };
  const cases = RULES.flatMap((caller) => RULES.map((called) => [caller, called] as const));
  test.each(cases)("%s here, %s there", async (caller, called) => {
    const pair = await pairOf({
      here: { entry: { secureAuthentication: caller } },
      there: { entry: { secureAuthentication: called } },
    });
    const outcome = outcomes[`${caller} ${called}`];
    if (outcome === undefined) {
      await expectNoSession(pair, 12, "there");
      return;
    }
    const wire = wireOf(pair.here);
    const opened = [eventsOf(pair.here, "sessionOpened"), eventsOf(pair.there, "sessionOpened")];
    await pair.send("here", "SECRET", "secret");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(opened.flat().map(({ negotiated }) => negotiated.authentication)).toEqual([outcome, outcome]);
    const ssids = [...wire.of("sent", "SSID"), ...wire.of("received", "SSID")];
    expect(ssids.map(({ authentication }) => authentication)).toEqual([outcome, outcome]);
    expect(authenticationIn(wire)).toEqual(outcome ? AUTHENTICATION : []);
    expect(await filesIn(pair.inbox("there"))).toEqual({ SECRET: "secret" });
  });

  test("a session is authenticated before anything is sent in it", async () => {
    const pair = await pairOf();
    const wire = wireOf(pair.here);
    await pair.send("here", "SECRET", "secret");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(wire.order.slice(0, 10)).toEqual([
      "received SSRM",
      "sent SSID",
      "received SSID",
      ...AUTHENTICATION,
      "sent SFID",
    ]);
  });

  test("allowed, but without certificates: the partner that asks for it is told so with 12", async () => {
    for (const there of [{ identities: [] }, { entry: certificatesOf() }] satisfies SideOptions[]) {
      const allowed = { secureAuthentication: "allowed", ...("entry" in there ? there.entry : {}) } as const;
      const pair = await pairOf({ there: { ...there, entry: allowed } });
      await expectNoSession(pair, 12, "there");
      run += 1;
    }
  });

  test("a partner of level 4 cannot do what is required: 12 on both sides", async () => {
    const old = { level: 4, secureAuthentication: "allowed" } as const;
    await expectNoSession(await pairOf({ there: { entry: old } }), 12, "there");
    run += 1;
    await expectNoSession(await pairOf({ here: { entry: old } }), 12, "there");
  });

  test("the answer of an old station that does not know of it ends the session here with 12", async () => {
    const pair = await pairOf();
    const { near, far } = await socketPair();
    const session = pair.here.initiate(pair.entry("here"), near);
    const peer = new RawPeer(far);
    await peer.answer({ code: codeOf("there"), password: "PWTHERE", level: 4 });
    expect(await peer.receive("ESID")).toMatchObject({ reason: 12 });
    await peer.close();
    expect(endOf(await session.ended)).toEqual(local(12));
  });
});

describe("who is not the partner", () => {
  test("has another key than the certificate here: 11, said by the one who cannot answer", async () => {
    await expectNoSession(await pairOf({ there: { identities: [stranger] } }), 11, "there");
  });

  test("knows another certificate than that of the caller: 11, said by the caller", async () => {
    await expectNoSession(await pairOf({ there: { entry: certificatesOf(stranger) } }), 11, "here");
  });

  test("has a certificate that has expired: 11, and the reason is known here alone", async () => {
    const { caller, called } = await expectNoSession(
      await pairOf({ here: { entry: certificatesOf(expired) }, there: { identities: [expired] } }),
      11,
      "here",
    );
    expect(caller.error?.cause).toMatchObject({ code: "ERR_OFTP_CERTIFICATE" });
    expect(called.error?.message).toMatch(/\(secure authentication is not possible here\)$/);
  });

  test("has a certificate that has expired, as caller", async () => {
    const { called } = await expectNoSession(
      await pairOf({ here: { identities: [expired] }, there: { entry: certificatesOf(expired) } }),
      11,
      "there",
    );
    expect(called.error?.cause).toMatchObject({ code: "ERR_OFTP_CERTIFICATE" });
  });

  test("has a certificate that the application does not trust", async () => {
    const asked: string[] = [];
    const hooks: StationOptions["hooks"] = {
      trustCertificate: ({ partner, certificate, purpose }) => {
        asked.push(`${partner.name} ${certificate.subject.text} ${purpose}`);
        return false;
      },
    };
    await expectNoSession(await pairOf({ here: { hooks } }), 11, "here");
    expect(asked).toEqual(["there CN=there,O=Waybill authentication"]);
  });

  test("has a certificate that is for something else", async () => {
    const certificates = [{ certificate: there.certificate, purposes: ["signing", "encryption"] as const }];
    await expectNoSession(await pairOf({ here: { entry: { certificates } } }), 11, "here");
  });
});

describe("a peer that says something else", () => {
  async function challenged() {
    const pair = await pairOf();
    const { peer, session } = await rawCaller(pair.there);
    await peer.call({ code: codeOf("here"), password: "PWHERE", authentication: true });
    peer.send({ kind: "SECD" });
    const { challenge } = await peer.receive("AUCH");
    return { peer, session, challenge };
  }

  test("the right answer is taken", async () => {
    const { peer, session, challenge } = await challenged();
    const response = await answerChallenge(challenge, [here]);
    peer.send({ kind: "AURP", response });
    expect((await peer.next())?.kind).toBe("SECD");
    const own = await authenticationChallenge(there.certificate);
    peer.send({ kind: "AUCH", challenge: own.envelope });
    expect(Buffer.from((await peer.receive("AURP")).response)).toEqual(own.challenge);
    await peer.close();
    await session.ended;
  });

  test("20 other octets end the session with 11", async () => {
    const { peer, session } = await challenged();
    peer.send({ kind: "AURP", response: randomBytes(20) });
    expect(await peer.refused()).toMatchObject({ reason: 11 });
    expect(endOf(await session.ended)).toEqual(local(11));
  });

  test("one bit that is wrong ends the session with 11", async () => {
    const { peer, session, challenge } = await challenged();
    const response = await answerChallenge(challenge, [here]);
    response[19] = response[19]! ^ 1;
    peer.send({ kind: "AURP", response });
    expect(await peer.refused()).toMatchObject({ reason: 11 });
    expect(endOf(await session.ended)).toEqual(local(11));
  });

  test.each([
    ["octets that are no message", async () => randomBytes(300)],
    [
      "a challenge for somebody else",
      async () => (await authenticationChallenge(stranger.certificate)).envelope,
    ],
  ])("%s instead of a challenge: 11, without a word about keys", async (_what, envelope) => {
    const { peer, session, challenge } = await challenged();
    peer.send({ kind: "AURP", response: await answerChallenge(challenge, [here]) });
    await peer.receive("SECD");
    peer.send({ kind: "AUCH", challenge: await envelope() });
    expect(await peer.refused()).toMatchObject({
      reason: 11,
      text: "secure authentication is not possible here",
    });
    expect(endOf(await session.ended)).toEqual(local(11));
  });

  test("a file before authentication ends the session", async () => {
    const pair = await pairOf();
    const received = eventsOf(pair.there, "receiveStarted");
    const { peer, session } = await rawCaller(pair.there);
    await peer.call({ code: codeOf("here"), password: "PWHERE", authentication: true });
    peer.send(sfidOf({ originator: codeOf("here"), destination: codeOf("there") }));
    expect(await peer.refused()).toMatchObject({ reason: 2 });
    expect(endOf(await session.ended)).toEqual(local(2));
    expect(received).toEqual([]);
  });

  test("the same challenge never comes again", async () => {
    const seen = new Set<string>();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { peer, session, challenge } = await challenged();
      seen.add((await answerChallenge(challenge, [here])).toString("hex"));
      peer.destroy();
      await session.ended;
      run += 1;
    }
    expect(seen.size).toBe(3);
  });

  test("an SSID of a level that has no authentication ends the session with 12", async () => {
    const pair = await pairOf();
    const { peer, session } = await rawCaller(pair.there);
    await peer.receive("SSRM");
    peer.level = 4;
    peer.send(ssidOf({ level: 4, code: codeOf("here"), password: "PWHERE" }));
    expect(await peer.refused()).toMatchObject({ reason: 12 });
    expect(endOf(await session.ended)).toEqual(local(12));
  });
});
