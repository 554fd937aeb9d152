import { beforeAll, describe, expect, test } from "@jest/globals";
import { authoritiesOf, parseTrustList, verifyTrustListSignature } from "@waybill/cert-store";
import fc from "fast-check";
import { mutations } from "./mutations.js";
import { type Identity, issue, type ListFixture, listXml } from "./trust-list-fixtures.js";

const RUNS = mutations(2000);

let root: Identity;
let authority: Identity;

beforeAll(async () => {
  root = await issue("Root");
  authority = await issue("Authority", root);
});

const refusal = (xml: string | Uint8Array): unknown => {
  try {
    parseTrustList(xml, { fileName: "list.xml" });
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return "accepted";
};

describe("reading a trust list", () => {
  test("gives scheme, providers, services and history", () => {
    const list = parseTrustList(
      listXml({
        version: 5,
        sequence: 42,
        issued: "2025-02-28T12:30:00.5+01:00",
        services: [
          {
            name: "Issuing CA",
            certificates: [authority.certificate, root.certificate],
            since: "2024-01-01T00:00:00Z",
            history: [{ status: "http://example.org/old", since: "2022-01-01T00:00:00" }],
          },
        ],
      }),
    );
    expect(list).toMatchObject({
      version: 5,
      sequenceNumber: 42,
      type: "http://uri.etsi.org/TrstSvc/TSLType/generic",
      operatorName: "Test Operator & Sons",
      schemeName: "Test Scheme",
      territory: "EU",
      issueTime: new Date("2025-02-28T11:30:00.500Z"),
      nextUpdate: new Date("2030-01-01T00:00:00Z"),
      problems: [],
    });
    expect(list.providers).toHaveLength(1);
    expect(list.providers[0]?.name).toBe("Test Provider");
    expect(list.providers[0]?.services[0]).toMatchObject({
      name: "Issuing CA",
      type: "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC",
      status: "http://uri.etsi.org/TrstSvc/Svcstatus/inaccord",
      statusStartingTime: new Date("2024-01-01T00:00:00Z"),
      history: [{ status: "http://example.org/old", statusStartingTime: new Date("2022-01-01T00:00:00Z") }],
    });
  });

  test("tells the authority from the root beside it", () => {
    const service = parseTrustList(
      listXml({ services: [{ certificates: [root.certificate, authority.certificate] }] }),
    ).providers[0]?.services[0];
    expect(service?.certificates).toHaveLength(2);
    expect(service && authoritiesOf(service).map((found) => found.subject.text)).toEqual(["CN=Authority"]);
  });

  test("knows a closed scheme, versions 2 to 6 and byte order marks", () => {
    expect(parseTrustList(listXml({ nextUpdate: null })).nextUpdate).toBeNull();
    for (const version of [2, 3, 4, 5, 6]) expect(parseTrustList(listXml({ version })).version).toBe(version);
    for (const version of [0, 1, 7]) expect(refusal(listXml({ version }))).toBe("ERR_TRUST_LIST_UNSUPPORTED");
    expect(refusal(Buffer.from(`\uFEFF${listXml({})}`))).toBe("accepted");
    expect(refusal(`\uFEFF${listXml({})}`)).toBe("accepted");
  });

  test("leaves out the certificates of a service when one of them cannot be read", () => {
    // Without its authority the root of the entry would look like one.
    const services = [
      { certificates: [root.certificate], base64: ["MIIB"] },
      { certificates: [root.certificate], base64: ["!"] },
      { certificates: [authority.certificate] },
    ];
    const list = parseTrustList(listXml({ services }));
    expect(list.providers[0]?.services.map((service) => service.certificates.length)).toEqual([0, 0, 1]);
    expect(list.problems.map((problem) => problem.code)).toEqual([
      "ERR_CERT_DAMAGED",
      "ERR_TRUST_LIST_DAMAGED",
    ]);
  });

  test.each<[string, string | Uint8Array, string]>([
    ["nothing", "", "ERR_TRUST_LIST_DAMAGED"],
    ["other text", "hello", "ERR_TRUST_LIST_DAMAGED"],
    ["another document", "<html/>", "ERR_TRUST_LIST_DAMAGED"],
    [
      "another namespace",
      listXml({}).replace("uri.etsi.org/02231/v2#", "example.org"),
      "ERR_TRUST_LIST_DAMAGED",
    ],
    ["half of a list", listXml({}).slice(0, 900), "ERR_TRUST_LIST_DAMAGED"],
    ["a list and more", `${listXml({})}<more/>`, "ERR_TRUST_LIST_DAMAGED"],
    ["bytes that are no UTF-8", Buffer.from([0x3c, 0xff, 0xfe]), "ERR_TRUST_LIST_DAMAGED"],
    ["UTF-16", Buffer.from(`\uFEFF${listXml({})}`, "utf16le"), "ERR_TRUST_LIST_DAMAGED"],
    ["another encoding", listXml({}).replace("UTF-8", "ISO-8859-1"), "ERR_TRUST_LIST_UNSUPPORTED"],
    ["no sequence number", without("TSLSequenceNumber"), "ERR_TRUST_LIST_DAMAGED"],
    ["a sequence number that is none", listXml({ sequence: -1 }), "ERR_TRUST_LIST_DAMAGED"],
    ["no next update", without("NextUpdate"), "ERR_TRUST_LIST_DAMAGED"],
    ["no issue time", without("ListIssueDateTime"), "ERR_TRUST_LIST_DAMAGED"],
    ["a date that does not exist", listXml({ issued: "2025-02-30T00:00:00Z" }), "ERR_TRUST_LIST_DAMAGED"],
    ["a month that does not exist", listXml({ issued: "2025-13-01T00:00:00Z" }), "ERR_TRUST_LIST_DAMAGED"],
    ["a next update that is none", listXml({ nextUpdate: "soon" }), "ERR_TRUST_LIST_DAMAGED"],
    ["a service without status", listXml({ services: [{ status: "" }] }), "ERR_TRUST_LIST_DAMAGED"],
    ["two scheme informations", twice(), "ERR_TRUST_LIST_DAMAGED"],
  ])("refuses %s", (_name, xml, code) => {
    expect(refusal(xml)).toBe(code);
  });

  function without(name: string): string {
    return listXml({}).replace(new RegExp(`<${name}>.*?</${name}>`), "");
  }
  function twice(): string {
    return listXml({}).replace(/<SchemeInformation>[\s\S]*<\/SchemeInformation>/, "$&$&");
  }
});

describe("a hostile list", () => {
  const bomb = `<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">${Array.from(
    { length: 30 },
    (_, index) => `<!ENTITY a${index} "${`&a${index === 0 ? "" : index - 1};`.repeat(10)}">`,
  ).join("")}]>`;
  const inList = (extra: string, fixture: ListFixture = {}) => listXml({ ...fixture, extra });
  const withoutDeclaration = listXml({}).replace(/^<\?xml[^>]*>/, "");

  test.each<[string, () => string | Uint8Array, string]>([
    ["a document type", () => `<!DOCTYPE x>${withoutDeclaration}`, "ERR_TRUST_LIST_DAMAGED"],
    ["an entity bomb", () => bomb + withoutDeclaration, "ERR_TRUST_LIST_DAMAGED"],
    [
      "an external entity",
      () => `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>${inList("&f;")}`,
      "ERR_TRUST_LIST_DAMAGED",
    ],
    ["an entity of nobody", () => inList("&f;"), "ERR_TRUST_LIST_DAMAGED"],
    ["a document type inside", () => inList("<!DOCTYPE x>"), "ERR_TRUST_LIST_DAMAGED"],
    [
      "elements 10,000 deep",
      () => inList("<a>".repeat(10_000) + "</a>".repeat(10_000)),
      "ERR_TRUST_LIST_LIMIT",
    ],
    ["a million elements that do not end", () => inList("<a>".repeat(1_000_000)), "ERR_TRUST_LIST_LIMIT"],
    ["a million empty elements", () => inList("<a/>".repeat(1_000_000)), "ERR_TRUST_LIST_LIMIT"],
    ["a million ends", () => inList("</a>".repeat(1_000_000)), "ERR_TRUST_LIST_DAMAGED"],
    ["a million comments", () => inList("<!---->".repeat(1_000_000)), "ERR_TRUST_LIST_LIMIT"],
    ["a thousand attributes", () => inList(`<a${' b="1"'.repeat(1000)}/>`), "ERR_TRUST_LIST_LIMIT"],
    [
      "a million attributes in all",
      () =>
        inList(`<a${Array.from({ length: 20 }, (_, index) => ` b${index}="1"`).join("")}/>`.repeat(50_000)),
      "ERR_TRUST_LIST_LIMIT",
    ],
    ["a tag without an end", () => inList(`<a b="${"x".repeat(5_000_000)}`), "ERR_TRUST_LIST_DAMAGED"],
    ["17 MiB of bytes", () => Buffer.alloc(17 * 1024 * 1024, 0x20), "ERR_TRUST_LIST_LIMIT"],
    ["17 MiB of text", () => " ".repeat(17 * 1024 * 1024), "ERR_TRUST_LIST_LIMIT"],
    ["9 MiB of two-byte characters", () => "é".repeat(9 * 1024 * 1024), "ERR_TRUST_LIST_LIMIT"],
    [
      "100 certificates in one service",
      () => listXml({ services: [{ base64: Array.from({ length: 100 }, () => "AAAA") }] }),
      "ERR_TRUST_LIST_LIMIT",
    ],
  ])("with %s is refused quickly", (_name, xml, code) => {
    const data = xml();
    const start = performance.now();
    expect(refusal(data)).toBe(code);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("gives a list or a typed error after many mutations", () => {
    const xml = Buffer.from(listXml({ services: [{ certificates: [authority.certificate] }] }));
    const allowed = /^ERR_TRUST_LIST_(DAMAGED|LIMIT|UNSUPPORTED)$/;
    const place = fc.nat(xml.length - 1);
    const cut = fc.nat(40);
    const inserted = fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc
        .constantFrom(
          "<",
          ">",
          "</",
          "/>",
          "&",
          "&#0;",
          "&#x1F;",
          "<!--",
          "<![CDATA[",
          "]]>",
          '"',
          "<?x ",
          "xmlns=''",
        )
        .map((text) => Buffer.from(text)),
    );
    let refused = 0;
    fc.assert(
      fc.property(place, cut, inserted, (at, length, bytes) => {
        const mutated = Buffer.concat([xml.subarray(0, at), bytes, xml.subarray(at + length)]);
        const code = refusal(mutated);
        if (code === "accepted") return;
        refused += 1;
        expect(code).toMatch(allowed);
      }),
      { numRuns: RUNS },
    );
    expect(refused).toBeGreaterThan(RUNS / 10);
  });

  test("that is not signed gives typed errors from the signature's side, too", () => {
    const codes = ["", "<a/>", listXml({}), inList("<Signature/>"), bomb].map((xml) => {
      try {
        verifyTrustListSignature(xml);
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return "accepted";
    });
    expect(codes).toEqual([
      "ERR_TRUST_LIST_DAMAGED",
      "ERR_TRUST_LIST_DAMAGED",
      "ERR_TRUST_LIST_SIGNATURE",
      "ERR_TRUST_LIST_SIGNATURE",
      "ERR_TRUST_LIST_DAMAGED",
    ]);
  });
});
