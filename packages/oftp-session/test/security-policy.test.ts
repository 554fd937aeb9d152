import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createLogger, type LogRecord } from "@waybill/net-core";
import type { Sfid } from "@waybill/oftp-codec";
import type {
  FileSecurityWishes,
  Partner,
  PartnerSecurity,
  SecurityRule,
  SecurityRules,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { TestIdentity } from "./support/identities.js";
import { identitySince } from "./support/security-identities.js";
import { certificatesOf, NORMAL_ENDS, SecurePair, type SideOptions } from "./support/security-pair.js";
import { RawSender, sealed } from "./support/security-raw.js";
import { CONTENT, expectRefusal } from "./support/security-refusals.js";
import { eventsOf, filesIn, responsesOf } from "./support/stations.js";

let root: TemporaryFolder;
let here: TestIdentity;
let there: TestIdentity;
let expired: TestIdentity;
let run = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-security-policy-");
  [here, there, expired] = await Promise.all([
    identitySince("here", 30),
    identitySince("there", 30),
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

describe("what a partner's files must be and must not be", () => {
  const rules: readonly [keyof SecurityRules, SecurityRule, number, string][] = [
    ["encrypt", "forbidden", 16, "encrypted files are not accepted"],
    ["encrypt", "required", 17, "files that are not encrypted are not accepted"],
    ["compress", "forbidden", 18, "compressed files are not accepted"],
    ["compress", "required", 99, "files that are not compressed are not accepted"],
    ["sign", "forbidden", 19, "signed files are not accepted"],
    ["sign", "required", 20, "files that are not signed are not accepted"],
    ["signedReceipt", "forbidden", 99, "files that ask for a signed receipt are not accepted"],
    ["signedReceipt", "required", 99, "files that do not ask for a signed receipt are not accepted"],
  ];
  test.each(rules)("%s %s: reason %i", async (what, rule, reason, text) => {
    const pair = await pairOf({
      there: { entry: { security: { require: { incoming: { [what]: rule } } } } },
    });
    const isRequired = rule === "required";
    await expectRefusal(pair, { [what]: !isRequired }, { [what]: isRequired }, { reason, text });
  });

  test("all that is required, and nothing that is forbidden, is accepted", async () => {
    const incoming: SecurityRules = {
      sign: "required",
      encrypt: "required",
      signedReceipt: "required",
      compress: "forbidden",
    };
    const pair = await pairOf({ there: { entry: { security: { require: { incoming } } } } });
    const good = { sign: true, encrypt: true, signedReceipt: true };
    // Each of these breaks another rule as well.
    const text = /are not accepted$/;
    await expectRefusal(pair, { ...good, compress: true }, good, { reason: 18, text });
  });

  test("a rule is of the file that is offered: the partner's entry is asked anew for each session", async () => {
    const pair = await pairOf();
    const refused = eventsOf(pair.here, "fileRefused");
    await pair.send("here", "BEFORE", CONTENT);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    pair.change("there", { security: { require: { incoming: { sign: "required" } } } });
    await pair.send("here", "AFTER", CONTENT);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(refused.map(({ refusal }) => refusal.reason)).toEqual([20]);
    expect(Object.keys(await filesIn(pair.inbox("there")))).toEqual(["BEFORE"]);
  });
});

describe("what a station has no means for", () => {
  test("encrypted files without a key: reason 16", async () => {
    const pair = await pairOf({ there: { identities: [] } });
    const text = "encrypted files (there is no key for them) are not accepted";
    await expectRefusal(pair, { encrypt: true }, { sign: true }, { reason: 16, text });
  });

  test("signed files without a certificate of the partner: reason 19", async () => {
    const pair = await pairOf({ there: { entry: certificatesOf() } });
    const text = "signed files (no certificate of yours is known) are not accepted";
    await expectRefusal(pair, { sign: true }, { encrypt: true }, { reason: 19, text });
  });

  test("a signed receipt without a key: reason 99", async () => {
    const pair = await pairOf({ there: { identities: [] } });
    const text = "files that ask for a signed receipt (there is no key for it) are not accepted";
    await expectRefusal(pair, { signedReceipt: true }, { sign: true }, { reason: 99, text });
  });

  test.each(["encryption", "receipts"] as const)("a key that is not for %s", async (purpose) => {
    const pair = await pairOf({
      there: { identities: [{ ...there, purposes: ["signing", "authentication"] }] },
    });
    const bad = purpose === "encryption" ? { encrypt: true } : { signedReceipt: true };
    await expectRefusal(
      pair,
      bad,
      {},
      { reason: purpose === "encryption" ? 16 : 99, text: /there is no key/ },
    );
  });
});

describe("cipher suites", () => {
  const weak: readonly (readonly [number, FileSecurityWishes])[] = [
    [1, { sign: true }],
    [2, { encrypt: true }],
    [1, { signedReceipt: true }],
    [2, { sign: true, encrypt: true, signedReceipt: true }],
  ];
  test.each(weak)("the weak suite %i is refused with reason 15: %j", async (cipherSuite, wishes) => {
    const pair = await pairOf({ here: { entry: { security: { allowWeak: true } } } });
    const text = `the cipher suite 0${cipherSuite} is too weak`;
    await expectRefusal(pair, { ...wishes, cipherSuite }, wishes, { reason: 15, text });
  });

  test.each([1, 2])("the weak suite %i where both sides allow it: with a warning", async (cipherSuite) => {
    const logs: Record<string, LogRecord[]> = { here: [], there: [] };
    const side = (name: string): SideOptions => ({
      logger: createLogger("warn", (record) => logs[name]!.push(record)),
      entry: { security: { allowWeak: true } },
    });
    const pair = await pairOf({ here: side("here"), there: side("there") });
    const responses = responsesOf(pair.here);
    await pair.send("here", "OLD", CONTENT, { security: { sign: true, signedReceipt: true, cipherSuite } });
    await pair.send("here", "NEW", CONTENT, { security: { sign: true, signedReceipt: true } });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(responses).toEqual(["EERP OLD", "EERP NEW"]);
    const about = (name: string) => logs[name]!.map(({ message }) => message);
    // Each signs once and verifies once.
    for (const name of ["here", "there"]) {
      expect(about(name)).toEqual([expect.stringContaining("SHA-1"), expect.stringContaining("SHA-1")]);
    }
  });

  test.each([0, 11, 99])("the suite %i, which does not exist: reason 15", async (cipherSuite) => {
    const { pair, sender } = await rawSender();
    const message = await sealed(Buffer.from(CONTENT), { sign: { signers: [here] } });
    const bad: Partial<Sfid> = { securityLevel: 2, envelope: 1, cipherSuite, originalFileSize: 7 };
    expect(await sender.send({ datasetName: "BAD", ...bad }, message)).toMatchObject({
      kind: "SFNA",
      reason: 15,
      retry: false,
    });
    expect(await sender.send({ datasetName: "GOOD", ...bad, cipherSuite: 4 }, message)).toMatchObject({
      kind: "EFPA",
    });
    await sender.close();
    expect(await filesIn(pair.inbox("there"))).toEqual({ GOOD: CONTENT });
  });

  test("a signature with SHA-1 under the name of a suite that is not weak: reason 21", async () => {
    const { pair, sender } = await rawSender();
    const message = await sealed(Buffer.from(CONTENT), {
      sign: { signers: [here], hash: "sha1" },
      allowWeak: true,
    });
    expect(
      await sender.send({ securityLevel: 2, envelope: 1, cipherSuite: 4, originalFileSize: 7 }, message),
    ).toMatchObject({
      kind: "EFNA",
      reason: 21,
    });
    await sender.close();
    expect(await filesIn(pair.inbox("there"))).toEqual({});
  });
});

/** A partner that sends what it likes, known to `there` as `here`. */
async function rawSender(more: SideOptions = {}) {
  const pair = await pairOf({ there: more });
  return { pair, sender: await RawSender.call("here", pair.there, "there") };
}

describe("what may be sent to a partner", () => {
  const what: readonly (keyof SecurityRules)[] = ["sign", "encrypt", "compress", "signedReceipt"];
  const rules = what.flatMap((each) =>
    (["required", "forbidden"] as const).map((rule) => [each, rule] as const),
  );
  test.each(rules)("%s %s", async (each, rule) => {
    const pair = await pairOf({
      here: { entry: { security: { require: { outgoing: { [each]: rule } } } } },
    });
    const isRequired = rule === "required";
    await expect(
      pair.send("here", "WRONG", "x", { security: { [each]: !isRequired } }),
    ).rejects.toMatchObject({
      code: "ERR_OFTP_SECURITY_POLICY",
      details: { what: each, rule },
    });
    await pair.send("here", "RIGHT", "x", { security: { [each]: isRequired } });
    await pair.send("here", "NO.WISH", "x");
    const security = (await pair.here.queued("there")).map((queued) => [queued.datasetName, queued.security]);
    // What is required is done without being wished for.
    expect(security.map(([name]) => name)).toEqual(["RIGHT", "NO.WISH"]);
    expect(security[0]![1]).toEqual(security[1]![1]);
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged", "acknowledged"]);
  });

  test("a weak suite that the entry does not allow", async () => {
    const pair = await pairOf();
    for (const cipherSuite of [1, 2]) {
      const sent = pair.send("here", "OLD", "x", { security: { sign: true, cipherSuite } });
      await expect(sent).rejects.toMatchObject({ code: "ERR_OFTP_SECURITY_POLICY" });
    }
    expect(await pair.here.queued("there")).toEqual([]);
  });

  const missing: readonly [string, FileSecurityWishes, () => SideOptions][] = [
    ["no own key", { sign: true }, () => ({ identities: [] })],
    ["an own certificate that has expired", { sign: true }, () => ({ identities: [expired] })],
    ["no certificate of the partner", { encrypt: true }, () => ({ entry: certificatesOf() })],
    ["an expired one of the partner", { encrypt: true }, () => ({ entry: certificatesOf(expired) })],
    ["no certificate for the receipt", { signedReceipt: true }, () => ({ entry: certificatesOf() })],
    [
      "a certificate that is for something else",
      { encrypt: true },
      () => ({ entry: { certificates: [{ certificate: there.certificate, purposes: ["signing"] }] } }),
    ],
    [
      "a certificate that the application does not trust",
      { encrypt: true },
      () => ({ hooks: { trustCertificate: () => false } }),
    ],
  ];
  test.each(missing)("with %s: %j", async (_what, security, more) => {
    const pair = await pairOf({ here: more() });
    await expect(pair.send("here", "SECRET", "x", { security })).rejects.toMatchObject({
      code: "ERR_OFTP_CERTIFICATE",
    });
    expect(await pair.here.queued("there")).toEqual([]);
    expect(await pair.leftovers()).toEqual([]);
  });

  test.each([
    ["sign", { sign: true }],
    ["encrypt", { encrypt: true }],
    ["compress", { compress: true }],
    ["signedReceipt", { signedReceipt: true }],
  ] as const)(
    "nothing secured in a session of level 4, but later in one of level 5: %s",
    async (_what, wishes) => {
      const pair = await pairOf({ there: { entry: { level: 4 } } });
      const interrupted = eventsOf(pair.here, "fileInterrupted");
      await pair.send("here", "SECRET", CONTENT, { security: wishes });
      await pair.send("here", "OPEN", CONTENT, { security: {} });
      expect(await pair.exchange()).toEqual(NORMAL_ENDS);
      expect(interrupted).toMatchObject([
        { file: { datasetName: "SECRET" }, error: { code: "ERR_OFTP_SECURITY_LEVEL" }, dropped: false },
      ]);
      expect(Object.keys(await filesIn(pair.inbox("there")))).toEqual(["OPEN"]);
      expect((await pair.here.queued("there")).map(({ datasetName }) => datasetName)).toEqual(["SECRET"]);

      pair.change("there", { level: 5 });
      expect(await pair.exchange()).toEqual(NORMAL_ENDS);
      expect(await filesIn(pair.inbox("there"))).toEqual({ OPEN: CONTENT, SECRET: CONTENT });
      expect((await pair.here.sent()).map(({ state }) => state)).toEqual(["acknowledged", "acknowledged"]);
      expect(await pair.leftovers()).toEqual([]);
    },
  );

  test("what the entry does not allow any more waits until it does again", async () => {
    const weak: Partner["security"] = { allowWeak: true };
    const pair = await pairOf({ here: { entry: { security: weak } }, there: { entry: { security: weak } } });
    const interrupted = eventsOf(pair.here, "fileInterrupted");
    await pair.send("here", "OLD", CONTENT, { security: { sign: true, cipherSuite: 1 } });
    pair.change("here", { security: {} satisfies PartnerSecurity });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(interrupted).toMatchObject([{ error: { code: "ERR_OFTP_SECURITY_POLICY" }, dropped: false }]);
    expect(await filesIn(pair.inbox("there"))).toEqual({});
    pair.change("here", { security: weak });
    expect(await pair.exchange()).toEqual(NORMAL_ENDS);
    expect(await filesIn(pair.inbox("there"))).toEqual({ OLD: CONTENT });
  });
});
