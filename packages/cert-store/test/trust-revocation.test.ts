import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import {
  type RevocationOptions,
  revocationSource,
  type TrustFailure,
  verifyCertificate,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { AUTHORITY, type Entity, type OcspOptions, TestPki } from "./trust-pki.js";
import { TestServer } from "./trust-server.js";

const HOUR = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR);
const written = (failures: readonly TrustFailure[]) =>
  failures.map(({ step, code, depth }) => `${depth} ${step} ${code}`);

const RESPONDER = ["extendedKeyUsage=OCSPSigning", "keyUsage=digitalSignature"];
const IDP = "issuingDistributionPoint=critical,@idp";

async function makePki(pki: TestPki, server: TestServer) {
  const addresses = [
    `crlDistributionPoints=URI:${server.url("/crl")}`,
    `authorityInfoAccess=OCSP;URI:${server.url("/ocsp")}`,
  ];
  const upper = `crlDistributionPoints=URI:${server.url("/upper-crl")}`;
  const root = await pki.authority("root", undefined);
  const policy = await pki.authority("policy", root);
  const issuing = await pki.authority("issuing", policy, { extensions: [...AUTHORITY, upper] });
  const [leaf, revoked, held, nowhere, ldap, stranger, responder, pretender, noSign, impostor] =
    await Promise.all([
      pki.issue("leaf", { issuer: issuing, extensions: addresses }),
      pki.issue("revoked", { issuer: issuing, extensions: addresses }),
      pki.issue("held", { issuer: issuing, extensions: addresses }),
      pki.issue("nowhere", { issuer: issuing }),
      pki.issue("ldap", { issuer: issuing, extensions: ["crlDistributionPoints=URI:ldap://127.0.0.1/cn=x"] }),
      pki.authority("stranger", undefined),
      pki.issue("responder", { issuer: issuing, extensions: RESPONDER }),
      pki.issue("pretender", { issuer: issuing }),
      pki.authority("noSign", policy, {
        extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"],
      }),
      pki.authority("impostor", undefined, { subject: "/O=Waybill Test/CN=issuing" }),
    ]);
  const [strangerResponder, shortResponder, belowNoSign] = await Promise.all([
    pki.issue("strangerResponder", { issuer: stranger, extensions: RESPONDER }),
    pki.issue("shortResponder", { issuer: issuing, extensions: RESPONDER, days: 1 }),
    pki.issue("belowNoSign", { issuer: noSign, extensions: addresses }),
  ]);
  const all = { root, policy, issuing, leaf, revoked, held, nowhere, ldap, stranger, responder, pretender };
  return { ...all, noSign, impostor, strangerResponder, shortResponder, belowNoSign };
}
type Entities = Awaited<ReturnType<typeof makePki>>;

async function makeCrls(pki: TestPki, entities: Entities, server: TestServer) {
  const { issuing, policy, stranger, revoked, held, noSign, impostor } = entities;
  const listed = [
    [revoked, "keyCompromise"],
    [held, "certificateHold"],
  ] as const;
  const scoped = (...idp: string[]) =>
    pki.crl({
      issuer: issuing,
      extensions: [IDP],
      sections: ["[idp]", ...idp, "[named]", `fullname=URI:${server.url("/crl")}`],
    });
  const [good, short, forged, foreign, unsigned, sha1, upper, upperRevoked, future] = await Promise.all([
    pki.crl({ issuer: issuing, revoked: listed }),
    pki.crl({ issuer: issuing, revoked: listed, hours: 1 }),
    pki.crl({ issuer: impostor }),
    pki.crl({ issuer: stranger }),
    pki.crl({ issuer: noSign }),
    pki.crl({ issuer: issuing, digest: "sha1" }),
    pki.crl({ issuer: policy }),
    pki.crl({ issuer: policy, revoked: [[issuing, "cACompromise"]] }),
    pki.crl({ issuer: issuing, times: [inHours(2), inHours(4)] }),
  ]);
  const [
    authoritiesOnly,
    usersOnly,
    indirect,
    someReasons,
    someReasonsRevoked,
    elsewhere,
    here,
    delta,
    critical,
    removed,
    noReason,
  ] = await Promise.all([
    scoped("onlyCA=TRUE"),
    scoped("onlyuser=TRUE"),
    scoped("indirectCRL=TRUE"),
    scoped("onlysomereasons=keyCompromise"),
    pki.crl({
      issuer: issuing,
      revoked: listed,
      extensions: [IDP],
      sections: ["[idp]", "onlysomereasons=keyCompromise"],
    }),
    scoped("fullname=URI:http://example.com/other.crl"),
    scoped(`fullname=URI:${server.url("/crl")}`),
    pki.crl({
      issuer: issuing,
      extensions: ["deltaCRL=critical,ASN1:INTEGER:1"].map((line) => line.replace("deltaCRL", "2.5.29.27")),
    }),
    pki.crl({ issuer: issuing, extensions: ["1.3.6.1.4.1.99999.1=critical,ASN1:NULL"] }),
    pki.crl({ issuer: issuing, revoked: [[revoked, "removeFromCRL"]] }),
    pki.crl({ issuer: issuing, revoked: [[revoked, ""]] }),
  ]);
  const lists = {
    good,
    future,
    short,
    forged,
    foreign,
    unsigned,
    sha1,
    upper,
    upperRevoked,
    authoritiesOnly,
    usersOnly,
    indirect,
  };
  return { ...lists, someReasons, someReasonsRevoked, elsewhere, here, delta, critical, removed, noReason };
}
type Crls = Awaited<ReturnType<typeof makeCrls>>;

/** One certificate, what the server has for it, and what comes of it. */
interface Case {
  /** Default `leaf`. */
  readonly leaf?: keyof Entities;
  /** At the address of the certificate's CRL; a string is served as it is. */
  readonly crl?: keyof Crls | { readonly text: string };
  /** Who answers to OCSP requests, and how. */
  readonly ocsp?: Partial<Record<"signer" | "issuer", keyof Entities>> & {
    readonly minutes?: number;
    readonly knowsNobody?: boolean;
  };
  readonly ocspBytes?: Uint8Array;
  readonly extraCrls?: readonly (keyof Crls)[];
  readonly options: RevocationOptions;
  readonly at?: Date;
  readonly fails?: readonly string[];
  readonly warns?: readonly string[];
}

const crlHard = { crl: "hard", scope: "leaf" } as const;
const crlSoft = { crl: "soft", scope: "leaf" } as const;
const ocspHard = { ocsp: "hard", scope: "leaf" } as const;
const ocspSoft = { ocsp: "soft", scope: "leaf" } as const;

const CASES: Readonly<Record<string, Case>> = {
  "not in the CRL": { crl: "good", options: crlHard },
  "in the CRL": { leaf: "revoked", crl: "good", options: crlHard, fails: ["0 revoked ERR_TRUST_REVOKED"] },
  "in the CRL, asked softly": {
    leaf: "revoked",
    crl: "good",
    options: crlSoft,
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
  "on hold": { leaf: "held", crl: "good", options: crlHard, fails: ["0 revoked ERR_TRUST_ON_HOLD"] },
  "in the CRL without a reason": {
    leaf: "revoked",
    crl: "noReason",
    options: crlHard,
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
  "removed from the CRL": { leaf: "revoked", crl: "removed", options: crlHard },
  "a CRL that expired": {
    crl: "short",
    options: crlHard,
    at: inHours(2),
    fails: ["0 crl ERR_TRUST_CRL_STALE"],
  },
  "a CRL that expired, softly": {
    crl: "short",
    options: crlSoft,
    at: inHours(2),
    warns: ["0 crl ERR_TRUST_CRL_STALE"],
  },
  "in a CRL that expired": {
    leaf: "revoked",
    crl: "short",
    options: crlHard,
    at: inHours(2),
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
  "on hold in a CRL that expired": {
    leaf: "held",
    crl: "short",
    options: crlHard,
    at: inHours(2),
    fails: ["0 crl ERR_TRUST_CRL_STALE"],
  },
  "a CRL above the maximum age": {
    crl: "good",
    options: { ...crlHard, maxAgeMs: HOUR },
    at: inHours(2),
    fails: ["0 crl ERR_TRUST_CRL_STALE"],
  },
  "a CRL from the future": { crl: "future", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_STALE"] },
  "a CRL from the future, with clocks that differ that much": {
    crl: "future",
    options: { ...crlHard, clockSkewMs: 3 * HOUR },
  },
  "a CRL signed by another key": {
    crl: "forged",
    options: crlHard,
    fails: ["0 crl ERR_TRUST_CRL_SIGNATURE"],
  },
  "a CRL of another authority": { crl: "foreign", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SCOPE"] },
  "an authority that may not sign CRLs": {
    leaf: "belowNoSign",
    crl: "unsigned",
    options: crlHard,
    fails: ["0 crl ERR_TRUST_CRL_SIGNATURE"],
  },
  "a CRL signed with SHA-1": { crl: "sha1", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SIGNATURE"] },
  "a CRL of authorities": { crl: "authoritiesOnly", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SCOPE"] },
  "a CRL of users": { crl: "usersOnly", options: crlHard },
  "an indirect CRL": { crl: "indirect", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SCOPE"] },
  "a delta CRL": { crl: "delta", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SCOPE"] },
  "a CRL of some reasons": { crl: "someReasons", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_SCOPE"] },
  "in a CRL of some reasons": {
    leaf: "revoked",
    crl: "someReasonsRevoked",
    options: crlHard,
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
  "a CRL of another distribution point": {
    crl: "elsewhere",
    options: crlHard,
    fails: ["0 crl ERR_TRUST_CRL_SCOPE"],
  },
  "a CRL that names its distribution point": { crl: "here", options: crlHard },
  "a CRL with a critical extension that is not known": {
    crl: "critical",
    options: crlHard,
    fails: ["0 crl ERR_TRUST_CRL_SCOPE"],
  },
  "a page instead of the CRL": {
    crl: { text: "<html>Please log in</html>" },
    options: crlHard,
    fails: ["0 crl ERR_TRUST_CRL_DAMAGED"],
  },
  "no CRL at its address": { options: crlHard, fails: ["0 crl ERR_TRUST_CRL_UNAVAILABLE"] },
  "no CRL at its address, softly": { options: crlSoft, warns: ["0 crl ERR_TRUST_CRL_UNAVAILABLE"] },
  "no address of a CRL": { leaf: "nowhere", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_NO_ADDRESS"] },
  "an address of LDAP only": { leaf: "ldap", options: crlHard, fails: ["0 crl ERR_TRUST_CRL_NO_ADDRESS"] },
  "a CRL at hand": { leaf: "nowhere", extraCrls: ["foreign", "good"], options: crlHard },
  "revoked by a CRL at hand": {
    leaf: "revoked",
    extraCrls: ["foreign", "good"],
    options: crlHard,
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
  "useless CRLs at hand": { crl: "good", extraCrls: ["foreign", "forged"], options: crlHard },
  "a revoked authority": {
    crl: "good",
    extraCrls: ["upperRevoked"],
    options: { crl: "soft" },
    warns: ["2 crl ERR_TRUST_CRL_NO_ADDRESS"],
    fails: ["1 revoked ERR_TRUST_REVOKED"],
  },
  "a revoked authority, the leaf asked only": { crl: "good", extraCrls: ["upperRevoked"], options: crlHard },
  "all off": { leaf: "revoked", crl: "good", options: {} },
  "good by OCSP": { ocsp: {}, options: ocspHard },
  "good by OCSP, asked with SHA-256": { ocsp: {}, options: { ...ocspHard, ocspHash: "sha256" } },
  "good by OCSP, with a nonce": { ocsp: {}, options: { ...ocspHard, ocspNonce: true } },
  "good by OCSP, signed by a delegate": { ocsp: { signer: "responder" }, options: ocspHard },
  "revoked by OCSP": { leaf: "revoked", ocsp: {}, options: ocspSoft, fails: ["0 revoked ERR_TRUST_REVOKED"] },
  "on hold by OCSP": { leaf: "held", ocsp: {}, options: ocspHard, fails: ["0 revoked ERR_TRUST_ON_HOLD"] },
  "unknown to the responder": {
    ocsp: { knowsNobody: true },
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_UNKNOWN"],
  },
  "unknown to the responder, softly": {
    ocsp: { knowsNobody: true },
    options: ocspSoft,
    warns: ["0 ocsp ERR_TRUST_OCSP_UNKNOWN"],
  },
  "signed by somebody whom the authority did not ask to": {
    ocsp: { signer: "pretender" },
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_RESPONDER"],
  },
  "signed by another authority's delegate": {
    ocsp: { signer: "strangerResponder" },
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_RESPONDER"],
  },
  "signed by a delegate whose certificate expired": {
    ocsp: { signer: "shortResponder", minutes: 10_000 },
    options: ocspHard,
    at: inHours(30),
    fails: ["0 ocsp ERR_TRUST_OCSP_RESPONDER"],
  },
  "an OCSP response that expired": {
    ocsp: {},
    options: ocspHard,
    at: inHours(2),
    fails: ["0 ocsp ERR_TRUST_OCSP_STALE"],
  },
  "an OCSP response above the maximum age": {
    ocsp: { minutes: 10_000 },
    options: { ...ocspHard, maxAgeMs: HOUR },
    at: inHours(2),
    fails: ["0 ocsp ERR_TRUST_OCSP_STALE"],
  },
  "a responder that says: try later": {
    ocspBytes: Buffer.from("30030a0103", "hex"),
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_REFUSED"],
  },
  "a page instead of the OCSP response": {
    ocspBytes: Buffer.from("<html>"),
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_DAMAGED"],
  },
  "no responder at its address": { options: ocspHard, fails: ["0 ocsp ERR_TRUST_OCSP_UNAVAILABLE"] },
  "no address of a responder": {
    leaf: "nowhere",
    options: ocspHard,
    fails: ["0 ocsp ERR_TRUST_OCSP_NO_ADDRESS"],
  },
  "each: the CRL is there, the responder is not": {
    crl: "good",
    options: { crl: "hard", ocsp: "hard", scope: "leaf" },
    fails: ["0 ocsp ERR_TRUST_OCSP_UNAVAILABLE"],
  },
  "either: the CRL is there, the responder is not": {
    crl: "good",
    options: { crl: "hard", ocsp: "hard", scope: "leaf", combine: "either" },
    warns: ["0 ocsp ERR_TRUST_OCSP_UNAVAILABLE"],
  },
  "either: neither is there": {
    options: { crl: "hard", ocsp: "hard", scope: "leaf", combine: "either" },
    fails: ["0 ocsp ERR_TRUST_OCSP_UNAVAILABLE", "0 crl ERR_TRUST_CRL_UNAVAILABLE"],
  },
  "either: good by one, revoked by the other": {
    leaf: "revoked",
    crl: "good",
    ocsp: { knowsNobody: true },
    options: { crl: "soft", ocsp: "soft", scope: "leaf", combine: "either" },
    fails: ["0 revoked ERR_TRUST_REVOKED"],
  },
};

describeWithPeers("verifyCertificate, revocation", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let server: TestServer;
  let pki: TestPki;
  let entities: Entities;
  let crls: Crls;

  beforeAll(async () => {
    folder = await temporaryFolder();
    server = await TestServer.start();
    pki = new TestPki(folder.path);
    entities = await makePki(pki, server);
    crls = await makeCrls(pki, entities, server);
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });
  beforeEach(() => {
    server.routes.clear();
    server.asked.length = 0;
  });

  const serveOcsp = (options: Partial<OcspOptions> = {}) => {
    const { issuing, leaf, revoked, held } = entities;
    server.routes.set("/ocsp", async (request, response, body) => {
      expect(request.method).toBe("POST");
      expect(request.headers["content-type"]).toBe("application/ocsp-request");
      const revocations = [
        [revoked, "keyCompromise"],
        [held, "certificateHold"],
      ] as const;
      response.end(
        await pki.ocsp(body, {
          issuer: issuing,
          signer: issuing,
          known: [leaf],
          revoked: revocations,
          ...options,
        }),
      );
    });
  };
  const verify = (leaf: Entity, revocation: RevocationOptions, at?: Date) =>
    verifyCertificate(leaf.certificate, {
      anchors: [entities.root.certificate],
      intermediates: [entities.policy, entities.issuing, entities.noSign].map(
        ({ certificate }) => certificate,
      ),
      at,
      revocation,
    });

  test.each(Object.entries(CASES))("%s", async (_, one) => {
    if (typeof one.crl === "string") server.serve("/crl", crls[one.crl]);
    else if (one.crl !== undefined) server.serve("/crl", Buffer.from(one.crl.text));
    if (one.ocspBytes !== undefined) server.serve("/ocsp", one.ocspBytes);
    if (one.ocsp !== undefined) {
      const { signer, minutes, knowsNobody } = one.ocsp;
      serveOcsp({
        ...(signer === undefined ? {} : { signer: entities[signer] }),
        ...(minutes === undefined ? {} : { minutes }),
        ...(knowsNobody === true ? { known: [], revoked: [] } : {}),
      });
    }
    const result = await verify(
      entities[one.leaf ?? "leaf"],
      { sources: revocationSource(), extraCrls: one.extraCrls?.map((name) => crls[name]), ...one.options },
      one.at,
    );
    expect(written(result.failures)).toEqual(one.fails ?? []);
    expect(written(result.warnings)).toEqual(one.warns ?? []);
    expect(result.trusted).toBe(one.fails === undefined);
  });

  test("the whole chain, the anchor left out", async () => {
    server.serve("/crl", crls.good);
    server.serve("/upper-crl", crls.upper);
    const result = await verify(entities.leaf, { crl: "hard", sources: revocationSource() });
    expect(written(result.failures)).toEqual(["2 crl ERR_TRUST_CRL_NO_ADDRESS"]);
    expect(server.asked.sort()).toEqual(["/crl", "/upper-crl"]);
  });

  test("says since when and why", async () => {
    const { failures } = await verify(entities.revoked, { ...crlHard, extraCrls: [crls.good] });
    expect(failures[0]?.revocation?.reason).toBe("keyCompromise");
    expect(failures[0]?.revocation?.date.getTime()).toBeLessThan(Date.now() - 23 * HOUR);
    expect(failures[0]?.message).toMatch(/CN=revoked.*keyCompromise/);
  });

  test("revoked on one path stays so, though another could not tell", async () => {
    const { root, policy, issuing } = entities;
    const twin = await pki.authority("twin", root, {
      subject: "/O=Waybill Test/CN=issuing",
      keyOf: issuing,
      extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"],
    });
    const verifyThrough = (...between: Entity[]) =>
      verifyCertificate(entities.revoked.certificate, {
        anchors: [root.certificate],
        intermediates: between.map(({ certificate }) => certificate),
        revocation: { ...crlSoft, extraCrls: [crls.good] },
      });
    expect(written((await verifyThrough(twin)).warnings)).toEqual(["0 crl ERR_TRUST_CRL_SIGNATURE"]);
    expect(written((await verifyThrough(policy, issuing, twin)).failures)).toEqual([
      "0 revoked ERR_TRUST_REVOKED",
    ]);
  });

  test("a path that fails otherwise asks nobody", async () => {
    server.serve("/crl", crls.good);
    const result = await verifyCertificate(entities.leaf.certificate, {
      anchors: [entities.stranger.certificate],
      intermediates: [entities.policy.certificate, entities.issuing.certificate],
      revocation: { crl: "hard", ocsp: "hard", sources: revocationSource() },
    });
    expect(written(result.failures)).toEqual(["2 path ERR_TRUST_NO_ISSUER"]);
    expect(server.asked).toEqual([]);
  });

  test("missing authorities are downloaded when that is asked for", async () => {
    const { root, issuing } = entities;
    const [address, nowhere] = ["/issuer", "/nothing"].map((path) => [
      `authorityInfoAccess=caIssuers;URI:${server.url(path)}`,
    ]);
    const leaf = (await pki.issue("downloads", { issuer: issuing, extensions: address ?? [] })).certificate;
    const lost = (await pki.issue("lost", { issuer: issuing, extensions: nowhere ?? [] })).certificate;
    const anchors = [root.certificate];
    const options = { anchors, intermediates: [entities.policy.certificate] };
    server.serve("/issuer", issuing.certificate.der);
    expect(written((await verifyCertificate(leaf, options)).failures)).toEqual([
      "0 path ERR_TRUST_NO_ISSUER",
    ]);
    expect(server.asked).toEqual([]);
    expect((await verifyCertificate(leaf, { ...options, downloadIssuers: {} })).trusted).toBe(true);
    const missing = await verifyCertificate(lost, { ...options, downloadIssuers: {} });
    expect(written(missing.failures)).toEqual(["0 path ERR_TRUST_NO_ISSUER"]);
    server.serve("/issuer", entities.impostor.certificate.der);
    const wrong = await verifyCertificate(leaf, { ...options, downloadIssuers: {} });
    expect(written(wrong.failures)).toEqual(["0 path ERR_TRUST_NO_ISSUER"]);
    expect(server.asked).toEqual(["/issuer", "/nothing", "/issuer"]);
  });

  test("a stapled response needs no network; another's does not count", async () => {
    serveOcsp();
    let staple: Buffer = Buffer.alloc(0);
    const recording = revocationSource({
      fetch: async ({ body }) => {
        const { issuing, leaf } = entities;
        staple = await pki.ocsp(body ?? Buffer.alloc(0), { issuer: issuing, signer: issuing, known: [leaf] });
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield staple;
          })(),
        };
      },
    });
    expect((await verify(entities.leaf, { ...ocspHard, sources: recording })).trusted).toBe(true);
    expect((await verify(entities.leaf, { ...ocspHard, extraOcspResponses: [staple] })).trusted).toBe(true);
    expect(server.asked).toEqual([]);
    const others = await verify(entities.revoked, { ...ocspHard, extraOcspResponses: [staple] });
    expect(written(others.failures)).toEqual(["0 ocsp ERR_TRUST_OCSP_UNAVAILABLE"]);
    const changed = Buffer.from(staple);
    const year = changed.indexOf(String(new Date().getUTCFullYear()), 0, "latin1");
    changed.write("1", year, "latin1");
    const forged = await verify(entities.leaf, { ...ocspHard, extraOcspResponses: [changed] });
    expect(written(forged.failures)).toEqual(["0 ocsp ERR_TRUST_OCSP_SIGNATURE"]);
  });

  test("the answer to an earlier request does not pass for one with a nonce", async () => {
    serveOcsp();
    let first: Buffer | undefined;
    const replaying = revocationSource({
      fetch: async ({ body }) => {
        const { issuing, leaf } = entities;
        first ??= await pki.ocsp(body ?? Buffer.alloc(0), {
          issuer: issuing,
          signer: issuing,
          known: [leaf],
        });
        const bytes = first;
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield bytes;
          })(),
        };
      },
    });
    const options = { ...ocspHard, ocspNonce: true, sources: replaying };
    expect((await verify(entities.leaf, options)).trusted).toBe(true);
    expect(written((await verify(entities.leaf, options)).failures)).toEqual([
      "0 ocsp ERR_TRUST_OCSP_MISMATCH",
    ]);
  });

  test("lists and responses are cached on disk, and offline nothing else is used", async () => {
    const cache = join(folder.path, "cache");
    server.serve("/crl", crls.good);
    serveOcsp();
    const both = { crl: "hard", ocsp: "hard", scope: "leaf" } as const;
    const offline = () => revocationSource({ cacheFolder: cache, offline: true });
    expect(written((await verify(entities.leaf, { ...both, sources: offline() })).failures)).toEqual([
      "0 ocsp ERR_TRUST_OCSP_UNAVAILABLE",
      "0 crl ERR_TRUST_CRL_UNAVAILABLE",
    ]);
    expect(server.asked).toEqual([]);
    const online = revocationSource({ cacheFolder: cache });
    expect((await verify(entities.leaf, { ...both, sources: online })).trusted).toBe(true);
    expect((await verify(entities.leaf, { ...both, sources: online })).trusted).toBe(true);
    expect(
      (await verify(entities.leaf, { ...both, sources: revocationSource({ cacheFolder: cache }) })).trusted,
    ).toBe(true);
    expect(server.asked.sort()).toEqual(["/crl", "/ocsp"]);
    expect((await verify(entities.leaf, { ...both, sources: offline() })).trusted).toBe(true);
    const names = await readdir(cache);
    expect(names.sort()).toEqual([
      expect.stringMatching(/^crl-[0-9a-f]{64}\.der$/),
      expect.stringMatching(/^ocsp-[0-9a-f]{64}\.der$/),
    ]);

    // One that expired is of no use offline, and is fetched again online.
    const late = { crl: "hard", scope: "leaf" } as const;
    expect(
      written((await verify(entities.leaf, { ...late, sources: offline() }, inHours(30))).failures),
    ).toEqual(["0 crl ERR_TRUST_CRL_STALE"]);
    server.asked.length = 0;
    await verify(entities.leaf, { ...late, sources: revocationSource({ cacheFolder: cache }) }, inHours(30));
    expect(server.asked).toEqual(["/crl"]);

    // What somebody else wrote there is not believed.
    const crlFile = join(cache, names.find((name) => name.startsWith("crl")) ?? "");
    await writeFile(crlFile, crls.forged);
    expect(written((await verify(entities.leaf, { ...late, sources: offline() })).failures)).toEqual([
      "0 crl ERR_TRUST_CRL_SIGNATURE",
    ]);
    expect(
      (await verify(entities.leaf, { ...late, sources: revocationSource({ cacheFolder: cache }) })).trusted,
    ).toBe(true);
    expect(await readFile(crlFile)).toEqual(crls.good);
  });

  test("what gives no status is not cached", async () => {
    const cache = join(folder.path, "empty-cache");
    server.serve("/crl", crls.forged);
    await verify(entities.leaf, { ...crlSoft, sources: revocationSource({ cacheFolder: cache }) });
    await expect(readdir(cache)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("many checks at once share one download", async () => {
    server.serve("/crl", crls.good);
    const sources = revocationSource();
    const results = await Promise.all(
      Array.from({ length: 8 }, () => verify(entities.leaf, { ...crlHard, sources })),
    );
    expect(results.every(({ trusted }) => trusted)).toBe(true);
    expect(server.asked).toEqual(["/crl"]);
  });

  test("a server that never answers: the time of the whole check is bounded, and a caller can end it", async () => {
    server.routes.set("/crl", () => {});
    const result = await verify(entities.leaf, { ...crlHard, timeoutMs: 50, sources: revocationSource() });
    expect(written(result.failures)).toEqual(["0 crl ERR_TRUST_CRL_UNAVAILABLE"]);
    const controller = new AbortController();
    const ended = verifyCertificate(entities.leaf.certificate, {
      anchors: [entities.root.certificate],
      intermediates: [entities.policy.certificate, entities.issuing.certificate],
      revocation: { ...crlHard, sources: revocationSource() },
      signal: controller.signal,
    });
    controller.abort();
    await expect(ended).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });
});
