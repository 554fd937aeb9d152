import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Certificate } from "@waybill/cert-store";
import { describeMessage } from "@waybill/cms-security";
import type { Sfid } from "@waybill/oftp-codec";
import {
  memoryStateStore,
  type OwnIdentity,
  type PartnerCertificate,
  type QueuedFile,
  SECURITY_PURPOSES,
  type SecurityPurpose,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { cutPair } from "./support/cut-pair.js";
import type { TestIdentity } from "./support/identities.js";
import { Day } from "./support/security-day.js";
import { identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type Side } from "./support/security-pair.js";
import { wireOf } from "./support/security-wire.js";
import { eventsOf, filesIn } from "./support/stations.js";
import { hashesIn, sha256 } from "./support/test-files.js";

const EVERYTHING = { sign: true, encrypt: true, compress: true, signedReceipt: true } as const;

let root: TemporaryFolder;
let old: Record<Side, TestIdentity>;
let fresh: Record<Side, TestIdentity>;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-changeover-");
  const pairOf = async (days: number) => ({
    here: await identitySince("here", days),
    there: await identitySince("there", days),
  });
  // The same names: it is one station that changes its key.
  [old, fresh] = await Promise.all([pairOf(700), pairOf(1)]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

/** Two stations with their old certificates. */
function openPair(): Promise<SecurePair> {
  const side = (own: Side, other: Side) => ({
    identities: [old[own]],
    entry: { secureAuthentication: "required", ...certificatesOf(old[other]) } as const,
  });
  return SecurePair.open(join(root.path, String(run)), {
    here: side("here", "there"),
    there: side("there", "here"),
  });
}

const thumbprint = ({ certificate }: { certificate: Certificate }) => certificate.thumbprint("sha256");

/** For one purpose these, for all others the old one. */
function forOne<T extends OwnIdentity | PartnerCertificate>(
  purpose: SecurityPurpose,
  rest: T,
  some: readonly T[],
) {
  const others = SECURITY_PURPOSES.filter((each) => each !== purpose);
  return [{ ...rest, purposes: others }, ...some.map((each) => ({ ...each, purposes: [purpose] }))];
}

describe("a change of certificates in the middle of a day's traffic", () => {
  /** `there` changes its certificate for one purpose; a step for each change of what it has and of what `here` knows. */
  async function changed(
    purpose: SecurityPurpose,
    steps: readonly (readonly ["has" | "is known by", ...TestIdentity[]])[],
  ): Promise<void> {
    const pair = await openPair();
    const day = new Day(pair, EVERYTHING);
    for (const [what, ...identities] of steps) {
      await day.sessions();
      await day.midSession();
      if (what === "has") {
        pair.change("there", { ownIdentities: forOne<OwnIdentity>(purpose, old.there, identities) });
      } else {
        const [rest, ...some] = [old.there, ...identities].map(({ certificate }) => ({ certificate }));
        pair.change("here", { certificates: forOne<PartnerCertificate>(purpose, rest!, some) });
      }
    }
    await day.sessions();
    await day.end();
    const last = purpose === "signing" ? fresh.there : old.there;
    expect(day.signersSeenBy("here").at(-1)).toBe(thumbprint(last));
  }

  test.each(SECURITY_PURPOSES)("of the called station, for %s", (purpose) =>
    changed(purpose, [
      ["has", old.there, fresh.there],
      ["is known by", old.there, fresh.there],
      ["has", fresh.there],
      ["is known by", fresh.there],
    ]),
  );

  // What is encrypted would be for a key that is not there yet.
  const early = SECURITY_PURPOSES.filter((purpose) => purpose !== "encryption");
  test.each(early)("of the called station, for %s: known before it is used", (purpose) =>
    changed(purpose, [
      ["is known by", old.there, fresh.there],
      ["has", fresh.there],
      ["is known by", fresh.there],
    ]),
  );

  test("of both stations, for everything", async () => {
    const pair = await openPair();
    const day = new Day(pair, EVERYTHING);
    const steps: readonly (() => void)[] = [
      () => pair.change("there", { ownIdentities: [old.there, fresh.there] }),
      () => pair.change("here", { ownIdentities: [old.here, fresh.here] }),
      () => pair.change("here", certificatesOf(fresh.there, old.there)),
      () => pair.change("there", certificatesOf(fresh.here, old.here)),
      () => pair.change("there", { ownIdentities: [fresh.there] }),
      () => pair.change("here", { ownIdentities: [fresh.here] }),
      () => pair.change("here", certificatesOf(fresh.there)),
      () => pair.change("there", certificatesOf(fresh.here)),
    ];
    for (const step of steps) {
      await day.sessions();
      await day.midSession();
      step();
    }
    await day.sessions();
    await day.end();
    for (const [side, other] of [
      ["here", "there"],
      ["there", "here"],
    ] as const) {
      expect(day.signersSeenBy(side)[0]).toBe(thumbprint(old[other]));
      expect(day.signersSeenBy(side).at(-1)).toBe(thumbprint(fresh[other]));
    }
  });

  test("with a partner that knows only the old signature, then both, then only the new one", async () => {
    const pair = await openPair();
    const day = new Day(pair, { sign: true, encrypt: true });
    pair.change("here", { ownIdentities: [old.here, fresh.here] });
    await day.sessions(3);
    expect(day.signersSeenBy("there")).toEqual([thumbprint(old.here)]);
    pair.change("there", certificatesOf(old.here, fresh.here));
    await day.sessions(3);
    pair.change("there", certificatesOf(fresh.here));
    await day.sessions(3);
    expect(day.signersSeenBy("there").at(-1)).toBe(thumbprint(fresh.here));
    pair.change("here", { ownIdentities: [fresh.here] });
    await day.sessions(3);
    await day.end();
  });
});

/** For whom a queued file was encrypted. */
async function recipientsOf({ transmitted }: QueuedFile): Promise<readonly string[]> {
  const { layers } = await describeMessage(createReadStream(transmitted!.path!));
  const [layer] = layers;
  if (layer?.kind !== "encrypted") throw new Error("it is not encrypted");
  return layer.recipients.map(({ identifier }) => identifier?.serialNumber?.toString("hex") ?? "");
}

const serialOf = ({ certificate }: TestIdentity) => certificate.serialNumber.toLowerCase();

describe("a file that waits", () => {
  const CONTENT = "order ".repeat(1000);
  const encrypted = { security: { encrypt: true } };

  test("is encrypted for the newest certificate, whatever their order", async () => {
    for (const certificates of [
      [old.there, fresh.there],
      [fresh.there, old.there],
    ]) {
      const pair = await openPair();
      pair.change("here", certificatesOf(...certificates));
      const queued = await pair.send("here", "ORDER", CONTENT, encrypted);
      expect(await recipientsOf(queued)).toEqual([serialOf(fresh.there)]);
      run += 1;
    }
  });

  test("is encrypted anew, with a time stamp of its own, when the certificate is replaced", async () => {
    const pair = await openPair();
    pair.change("here", certificatesOf(old.there));
    const queued = await pair.send("here", "ORDER", CONTENT, { security: EVERYTHING });
    expect(await recipientsOf(queued)).toEqual([serialOf(old.there)]);
    pair.change("here", certificatesOf(fresh.there));
    pair.change("there", { ownIdentities: [fresh.there] });
    const wire = wireOf(pair.here);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(wire.of("sent", "SFID").map(({ timestamp }) => timestamp)).not.toEqual([queued.timestamp]);
    expect(await filesIn(pair.inbox("there"))).toEqual({ ORDER: CONTENT });
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
    expect(await pair.leftovers()).toEqual([]);
  });

  /** A file of which the partner has a part, and the time stamp with which it was announced. */
  async function brokenOff() {
    const pair = await openPair();
    const store = memoryStateStore();
    await pair.restart("here", { identities: [old.here], store });
    const content = randomBytes(300_000);
    const wire = wireOf(pair.here);
    await pair.send("here", "LONG", content, { security: EVERYTHING });
    const { near, far } = await cutPair("near", 150_000);
    const ends = await pair.exchangeOver(near, far);
    expect(ends.map(({ error }) => error?.code)).toEqual([
      "ERR_OFTP_CONNECTION_LOST",
      "ERR_OFTP_CONNECTION_LOST",
    ]);
    expect(await pair.leftovers()).toContainEqual(expect.stringContaining("partial"));
    const [{ timestamp }] = wire.of("sent", "SFID") as [Sfid];
    return { pair, hash: sha256(content), wire, timestamp, store };
  }

  test("goes on where it was as long as nothing has changed, also in another process", async () => {
    const { pair, hash, timestamp, store } = await brokenOff();
    await pair.restart("here", { identities: [old.here], store });
    await pair.restart("there", { identities: [old.there] });
    const wire = wireOf(pair.here);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(wire.of("sent", "SFID")).toMatchObject([{ timestamp }]);
    expect(wire.of("received", "SFPA")[0]!.restartPosition).toBeGreaterThan(0);
    expect(await hashesIn(pair.inbox("there"))).toEqual({ LONG: hash });
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
    expect(await pair.leftovers()).toEqual([]);
  });

  test("begins anew when the partner has a part of what was encrypted for its old key", async () => {
    const { pair, hash, wire, timestamp } = await brokenOff();
    pair.change("here", certificatesOf(fresh.there));
    pair.change("there", { ownIdentities: [fresh.there] });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    const [, second] = wire.of("sent", "SFID");
    expect(second!.timestamp).not.toEqual(timestamp);
    expect(wire.of("received", "SFPA").map(({ restartPosition }) => restartPosition)).toEqual([0, 0]);
    expect(await hashesIn(pair.inbox("there"))).toEqual({ LONG: hash });
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  });

  test("is encrypted anew when what was made for it is gone", async () => {
    const pair = await openPair();
    const queued = await pair.send("here", "ORDER", CONTENT, { security: EVERYTHING });
    await rm(queued.transmitted!.path!);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await filesIn(pair.inbox("there"))).toEqual({ ORDER: CONTENT });
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  });

  test("waits on when there is no certificate for it any more, and goes when there is one again", async () => {
    const pair = await openPair();
    const interrupted = eventsOf(pair.here, "fileInterrupted");
    pair.change("here", { secureAuthentication: "refused" });
    pair.change("there", { secureAuthentication: "refused" });
    await pair.send("here", "ORDER", CONTENT, encrypted);
    pair.change("here", certificatesOf());
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(interrupted).toMatchObject([{ error: { code: "ERR_OFTP_CERTIFICATE" }, dropped: false }]);
    pair.change("here", certificatesOf(old.there));
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await filesIn(pair.inbox("there"))).toEqual({ ORDER: CONTENT });
  });
});
