import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type CertificateOffer,
  fileStateStore,
  type SentFile,
  type StateStore,
  type StationHooks,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { TestIdentity } from "./support/identities.js";
import { identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type SideOptions } from "./support/security-pair.js";
import { wireOf } from "./support/security-wire.js";
import { eventsOf, filesIn, responsesOf } from "./support/stations.js";

let root: TemporaryFolder;
let oldHere: TestIdentity;
let newHere: TestIdentity;
let there: TestIdentity;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-certificates-");
  [oldHere, newHere, there] = await Promise.all([
    identitySince("here", 700),
    identitySince("here", 1),
    identitySince("there", 100),
  ]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

const ACCEPTING: StationHooks = { acceptCertificate: () => ({ accept: true }) };

/** `here` has an old certificate, which `there` knows, and a new one, which it does not. */
function pairOf(options: { here?: SideOptions; there?: SideOptions } = {}): Promise<SecurePair> {
  return SecurePair.open(join(root.path, String(run)), {
    here: {
      identities: [oldHere, newHere],
      hooks: ACCEPTING,
      ...options.here,
      entry: { ...certificatesOf(there), ...options.here?.entry },
    },
    there: {
      identities: [there],
      hooks: ACCEPTING,
      ...options.there,
      entry: { ...certificatesOf(oldHere), ...options.there?.entry },
    },
  });
}

const CONTENT = "order ".repeat(500);
const thumbprint = ({ certificate }: TestIdentity) => certificate.thumbprint("sha256");
const outcomes = (sent: readonly SentFile[]) => sent.map(({ file, state }) => `${file.datasetName} ${state}`);
const summary = (events: readonly { exchange: string; accepted: boolean; text: string }[]) =>
  events.map(({ exchange, accepted, text }) => `${exchange} ${accepted}${text === "" ? "" : `: ${text}`}`);

/** What becomes of a file that `here` signs with this key alone: acknowledged, or the reason. */
async function signedBy(pair: SecurePair, identity: TestIdentity, datasetName: string) {
  const refused = eventsOf(pair.here, "fileRefused");
  const responses = responsesOf(pair.here);
  pair.change("here", { ownIdentities: [identity] });
  await pair.send("here", datasetName, CONTENT, { security: { sign: true } });
  expect(await pair.exchange()).toEqual(NORMAL_ENDS);
  return refused[0]?.refusal.reason ?? responses[0];
}

/** Whether `here` can open with this key alone what `there` encrypts for it. */
async function openedBy(pair: SecurePair, identity: TestIdentity, datasetName: string) {
  const refused = eventsOf(pair.there, "fileRefused");
  pair.change("here", { ownIdentities: [identity] });
  await pair.send("there", datasetName, CONTENT, { security: { encrypt: true } });
  expect(await pair.exchange()).toEqual(NORMAL_ENDS);
  return refused[0]?.refusal.reason ?? Object.keys(await filesIn(pair.inbox("here"))).includes(datasetName);
}

describe("a certificate that is delivered", () => {
  test("is used beside the others from then on, and acknowledged", async () => {
    const offers: CertificateOffer[] = [];
    const acceptCertificate: StationHooks["acceptCertificate"] = (offer) => {
      offers.push(offer);
      return { accept: true };
    };
    const pair = await pairOf({ there: { hooks: { acceptCertificate } } });
    const told = eventsOf(pair.there, "certificateReceived");
    const received = eventsOf(pair.there, "fileReceived");
    const wire = wireOf(pair.here);
    const queued = await pair.here.sendCertificate("there", "deliver");
    expect(queued.security).toMatchObject({ securityLevel: 0, enveloped: false, signedReceipt: false });

    expect(await pair.exchange()).toEqual(NORMAL_ENDS);

    // By default the newest.
    expect(told).toMatchObject([{ partner: "here", exchange: "deliver", accepted: true, text: "" }]);
    expect(told[0]!.certificate!.thumbprint("sha256")).toBe(thumbprint(newHere));
    expect(offers).toMatchObject([{ partner: { name: "here" }, exchange: "deliver" }]);
    expect(offers[0]!.known.map((each) => each.thumbprint("sha256"))).toEqual([thumbprint(oldHere)]);
    expect(wire.of("sent", "SFID").map(({ datasetName }) => datasetName.trimEnd())).toEqual([
      "ODETTE_CERTIFICATE_DELIVER",
    ]);
    expect(outcomes(await pair.here.sent())).toEqual(["ODETTE_CERTIFICATE_DELIVER acknowledged"]);
    // It is no file for the application.
    expect(received).toEqual([]);
    expect(await filesIn(pair.inbox("there"))).toEqual({});
    expect(await pair.leftovers()).toEqual([]);

    expect(await signedBy(pair, oldHere, "OLD")).toBe("EERP OLD");
    expect(await signedBy(pair, newHere, "NEW")).toBe("EERP NEW");
    expect(await openedBy(pair, newHere, "ANSWER")).toBe(true);
  });

  test("is kept: a station that was opened anew knows it", async () => {
    const open = (): Promise<StateStore> => fileStateStore(join(root.path, `store-${run}`));
    const pair = await pairOf({ there: { store: await open() } });
    await pair.here.sendCertificate("there", "deliver");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    await pair.restart("there", { identities: [there], store: await open() });
    expect(await signedBy(pair, newHere, "NEW")).toBe("EERP NEW");
    expect(await openedBy(pair, newHere, "ANSWER")).toBe(true);
  });

  test("is for what the application says", async () => {
    const acceptCertificate: StationHooks["acceptCertificate"] = () => ({
      accept: true,
      purposes: ["encryption"],
    });
    const pair = await pairOf({ there: { hooks: { acceptCertificate } } });
    await pair.here.sendCertificate("there", "deliver");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await signedBy(pair, newHere, "NEW")).toBe(21);
    expect(await openedBy(pair, newHere, "ANSWER")).toBe(true);
  });

  test("can be named", async () => {
    const pair = await pairOf({ there: { entry: certificatesOf() } });
    const told = eventsOf(pair.there, "certificateReceived");
    await pair.here.sendCertificate("there", "deliver", oldHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(told.map(({ certificate }) => certificate?.thumbprint("sha256"))).toEqual([thumbprint(oldHere)]);
    expect(await signedBy(pair, oldHere, "OLD")).toBe("EERP OLD");
  });

  test("comes through although files must be signed and encrypted", async () => {
    const incoming = { sign: "required", encrypt: "required", signedReceipt: "required" } as const;
    const security = { require: { incoming } };
    const pair = await pairOf({ there: { entry: { ...certificatesOf(), security } } });
    await pair.here.sendCertificate("there", "deliver");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(outcomes(await pair.here.sent())).toEqual(["ODETTE_CERTIFICATE_DELIVER acknowledged"]);
  });
});

describe("a certificate that replaces another", () => {
  test("takes its place for everything: the old one is not used any more, here or after a restart", async () => {
    const store = await fileStateStore(join(root.path, `store-${run}`));
    const pair = await pairOf({ there: { store } });
    const told = eventsOf(pair.there, "certificateReceived");
    await pair.here.sendCertificate("there", "replace", newHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(summary(told)).toEqual(["replace true"]);
    for (const attempt of ["1", "2"]) {
      expect(await signedBy(pair, oldHere, `OLD.${attempt}`)).toBe(21);
      expect(await signedBy(pair, newHere, `NEW.${attempt}`)).toBe(`EERP NEW.${attempt}`);
      expect(await openedBy(pair, newHere, `ANSWER.${attempt}`)).toBe(true);
      // It was not encrypted for both.
      expect(await openedBy(pair, oldHere, `SECRET.${attempt}`)).toBe(22);
      await pair.restart("there", { identities: [there], store });
    }
  });

  test("is not used for authentication any more either", async () => {
    const required = { secureAuthentication: "required" } as const;
    const pair = await pairOf({ here: { entry: required }, there: { entry: required } });
    await pair.here.sendCertificate("there", "replace", newHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    pair.change("here", { ownIdentities: [newHere] });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    pair.change("here", { ownIdentities: [oldHere] });
    expect((await pair.exchange()).map(({ error }) => error?.reason)).toEqual([11, 11]);
  });

  test("for one purpose leaves the old one for the others", async () => {
    const acceptCertificate: StationHooks["acceptCertificate"] = () => ({
      accept: true,
      purposes: ["encryption"],
    });
    const certificates = [
      { certificate: oldHere.certificate, purposes: ["encryption"] as const },
      { certificate: oldHere.certificate, purposes: ["signing", "receipts"] as const },
    ];
    const pair = await pairOf({ there: { hooks: { acceptCertificate }, entry: { certificates } } });
    await pair.here.sendCertificate("there", "replace", newHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await signedBy(pair, oldHere, "OLD")).toBe("EERP OLD");
    expect(await openedBy(pair, newHere, "ANSWER")).toBe(true);
    expect(await openedBy(pair, oldHere, "SECRET")).toBe(22);
  });

  test("for one purpose is used for it, although the other one is newer", async () => {
    const acceptCertificate: StationHooks["acceptCertificate"] = () => ({
      accept: true,
      purposes: ["encryption"],
    });
    const pair = await pairOf({ there: { hooks: { acceptCertificate }, entry: certificatesOf(newHere) } });
    await pair.here.sendCertificate("there", "replace", oldHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await openedBy(pair, oldHere, "ANSWER")).toBe(true);
    expect(await openedBy(pair, newHere, "SECRET")).toBe(22);
    expect(await signedBy(pair, newHere, "NEW")).toBe("EERP NEW");
    expect(await signedBy(pair, oldHere, "OLD")).toBe(21);
  });

  test("which was accepted earlier goes too, and one that was replaced can come back", async () => {
    const pair = await pairOf({ there: { entry: certificatesOf() } });
    for (const [exchange, { certificate }] of [
      ["deliver", oldHere],
      ["replace", newHere],
    ] as const) {
      await pair.here.sendCertificate("there", exchange, certificate);
      expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    }
    expect(await signedBy(pair, oldHere, "OLD.1")).toBe(21);
    await pair.here.sendCertificate("there", "replace", oldHere.certificate);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await signedBy(pair, oldHere, "OLD.2")).toBe("EERP OLD.2");
    expect(await signedBy(pair, newHere, "NEW")).toBe(21);
  });
});

describe("a certificate that is asked for", () => {
  test("comes in return for the one that was sent", async () => {
    const pair = await pairOf({ here: { entry: certificatesOf() }, there: { entry: certificatesOf() } });
    const [toldHere, toldThere] = [
      eventsOf(pair.here, "certificateReceived"),
      eventsOf(pair.there, "certificateReceived"),
    ];
    await expect(
      pair.send("here", "TOO.EARLY", CONTENT, { security: { encrypt: true } }),
    ).rejects.toMatchObject({
      code: "ERR_OFTP_CERTIFICATE",
    });
    await pair.here.sendCertificate("there", "request");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(summary(toldThere)).toEqual(["request true"]);
    expect(summary(toldHere)).toEqual(["deliver true"]);
    expect(toldHere[0]!.certificate!.thumbprint("sha256")).toBe(thumbprint(there));
    expect(outcomes(await pair.here.sent())).toEqual(["ODETTE_CERTIFICATE_REQUEST acknowledged"]);
    expect(outcomes(await pair.there.sent())).toEqual(["ODETTE_CERTIFICATE_DELIVER acknowledged"]);
    const security = { sign: true, encrypt: true, signedReceipt: true };
    await pair.send("here", "ORDER", CONTENT, { security });
    await pair.send("there", "ANSWER", CONTENT, { security });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await filesIn(pair.inbox("there"))).toEqual({ ORDER: CONTENT });
    expect(await filesIn(pair.inbox("here"))).toEqual({ ANSWER: CONTENT });
    expect(await pair.leftovers()).toEqual([]);
  });

  test("does not come when the one that was sent is not accepted", async () => {
    const pair = await pairOf({ there: { hooks: { acceptCertificate: () => ({ accept: false }) } } });
    const told = eventsOf(pair.here, "certificateReceived");
    await pair.here.sendCertificate("there", "request");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(told).toEqual([]);
    expect(await pair.there.queued("here")).toEqual([]);
    expect(await pair.there.sent()).toEqual([]);
  });

  test("is one for each key where there are several", async () => {
    const [signing, rest] = [newHere, oldHere];
    const pair = await pairOf({
      here: {
        identities: [
          { ...signing, purposes: ["signing"] },
          { ...rest, purposes: ["encryption", "receipts"] },
        ],
      },
      there: { entry: certificatesOf() },
    });
    const told = eventsOf(pair.there, "certificateReceived");
    await pair.there.sendCertificate("here", "request");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(told.map(({ certificate }) => certificate?.thumbprint("sha256")).sort()).toEqual(
      [thumbprint(signing), thumbprint(rest)].sort(),
    );
  });
});

describe("a certificate that is not accepted", () => {
  async function expectRefused(pair: SecurePair, text: string | RegExp): Promise<void> {
    const told = eventsOf(pair.there, "certificateReceived");
    const heard = eventsOf(pair.here, "endResponseReceived");
    await pair.here.sendCertificate("there", "deliver");
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    const expected = typeof text === "string" ? text : expect.stringMatching(text);
    expect(heard.map(({ response }) => response)).toMatchObject([
      { kind: "NERP", reason: 99, text: expected },
    ]);
    expect(told).toMatchObject([{ accepted: false, text: expected }]);
    expect(outcomes(await pair.here.sent())).toEqual(["ODETTE_CERTIFICATE_DELIVER refused"]);
    expect(await pair.leftovers()).toEqual([]);
    expect(await signedBy(pair, newHere, "NEW")).toBe(21);
    expect(await signedBy(pair, oldHere, "OLD")).toBe("EERP OLD");
  }

  test("without a hook: nobody's is", async () => {
    await expectRefused(await pairOf({ there: { hooks: {} } }), "certificates are not accepted here");
  });

  test("by the application, with its text", async () => {
    const acceptCertificate = () => ({ accept: false, text: "by telephone only" }) as const;
    await expectRefused(await pairOf({ there: { hooks: { acceptCertificate } } }), "by telephone only");
  });

  test("because the application has failed: the partner hears nothing of how", async () => {
    const acceptCertificate = () => {
      throw new Error("cannot open secret/place");
    };
    await expectRefused(await pairOf({ there: { hooks: { acceptCertificate } } }), /^(?!.*secret)/);
  });

  const garbage: readonly (readonly [string, () => string | Uint8Array])[] = [
    ["nothing", () => ""],
    ["something else", () => "no certificate at all"],
    ["a part of one", () => newHere.certificate.der.subarray(0, 300)],
    ["two that have nothing to do with each other", () => newHere.certificate.pem + there.certificate.pem],
  ];
  test.each(garbage)("because there is %s in the file", async (_what, content) => {
    const pair = await pairOf();
    const told = eventsOf(pair.there, "certificateReceived");
    const heard = eventsOf(pair.here, "endResponseReceived");
    await pair.send("here", "ODETTE_CERTIFICATE_REPLACE", content());
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(heard.map(({ response }) => response)).toMatchObject([{ kind: "NERP", reason: 99 }]);
    expect(told).toMatchObject([{ exchange: "replace", certificate: undefined, accepted: false }]);
    expect(told[0]!.text).not.toBe("");
    // It must not tell of folders.
    expect(told[0]!.text).not.toContain(root.path);
    expect(await signedBy(pair, oldHere, "OLD")).toBe("EERP OLD");
    expect(await readdir(pair.path("there", "state", "certificates")).catch(() => [])).toEqual([]);
  });

  test("because the file is too large for one", async () => {
    const pair = await pairOf();
    const refused = eventsOf(pair.here, "fileRefused");
    await pair.send("here", "ODETTE_CERTIFICATE_DELIVER", Buffer.alloc(300_000));
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(refused).toMatchObject([{ refusal: { command: "SFNA", reason: 6 } }]);
    expect(await pair.leftovers()).toEqual([]);
  });
});
