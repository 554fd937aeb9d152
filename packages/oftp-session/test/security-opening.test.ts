import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { SealOptions } from "@waybill/cms-security";
import type { Sfid } from "@waybill/oftp-codec";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { TestIdentity } from "./support/identities.js";
import { daysAgo, identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type SideOptions } from "./support/security-pair.js";
import { RawSender, sealed } from "./support/security-raw.js";
import { CONTENT, expectRefusal } from "./support/security-refusals.js";
import { eventsOf, filesIn } from "./support/stations.js";

let root: TemporaryFolder;
let here: TestIdentity;
let there: TestIdentity;
let stranger: TestIdentity;
let expired: TestIdentity;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-security-opening-");
  [here, there, stranger, expired] = await Promise.all([
    identitySince("here", 30),
    identitySince("there", 30),
    // Of the same name as the partner: a certificate is known by more.
    identitySince("here", 30),
    identitySince("here", 20, 10),
  ]);
});
afterAll(() => root.remove());
beforeEach(() => {
  run += 1;
});

/** Two stations that know each other's certificates. */
function pairOf(options: { here?: SideOptions; there?: SideOptions } = {}): Promise<SecurePair> {
  return SecurePair.known(join(root.path, String(run)), { here, there }, options);
}

/** A partner that sends what it likes, known to `there` as `here`. */
async function rawSender(more: SideOptions = {}) {
  const pair = await pairOf({ there: more });
  return { pair, sender: await RawSender.call("here", pair.there, "there") };
}

describe("signatures that do not hold: reason 21", () => {
  const cases: readonly (readonly [string, () => { here?: SideOptions; there?: SideOptions }, RegExp])[] = [
    [
      "by a key that is not the partner's",
      () => ({ here: { identities: [stranger] } }),
      /none of the expected/,
    ],
    [
      "by a certificate that has expired",
      () => ({
        here: { identities: [expired], now: () => daysAgo(15) },
        there: { entry: certificatesOf(here, expired) },
      }),
      /valid/,
    ],
    [
      "by a certificate that the application does not trust",
      () => ({ there: { hooks: { trustCertificate: ({ purpose }) => purpose !== "signing" } } }),
      /not accepted/,
    ],
    [
      "by a certificate of the partner's that is for something else",
      () => ({
        there: {
          entry: {
            certificates: [
              { certificate: here.certificate, purposes: ["receipts"] },
              { certificate: stranger.certificate, purposes: ["signing"] },
            ],
          },
        },
      }),
      /none of the expected/,
    ],
  ];
  test.each(cases)("%s", async (_what, options, text) => {
    const pair = await pairOf(options());
    const refusal = { command: "EFNA", reason: 21, text } as const;
    await expectRefusal(pair, { sign: true, encrypt: true }, { encrypt: true }, refusal);
  });
});

describe("encryption for somebody else: reason 22", () => {
  test("and nobody is told whose key would have been the right one", async () => {
    const pair = await pairOf({ here: { entry: certificatesOf(stranger) } });
    const refusal = { command: "EFNA", reason: 22, text: "the file cannot be decrypted" } as const;
    await expectRefusal(pair, { encrypt: true }, { sign: true }, refusal);
  });
});

describe("messages that are not what they are said to be, or damaged", () => {
  const SIGNED = (): SealOptions => ({ sign: { signers: [here] } });
  const ENCRYPTED = (): SealOptions => ({ encrypt: { recipients: [there.certificate] } });
  const COMPRESSED = (): SealOptions => ({ compress: true });
  const ALL = (): SealOptions => ({ ...SIGNED(), ...COMPRESSED(), ...ENCRYPTED() });
  const signed = { securityLevel: 2, cipherSuite: 4 } as const;
  const encrypted = { securityLevel: 1, cipherSuite: 4 } as const;
  const both = { securityLevel: 3, cipherSuite: 4 } as const;
  const compressed = { compression: 1 } as const;
  const whole = (message: Buffer) => message;
  const flipped = (at: number) => (message: Buffer) => {
    const copy = Buffer.from(message);
    const place = at < 0 ? message.length + at : Math.floor(message.length * at);
    copy[place] = copy[place]! ^ 0x55;
    return copy;
  };
  const cut = (message: Buffer) => message.subarray(0, message.length - 40);

  const cases: readonly [string, () => SealOptions, Partial<Sfid>, (message: Buffer) => Buffer, number][] = [
    ["said to be signed, and only compressed", COMPRESSED, { ...signed, ...compressed }, whole, 20],
    ["said to be signed, and in an envelope only", () => ({}), signed, whole, 20],
    ["said to be signed, and only encrypted", ENCRYPTED, signed, whole, 20],
    // What a wrong key makes of it looks the same.
    ["said to be signed and encrypted, and only encrypted", ENCRYPTED, both, whole, 22],
    ["said to be encrypted, and only signed", SIGNED, encrypted, whole, 17],
    ["said to be signed and encrypted, and only signed", SIGNED, both, whole, 17],
    ["said to be encrypted, and in an envelope only", () => ({}), encrypted, whole, 17],
    ["said to be signed and compressed, and only signed", SIGNED, { ...signed, ...compressed }, whole, 23],
    ["said to be compressed, and only signed", SIGNED, compressed, whole, 19],
    ["said to be in an envelope only, and encrypted", ENCRYPTED, {}, whole, 16],
    ["said to be in an envelope only, and compressed", COMPRESSED, {}, whole, 18],
    ["said to be in an envelope only, and signed", SIGNED, {}, whole, 19],
    ["encrypted, with another last block", ENCRYPTED, encrypted, flipped(-1), 22],
    ["encrypted, cut off", ENCRYPTED, encrypted, cut, 22],
    ["all, cut off", ALL, { ...both, ...compressed }, cut, 22],
    ["compressed, with other octets in the middle", COMPRESSED, compressed, flipped(0.5), 23],
    ["compressed, cut off", COMPRESSED, compressed, cut, 23],
    ["signed, with other content", SIGNED, signed, flipped(0.5), 21],
    ["signed, with another signature", SIGNED, signed, flipped(-8), 21],
    ["signed, cut off", SIGNED, signed, cut, 21],
    ["nothing that is a message", SIGNED, signed, () => randomBytes(3000), 21],
    [
      "nothing that is a message, said to be encrypted",
      SIGNED,
      encrypted,
      () => Buffer.from("plain text"),
      22,
    ],
    ["empty", ENCRYPTED, encrypted, () => Buffer.alloc(0), 22],
  ];
  test.each(cases)("%s", async (_what, layers, sfid, damage, reason) => {
    const { pair, sender } = await rawSender();
    const told = eventsOf(pair.there, "receiveRefused");
    // What does not compress: so that there is something in the middle.
    const content = randomBytes(3000);
    const message = damage(await sealed(content, layers()));
    const bad = { datasetName: "BAD", envelope: 1, originalFileSize: 3, ...sfid } as const;
    const answer = await sender.send(bad, message);
    expect(answer).toMatchObject({ kind: "EFNA", reason });
    const text = (answer as { text: string }).text;
    // One text for all that is wrong with encryption.
    if (reason === 22) expect(text).toBe("the file cannot be decrypted");
    else expect(text).not.toBe("");
    expect(told.map((event) => [event.reason, event.text])).toEqual([[reason, text]]);
    expect(await filesIn(pair.inbox("there"))).toEqual({});
    expect(await pair.leftovers()).toEqual([]);

    const all = { ...both, ...compressed, envelope: 1, originalFileSize: 7 } as const;
    const good = await sealed(Buffer.from(CONTENT), ALL());
    expect(await sender.send({ datasetName: "GOOD", ...all }, good)).toMatchObject({ kind: "EFPA" });
    await sender.close();
    expect(await filesIn(pair.inbox("there"))).toEqual({ GOOD: CONTENT });
    expect(await pair.leftovers()).toEqual([]);
  });
});

describe("how large a file may become", () => {
  const MIB = 1024 * 1024;
  const zeros = (octets: number) => sealed(Buffer.alloc(octets), { compress: true });
  const offer: Partial<Sfid> = { datasetName: "BOMB", envelope: 1, compression: 1 };

  const cases: readonly [string, number, number, SideOptions, object][] = [
    ["as much as was announced", 4096, 4, {}, { kind: "EFPA" }],
    ["more than was announced", 4097, 4, {}, { kind: "EFNA", reason: 23 }],
    ["much more than was announced", 4 * MIB, 1, {}, { kind: "EFNA", reason: 23 }],
    ["very regular, with a size that was announced", 3 * MIB, 3072, {}, { kind: "EFPA" }],
    ["very regular, without one", 3 * MIB, 0, {}, { kind: "EFNA", reason: 23 }],
    ["the station's ratio", 3 * MIB, 3072, { maxCompressionRatio: 200 }, { kind: "EFNA", reason: 23 }],
    ["a ratio that is allowed", 3 * MIB, 0, { maxCompressionRatio: 2000 }, { kind: "EFPA" }],
    ["the most that the station takes", 4096, 4, { maxFileSize: 4096 }, { kind: "EFPA" }],
    ["more than the station takes", 4097, 5, { maxFileSize: 4096 }, { kind: "EFNA", reason: 6 }],
  ];
  test.each(cases)("%s", async (_what, octets, originalFileSize, more, answer) => {
    const { pair, sender } = await rawSender(more);
    const told = eventsOf(pair.there, "receiveRefused");
    expect(await sender.send({ ...offer, originalFileSize }, await zeros(octets))).toMatchObject(answer);
    await sender.close();
    const isTaken = "reason" in answer === false;
    expect(Object.values(await filesIn(pair.inbox("there"))).map(({ length }) => length)).toEqual(
      isTaken ? [octets] : [],
    );
    expect(told).toHaveLength(isTaken ? 0 : 1);
    expect(await pair.leftovers()).toEqual([]);
  });

  test("between stations: the partner hears why", async () => {
    const pair = await pairOf({ there: { maxFileSize: 5000 } });
    const wishes = { compress: true, encrypt: true };
    const refused = eventsOf(pair.here, "fileRefused");
    await pair.send("here", "LARGE", "x".repeat(20_000), { security: wishes });
    await pair.send("here", "SMALL", "x".repeat(5000), { security: wishes });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(refused.map(({ refusal }) => refusal)).toEqual([
      { command: "EFNA", reason: 6, retry: false, text: "at most 5000 octets are accepted" },
    ]);
    expect(await filesIn(pair.inbox("there"))).toEqual({ SMALL: "x".repeat(5000) });
  });
});
