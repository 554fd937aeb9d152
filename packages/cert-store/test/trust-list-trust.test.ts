import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  isListed,
  type ListedOptions,
  parseTrustList,
  trustListCertificates,
  trustListStep,
  verifyCertificate,
} from "@waybill/cert-store";
import { createLogger, type LogRecord } from "@waybill/net-core";
import {
  type Identity,
  issue,
  type ListFixture,
  listXml,
  type ServiceFixture,
} from "./trust-list-fixtures.js";

const EU = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/";
const SCHEME = "http://uri.etsi.org/TrstSvc/Svcstatus/";
const AT = new Date("2025-06-01T00:00:00Z");

let root: Identity;
let authority: Identity;
let renewed: Identity;
let subAuthority: Identity;
let otherAuthority: Identity;
let partner: Identity;
let rootIssued: Identity;
let belowSub: Identity;
let stranger: Identity;

beforeAll(async () => {
  root = await issue("Root");
  authority = await issue("Authority", root);
  renewed = await issue("Authority", root, { keys: authority.keys });
  subAuthority = await issue("Sub Authority", authority);
  otherAuthority = await issue("Other Authority");
  partner = await issue("partner.example", authority);
  rootIssued = await issue("direct.example", root);
  belowSub = await issue("sub.example", subAuthority);
  stranger = await issue("stranger.example", otherAuthority);
});

const chain = () => [authority.certificate, root.certificate];
const listOf = (...services: ServiceFixture[]) => parseTrustList(listXml({ services }));
const listed = (service: Omit<ServiceFixture, "certificates"> = {}) =>
  listOf({ ...service, certificates: chain() });
const path = (...identities: Identity[]): Certificate[] => identities.map(({ certificate }) => certificate);

function reason(list = listed(), of = path(partner, authority, root), options: ListedOptions = {}) {
  const verdict = isListed(list, of, { at: AT, ...options });
  return verdict.isListed ? "listed" : verdict.reason;
}

describe("a certificate", () => {
  test("issued by a listed authority is covered, with and without the root in its path", () => {
    expect(reason()).toBe("listed");
    expect(reason(listed(), path(partner, authority))).toBe("listed");
    expect(isListed(listed({ name: "CA 1" }), path(partner, authority), { at: AT })).toMatchObject({
      isListed: true,
      provider: { name: "Test Provider" },
      service: { name: "CA 1" },
    });
  });

  test("issued by an authority whose certificate was renewed with the same key is covered", () => {
    expect(reason(listed(), path(partner, renewed, root))).toBe("listed");
  });

  test("issued by an authority of the same name with another key is not covered", async () => {
    const impostor = await issue("Authority");
    expect(reason(listed(), path(await issue("x", impostor), impostor))).toBe("notListed");
  });

  test("issued directly by the root of a listed authority is not covered", () => {
    expect(reason(listed(), path(rootIssued, root))).toBe("aboveOnly");
  });

  test("issued by a root that is listed for itself is covered", () => {
    const list = listOf({ certificates: chain() }, { certificates: [root.certificate] });
    expect(reason(list, path(rootIssued, root))).toBe("listed");
  });

  test("issued below a listed authority by one that is not listed is not covered", () => {
    expect(reason(listed(), path(belowSub, subAuthority, authority, root))).toBe("unlistedIntermediate");
    const list = listOf({ certificates: chain() }, { certificates: [subAuthority.certificate, ...chain()] });
    expect(reason(list, path(belowSub, subAuthority, authority, root))).toBe("listed");
    // The one entry does not take away from the other that it is the authority.
    expect(reason(list)).toBe("listed");
  });

  test("of a stranger, or without an issuer, is not covered", () => {
    expect(reason(listed(), path(stranger, otherAuthority))).toBe("notListed");
    expect(reason(listed(), path(partner))).toBe("noIssuer");
    expect(reason(listed(), path(authority))).toBe("noIssuer");
    expect(reason(listOf())).toBe("notListed");
  });

  test("is not covered when the authority's certificate in the list is damaged", () => {
    const list = listOf({ certificates: [root.certificate], base64: ["MIIB"] });
    expect(reason(list, path(rootIssued, root))).toBe("notListed");
  });
});

describe("the status of a service", () => {
  test.each([
    `${SCHEME}inaccord`,
    `${EU}granted`,
    `${EU}undersupervision`,
    `${EU}supervisionincessation`,
    `${EU}accredited`,
    `${EU}setbynationallaw`,
    `${EU}recognisedatnationallevel`,
    "http://uri.etsi.org/TrstSvc/eSigDir-1999-93-EC-TrustedList/Svcstatus/accredited",
  ])("%s is active", (status) => {
    expect(reason(listed({ status }))).toBe("listed");
  });

  test.each([
    `${SCHEME}expired`,
    `${SCHEME}suspended`,
    `${SCHEME}revoked`,
    `${SCHEME}notinaccord`,
    `${EU}withdrawn`,
    `${EU}supervisionceased`,
    `${EU}accreditationrevoked`,
    `${EU}deprecatedatnationallevel`,
    "http://example.org/inaccord",
  ])("%s is not", (status) => {
    expect(reason(listed({ status }))).toBe("inactive");
  });

  test("that begins in the future does not count yet, the one before it does", () => {
    const since = "2025-07-01T00:00:00Z";
    expect(reason(listed({ since }))).toBe("notYet");
    expect(reason(listed({ since }), undefined, { at: new Date("2025-08-01") })).toBe("listed");
    const history = [
      { status: `${SCHEME}inaccord`, since: "2024-01-01T00:00:00Z" },
      { status: `${SCHEME}suspended`, since: "2023-01-01T00:00:00Z" },
    ];
    const withdrawnSoon = listed({ status: `${EU}withdrawn`, since, history });
    expect(reason(withdrawnSoon)).toBe("listed");
    expect(reason(withdrawnSoon, undefined, { at: new Date("2023-06-01") })).toBe("inactive");
    expect(reason(withdrawnSoon, undefined, { at: new Date("2022-06-01") })).toBe("notYet");
    expect(reason(withdrawnSoon, undefined, { at: new Date("2025-08-01") })).toBe("inactive");
  });

  test("of another type does not count, unless that type is asked for", () => {
    const type = "http://uri.etsi.org/TrstSvc/Svctype/TSA";
    expect(reason(listed({ type }))).toBe("serviceType");
    expect(reason(listed({ type }), undefined, { serviceTypes: [type] })).toBe("listed");
    expect(reason(listed(), undefined, { activeStatuses: [`${EU}granted`] })).toBe("inactive");
  });

  test("of one active entry is enough", () => {
    const list = listOf({ status: `${EU}withdrawn`, certificates: chain() }, { certificates: chain() });
    expect(reason(list)).toBe("listed");
  });

  test("decides which certificates are anchors", () => {
    const list = listOf(
      { certificates: chain() },
      { certificates: [otherAuthority.certificate], status: `${EU}withdrawn` },
    );
    const { authorities, above } = trustListCertificates(list, { at: AT });
    expect(authorities.map(({ subject }) => subject.text)).toEqual(["CN=Authority"]);
    expect(above.map(({ subject }) => subject.text)).toEqual(["CN=Root"]);
  });
});

describe("the trust list as a step", () => {
  const list = (fixture: ListFixture = {}) =>
    parseTrustList(listXml({ services: [{ certificates: chain() }], ...fixture }));

  test("lets a covered certificate pass and refuses the others", () => {
    const step = trustListStep(list(), { at: AT });
    expect(step(path(partner, authority))).toEqual([]);
    const [failure, ...others] = step(path(stranger, otherAuthority));
    expect(others).toEqual([]);
    expect(failure).toMatchObject({
      step: "trustList",
      code: "ERR_TRUST_LIST_UNTRUSTED",
      depth: 0,
      message: "CN=Other Authority is not in the trust list",
    });
    expect(failure?.certificate).toBe(stranger.certificate);
  });

  test("only warns when that is asked for", () => {
    const records: LogRecord[] = [];
    const warnings: string[] = [];
    const step = trustListStep(list({ nextUpdate: "2025-05-01T00:00:00Z" }), {
      at: AT,
      onUntrusted: "warn",
      onExpired: "warn",
      onWarning: ({ code }) => warnings.push(code),
      logger: createLogger("info", (record) => records.push(record)),
    });
    expect(step(path(rootIssued, root))).toEqual([]);
    expect(warnings).toEqual(["ERR_TRUST_LIST_EXPIRED", "ERR_TRUST_LIST_UNTRUSTED"]);
    expect(records.map(({ level, fields }) => [level, fields.certificate])).toEqual([
      ["warn", "CN=direct.example"],
      ["warn", "CN=direct.example"],
    ]);
  });

  test("refuses everything when the list is past its next update", () => {
    const step = trustListStep(list({ nextUpdate: "2025-06-01T00:00:00Z" }), { at: AT });
    expect(step(path(partner, authority)).map(({ code }) => code)).toEqual(["ERR_TRUST_LIST_EXPIRED"]);
    expect(trustListStep(list({ nextUpdate: null }), { at: AT })(path(partner, authority))).toEqual([]);
  });

  test("joins the verification of a certificate, with the list's own authorities as anchors", async () => {
    const trusted = list();
    const { authorities, above } = trustListCertificates(trusted, { at: AT });
    const verify = (identity: Identity, anchors: readonly Certificate[]) =>
      verifyCertificate(identity.certificate, {
        anchors,
        intermediates: [subAuthority.certificate, authority.certificate],
        at: AT,
        extraStep: trustListStep(trusted, { at: AT }),
      });
    const codes = async (identity: Identity, anchors: readonly Certificate[]) => {
      const { failures } = await verify(identity, anchors);
      return failures.map(({ step, code }) => [step, code]);
    };
    const untrusted = [["trustList", "ERR_TRUST_LIST_UNTRUSTED"]];
    expect(await verify(partner, authorities)).toMatchObject({ trusted: true });
    // A root that is trusted besides does not make up for the list.
    expect(await verify(partner, above)).toMatchObject({ trusted: true });
    expect(await codes(rootIssued, [...authorities, ...above])).toEqual(untrusted);
    expect(await codes(belowSub, authorities)).toEqual(untrusted);
    expect(await codes(stranger, [otherAuthority.certificate])).toEqual(untrusted);
    expect(await codes(stranger, authorities)).toEqual([["path", "ERR_TRUST_NO_ISSUER"]]);
  });

  test("looks at the list of the moment", () => {
    let current = list();
    const step = trustListStep(() => current, { at: AT });
    expect(step(path(partner, authority))).toEqual([]);
    current = list({ services: [] });
    expect(step(path(partner, authority)).map(({ code }) => code)).toEqual(["ERR_TRUST_LIST_UNTRUSTED"]);
  });
});
