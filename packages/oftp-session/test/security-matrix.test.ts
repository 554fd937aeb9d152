import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type ReceiptHash, cipherSuite as suiteNumbered } from "@waybill/cms-security";
import type { TlsPemCertificate } from "@waybill/net-core";
import type { Sfid } from "@waybill/oftp-codec";
import type { OftpStation, Partner, PartnerSecurity, StationOptions } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { newIdentity, type TestIdentity } from "./support/identities.js";
import {
  EMPTY_FILES,
  FILES,
  type FileKinds,
  type FileOnItsWay,
  hashesOf,
  queueFiles,
} from "./support/security-files.js";
import { openLine, type Transport } from "./support/security-line.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type Side } from "./support/security-pair.js";
import { AUTHENTICATION, authenticationIn, type Wire, wireOf } from "./support/security-wire.js";
import { eventsOf, responsesOf } from "./support/stations.js";
import { testCertificate } from "./support/test-certificate.js";
import { hashesIn } from "./support/test-files.js";

let root: TemporaryFolder;
let tlsCertificate: TlsPemCertificate;
let rsa: Record<Side, TestIdentity>;
let ec: Record<Side, TestIdentity>;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-security-matrix-");
  const pairOf = async (options: Parameters<typeof newIdentity>[1]) => ({
    here: await newIdentity("here", options),
    there: await newIdentity("there", options),
  });
  [tlsCertificate, rsa, ec] = await Promise.all([
    testCertificate(),
    pairOf({ type: "rsa", bits: 2048 }),
    pairOf({ type: "ec", curve: "P-256" }),
  ]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

interface Case {
  readonly security: PartnerSecurity;
  readonly authentication: boolean;
  readonly transport?: Transport;
  readonly identities?: Record<Side, TestIdentity>;
  readonly hooks?: StationOptions["hooks"];
  readonly kinds?: FileKinds;
}

/** Two stations, and files both ways in one session. */
async function bothWays(options: Case) {
  const { security, authentication, transport = "plain", identities = rsa, hooks, kinds = FILES } = options;
  const secureAuthentication = authentication ? "required" : "allowed";
  const side = (other: Side, own: Side, more: Partial<Partner> = {}) => ({
    identities: [identities[own]],
    hooks,
    entry: { security, secureAuthentication, ...certificatesOf(identities[other]), ...more } as const,
  });
  let pair: SecurePair | undefined;
  const line = await openLine(() => pair!.there, transport, tlsCertificate);
  pair = await SecurePair.open(join(root.path, String(run)), {
    here: side("there", "here", { address: line.address }),
    there: side("here", "there"),
  });
  const { here, there } = pair;
  const files = {
    here: await queueFiles(here, "there", pair.path("here", "files"), kinds, 2 * run),
    there: await queueFiles(there, "here", pair.path("there", "files"), kinds, 2 * run + 1),
  };
  const heard = {
    here: { received: eventsOf(here, "fileReceived"), responses: responsesOf(here), ...problemsOf(here) },
    there: { received: eventsOf(there, "fileReceived"), responses: responsesOf(there), ...problemsOf(there) },
  };
  const wire = wireOf(here);
  const session = await here.call("there");
  const ends = [await session.ended, await line.answered[0]!.ended];
  await line.close();
  expect(ends).toEqual(NORMAL_ENDS);
  expect(line.answered).toHaveLength(1);
  return { pair, session, files, heard, wire };
}

const problemsOf = (station: OftpStation) => ({
  problems: [
    eventsOf(station, "fileRefused"),
    eventsOf(station, "receiveRefused"),
    eventsOf(station, "fileInterrupted"),
    eventsOf(station, "endResponseInvalid"),
  ],
});

type Run = Awaited<ReturnType<typeof bothWays>>;

/** What must have come of it. */
async function expectAllDone(
  { pair, files, heard }: Run,
  security: PartnerSecurity,
  identities: Record<Side, TestIdentity> = rsa,
): Promise<void> {
  for (const [from, to] of [
    ["here", "there"],
    ["there", "here"],
  ] as const) {
    const sent = files[from];
    expect(await hashesIn(pair.inbox(to))).toEqual(hashesOf(sent));
    expect(heard[from].responses).toEqual(sent.map(({ queued }) => `EERP ${queued.datasetName}`));
    expect(heard[from].problems.flat()).toEqual([]);
    expect(await pair[from].queued(to)).toEqual([]);
    expect((await pair[from].sent()).map(({ state }) => state)).toEqual(sent.map(() => "acknowledged"));
    const signer = security.sign === true ? identities[from].certificate.thumbprint("sha256") : undefined;
    expect(heard[to].received.map(({ file }) => file.security)).toEqual(
      sent.map(() => ({
        encrypted: security.encrypt === true,
        compressed: security.compress === true,
        signer,
        signedReceipt: security.signedReceipt === true,
      })),
    );
  }
  expect(await pair.leftovers()).toEqual([]);
}

/** What SFID, EFID and EERP must say of the files of one direction. */
function expectOnWire(
  wire: Wire,
  direction: "sent" | "received",
  files: readonly FileOnItsWay[],
  security: PartnerSecurity,
  receiptHash = "sha256",
): void {
  const {
    sign = false,
    encrypt = false,
    compress = false,
    signedReceipt = false,
    cipherSuite = 4,
  } = security;
  const enveloped = sign || encrypt || compress;
  const usesSuite = sign || encrypt || signedReceipt;
  expect(wire.of(direction, "SFID").map(fieldsOf)).toEqual(
    files.map(({ queued: { datasetName, format }, transmitted, originalBlocks }) => ({
      datasetName,
      format,
      securityLevel: (encrypt ? 1 : 0) + (sign ? 2 : 0),
      cipherSuite: usesSuite ? cipherSuite : 0,
      compression: compress ? 1 : 0,
      envelope: enveloped ? 1 : 0,
      signedReceipt,
      fileSize: Math.ceil(transmitted.length / 1024),
      originalFileSize: originalBlocks,
    })),
  );
  expect(wire.of(direction, "EFID").map(({ unitCount }) => unitCount)).toEqual(
    files.map(({ transmitted }) => transmitted.length),
  );
  const back = direction === "sent" ? "received" : "sent";
  const responses = wire.of(back, "EERP");
  expect(responses.map(({ hash }) => Buffer.from(hash).toString("hex"))).toEqual(
    files.map(({ transmitted }) =>
      signedReceipt ? createHash(receiptHash).update(transmitted).digest("hex") : "",
    ),
  );
  expect(responses.map(({ signature }) => signature.length > 0)).toEqual(files.map(() => signedReceipt));
}

function fieldsOf(sfid: Sfid) {
  const { format, securityLevel, cipherSuite, compression, envelope, signedReceipt } = sfid;
  const { fileSize, originalFileSize } = sfid;
  const datasetName = sfid.datasetName.trimEnd();
  return {
    ...{ datasetName, format, securityLevel, cipherSuite, compression, envelope, signedReceipt },
    ...{ fileSize, originalFileSize },
  };
}

/** Whether the session was authenticated. */
function expectAuthentication({ wire, session }: Run, wanted: boolean): void {
  expect(session.negotiated).toMatchObject({ level: 5, authentication: wanted });
  const flags = [...wire.of("sent", "SSID"), ...wire.of("received", "SSID")];
  expect(flags.map(({ authentication }) => authentication)).toEqual([wanted, wanted]);
  expect(authenticationIn(wire)).toEqual(wanted ? AUTHENTICATION : []);
}

const MEANS = ["sign", "encrypt", "compress", "signedReceipt", "secureAuthentication"] as const;

const cases = (["plain", "TLS"] as const).flatMap((transport) =>
  Array.from({ length: 2 ** MEANS.length }, (_, bits) => {
    const chosen = MEANS.filter((_means, index) => (bits & (1 << index)) !== 0);
    return [transport, chosen.length === 0 ? "nothing" : chosen.join(", "), chosen] as const;
  }),
);

describe("files of all formats both ways in one session", () => {
  test.each(cases)("%s: %s", async (transport, _text, chosen) => {
    const has = (means: (typeof MEANS)[number]) => chosen.includes(means);
    const security: PartnerSecurity = {
      sign: has("sign"),
      encrypt: has("encrypt"),
      compress: has("compress"),
      signedReceipt: has("signedReceipt"),
    };
    const authentication = has("secureAuthentication");
    const done = await bothWays({ security, authentication, transport });

    await expectAllDone(done, security);
    expectOnWire(done.wire, "sent", done.files.here, security);
    expectOnWire(done.wire, "received", done.files.there, security);
    expectAuthentication(done, authentication);
  });
});

const EVERYTHING = { sign: true, encrypt: true, compress: true, signedReceipt: true } as const;

describe("everything at once", () => {
  test("with EC keys on both sides", async () => {
    const done = await bothWays({ security: EVERYTHING, authentication: true, identities: ec });
    await expectAllDone(done, EVERYTHING, ec);
    expectOnWire(done.wire, "sent", done.files.here, EVERYTHING);
    expectOnWire(done.wire, "received", done.files.there, EVERYTHING);
    expectAuthentication(done, true);
  });

  test("with an RSA key here and an EC key there", async () => {
    const identities = { here: rsa.here, there: ec.there };
    const done = await bothWays({ security: EVERYTHING, authentication: true, identities });
    await expectAllDone(done, EVERYTHING, identities);
    expectAuthentication(done, true);
  });

  test("to empty files", async () => {
    const done = await bothWays({ security: EVERYTHING, authentication: false, kinds: EMPTY_FILES });
    await expectAllDone(done, EVERYTHING);
    expectOnWire(done.wire, "sent", done.files.here, EVERYTHING);
    expectOnWire(done.wire, "received", done.files.there, EVERYTHING);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("with cipher suite %i", async (cipherSuite) => {
    const security: PartnerSecurity = { ...EVERYTHING, cipherSuite, allowWeak: cipherSuite < 3 };
    const done = await bothWays({ security, authentication: true });
    await expectAllDone(done, security);
    const { hash } = suiteNumbered(cipherSuite);
    expectOnWire(done.wire, "sent", done.files.here, security, hash);
    expectOnWire(done.wire, "received", done.files.there, security, hash);
    expectAuthentication(done, true);
  });
});

describe("signed receipts", () => {
  const hashes: readonly (readonly [ReceiptHash, number])[] = [
    ["sha1", 20],
    ["sha256", 32],
    ["sha512", 64],
    ["sha3-512", 64],
  ];
  test.each(hashes)("with the hash %s", async (receiptHash, octets) => {
    const security: PartnerSecurity = { ...EVERYTHING, receiptHash };
    const done = await bothWays({ security, authentication: false });
    await expectAllDone(done, security);
    expectOnWire(done.wire, "sent", done.files.here, security, receiptHash);
    expect(done.wire.of("received", "EERP").map(({ hash }) => hash.length)).toEqual(
      done.files.here.map(() => octets),
    );
  });

  test("a NERP is signed as well, and refuses the file", async () => {
    const done = await bothWays({
      security: EVERYTHING,
      authentication: false,
      hooks: { endResponse: () => ({ reason: 34, text: "the day is closed" }) },
    });
    const { pair, wire, files, heard } = done;
    expect(heard.here.problems.flat()).toEqual([]);
    expect(wire.of("received", "EERP")).toEqual([]);
    const nerps = wire.of("received", "NERP");
    expect(nerps.map(({ hash }) => Buffer.from(hash).toString("hex"))).toEqual(
      files.here.map(({ transmitted }) => createHash("sha256").update(transmitted).digest("hex")),
    );
    for (const { signature, reason, text } of nerps) {
      expect({ signed: signature.length > 0, reason, text }).toEqual({
        signed: true,
        reason: 34,
        text: "the day is closed",
      });
    }
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(files.here.map(() => "refused"));
  });
});
