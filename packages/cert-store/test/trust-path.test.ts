import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  parseCertificate,
  type TrustFailure,
  type VerifyCertificateOptions,
  verifyCertificate,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { AUTHORITY, type Entity, TestPki } from "./trust-pki.js";

const DAY = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY);
const written = (failures: readonly TrustFailure[]) =>
  failures.map(({ step, code, depth }) => `${depth} ${step} ${code}`);

const SERVER = ["extendedKeyUsage=serverAuth", "keyUsage=digitalSignature"];
const LEAF = [
  "subjectAltName=DNS:host.example.com,DNS:*.wild.example.com,IP:192.0.2.1,IP:2001:db8::1",
  "extendedKeyUsage=serverAuth,clientAuth",
  "keyUsage=digitalSignature",
];
const LONG_ID = "1.3.6.1.4.1.99999.1";

async function makePki(pki: TestPki) {
  const root = await pki.authority("root", undefined);
  const other = await pki.authority("other", undefined);
  const policy = await pki.authority("policy", root, {
    extensions: ["basicConstraints=critical,CA:TRUE,pathlen:1", "keyUsage=critical,keyCertSign,cRLSign"],
  });
  const issuing = await pki.authority("issuing", policy, {
    extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"],
  });
  const leaf = (name: string, issuer: Entity, extensions: readonly string[], more = {}) =>
    pki.issue(name, { issuer, extensions, ...more });
  const under = async (name: string, extensions: readonly string[], sections: readonly string[] = []) =>
    pki.authority(name, root, { extensions, sections });
  const constrained = (name: string, constraint: string, sections: readonly string[] = []) =>
    under(name, [...AUTHORITY, `nameConstraints=critical,${constraint}`], sections);

  const [dns, noDns, ip, email, uri, directory, otherName] = await Promise.all([
    constrained("dns", "permitted;DNS:example.com"),
    constrained("noDns", "excluded;DNS:bad.example.com"),
    constrained("ip", "permitted;IP:192.0.2.0/255.255.255.0"),
    constrained("email", "permitted;email:.example.com"),
    constrained("uri", "permitted;URI:.example.com"),
    constrained("directory", "permitted;dirName:dn_allowed", ["[dn_allowed]", "O=Waybill Test"]),
    constrained("otherName", "permitted;otherName:1.2.3.4;UTF8:x"),
  ]);
  const [noBasic, noSign, clientOnly, critical, short, sha1Root, rollover, sameName, expiring, rsa] =
    await Promise.all([
      under("noBasic", ["keyUsage=keyCertSign"]),
      under("noSign", ["basicConstraints=critical,CA:TRUE", "keyUsage=cRLSign"]),
      under("clientOnly", [...AUTHORITY, "extendedKeyUsage=clientAuth"]),
      under("critical", [...AUTHORITY, `${LONG_ID}=critical,ASN1:NULL`]),
      under("short", ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=keyCertSign"]),
      pki.authority("sha1Root", undefined, { digest: "sha1" }),
      pki.authority("rollover", policy, { subject: "/O=Waybill Test/CN=policy" }),
      pki.authority("sameName", policy, { subject: "/O=Waybill Test/CN=issuing" }),
      pki.authority("expiring", root, { days: 10 }),
      pki.authority("rsa", root, { rsaBits: 2048 }),
    ]);
  const crossed = await pki.authority("crossed", other, {
    subject: "/O=Waybill Test/CN=expiring",
    keyOf: expiring,
  });
  const [belowShort, afterRollover, leafAuthority] = await Promise.all([
    pki.authority("belowShort", short),
    pki.authority("afterRollover", rollover),
    pki.issue("leafAuthority", { issuer: issuing, extensions: SERVER }),
  ]);
  const entities = await Promise.all([
    leaf("leaf", issuing, LEAF),
    pki.issue("selfSigned", { extensions: LEAF }),
    leaf("expired", issuing, LEAF, { days: 5 }),
    leaf("belowLeaf", leafAuthority, SERVER),
    leaf("belowNoBasic", noBasic, SERVER),
    leaf("belowNoSign", noSign, SERVER),
    leaf("tooDeep", belowShort, SERVER),
    leaf("rolled", afterRollover, SERVER),
    leaf("client", issuing, ["extendedKeyUsage=clientAuth", "keyUsage=digitalSignature"]),
    leaf("plain", issuing, []),
    leaf("anyPurpose", issuing, ["extendedKeyUsage=anyExtendedKeyUsage"]),
    leaf("belowClientOnly", clientOnly, []),
    leaf("special", issuing, [`extendedKeyUsage=${LONG_ID}`]),
    leaf("encipher", issuing, ["keyUsage=dataEncipherment", "extendedKeyUsage=clientAuth"]),
    leaf("criticalLeaf", issuing, [`${LONG_ID}=critical,ASN1:NULL`]),
    leaf("belowCritical", critical, []),
    leaf("rsa1024", issuing, [], { rsaBits: 1024 }),
    leaf("sha1", issuing, [], { digest: "sha1" }),
    leaf("md5", rsa, [], { digest: "md5" }),
    leaf("belowSha1Root", sha1Root, []),
    leaf("dnsGood", dns, ["subjectAltName=DNS:a.example.com,DNS:example.com,DNS:*.example.com"]),
    leaf("dnsBad", dns, ["subjectAltName=DNS:a.example.com,DNS:badexample.com"]),
    leaf("dnsCommonName", dns, [], { subject: "/O=Waybill Test/CN=www.example.org" }),
    leaf("dnsExcluded", noDns, ["subjectAltName=DNS:very.bad.example.com"]),
    leaf("dnsWildcardExcluded", noDns, ["subjectAltName=DNS:*.example.com"]),
    leaf("ipGood", ip, ["subjectAltName=IP:192.0.2.77"]),
    leaf("ipBad", ip, ["subjectAltName=IP:192.0.3.1"]),
    leaf("ipOther", ip, ["subjectAltName=IP:2001:db8::1"]),
    leaf("emailGood", email, ["subjectAltName=email:ann@mail.example.com"]),
    leaf("emailBad", email, ["subjectAltName=email:ann@example.org"]),
    leaf("emailInSubject", email, [], { subject: "/O=Waybill Test/emailAddress=ann@example.org" }),
    leaf("uriGood", uri, ["subjectAltName=URI:https://user@www.example.com:8443/x"]),
    leaf("uriBad", uri, ["subjectAltName=URI:https://www.example.com.example.org/"]),
    leaf("uriAddress", uri, ["subjectAltName=URI:https://192.0.2.1/"]),
    leaf("directoryGood", directory, [], { subject: "/O=WAYBILL  test/CN=x" }),
    leaf("directoryBad", directory, [], { subject: "/O=Another/O=Waybill Test/CN=x" }),
    leaf("otherNameBad", otherName, ["subjectAltName=otherName:1.2.3.4;UTF8:x"]),
    leaf("otherNameNone", otherName, ["subjectAltName=DNS:a.example.com"]),
    leaf("commonName", issuing, SERVER, { subject: "/CN=old.example.com" }),
    leaf("belowExpiring", expiring, []),
  ]);
  const named = {
    root,
    other,
    policy,
    issuing,
    noBasic,
    noSign,
    clientOnly,
    critical,
    short,
    belowShort,
    rollover,
  };
  const more = { afterRollover, sameName, expiring, crossed, sha1Root, leafAuthority, rsa };
  const byName = new Map<string, Certificate>();
  for (const entity of [...Object.values(named), ...Object.values(more), ...entities]) {
    byName.set(entity.name, entity.certificate);
  }
  for (const entity of [dns, noDns, ip, email, uri, directory, otherName])
    byName.set(entity.name, entity.certificate);
  return byName;
}

/** Names of certificates, and what differs from the usual options. By default everything but the roots lies between. */
interface Case {
  readonly leaf: string;
  readonly anchors?: readonly string[];
  readonly intermediates?: readonly string[];
  readonly pinned?: readonly string[];
  readonly options?: Partial<VerifyCertificateOptions>;
  /** What fails, as `depth step code`; nothing: trusted. */
  readonly fails?: readonly string[];
  /** The names of the path. */
  readonly path?: readonly string[];
}

const server = (options: Partial<VerifyCertificateOptions> = {}) => ({ purpose: "serverAuth", ...options });

const CASES: Readonly<Record<string, Case>> = {
  "four levels": {
    leaf: "leaf",
    options: server({ hostName: "host.example.com" }),
    path: ["leaf", "issuing", "policy", "root"],
  },
  "intermediates in any order, with strangers among them": {
    leaf: "leaf",
    intermediates: ["dns", "policy", "sha1Root", "issuing", "leaf"],
  },
  "a missing intermediate": {
    leaf: "leaf",
    intermediates: ["policy"],
    fails: ["0 path ERR_TRUST_NO_ISSUER"],
    path: ["leaf"],
  },
  "a missing intermediate higher up": {
    leaf: "leaf",
    intermediates: ["issuing"],
    fails: ["1 path ERR_TRUST_NO_ISSUER"],
    path: ["leaf", "issuing"],
  },
  "a root that is there but not trusted": {
    leaf: "leaf",
    anchors: ["other"],
    intermediates: ["issuing", "policy", "root"],
    fails: ["3 path ERR_TRUST_SELF_SIGNED"],
  },
  "no anchors at all": { leaf: "leaf", anchors: [], fails: ["2 path ERR_TRUST_NO_ISSUER"] },
  "self-signed, unknown": { leaf: "selfSigned", fails: ["0 path ERR_TRUST_SELF_SIGNED"] },
  "self-signed, trusted itself": { leaf: "selfSigned", anchors: ["selfSigned"], path: ["selfSigned"] },
  "an intermediate as the anchor": { leaf: "leaf", anchors: ["issuing"], path: ["leaf", "issuing"] },
  "the certificate itself as the anchor": { leaf: "leaf", anchors: ["leaf"], path: ["leaf"] },
  "trusted itself, for another host": {
    leaf: "selfSigned",
    anchors: ["selfSigned"],
    options: { hostName: "example.net" },
    fails: ["0 hostName ERR_TRUST_HOST_NAME"],
  },
  expired: { leaf: "expired", options: { at: inDays(6) }, fails: ["0 validity ERR_TRUST_EXPIRED"] },
  "expired, and trusted itself": {
    leaf: "expired",
    anchors: ["expired"],
    options: { at: inDays(6) },
    fails: ["0 validity ERR_TRUST_EXPIRED"],
  },
  "an expired authority": {
    leaf: "belowExpiring",
    intermediates: ["expiring"],
    options: { at: inDays(11) },
    fails: ["1 validity ERR_TRUST_EXPIRED"],
  },
  "a cross certificate in the place of an expired one": {
    leaf: "belowExpiring",
    anchors: ["root", "other"],
    options: { at: inDays(11) },
    path: ["belowExpiring", "crossed", "other"],
  },
  "not yet valid": {
    leaf: "leaf",
    anchors: ["leaf"],
    options: { at: inDays(-1) },
    fails: ["0 validity ERR_TRUST_NOT_YET_VALID"],
  },
  "an issuer of the right name with another key": {
    leaf: "leaf",
    intermediates: ["sameName", "policy"],
    fails: ["0 signature ERR_TRUST_SIGNATURE"],
  },
  "an impostor beside the issuer": {
    leaf: "leaf",
    intermediates: ["sameName", "policy", "issuing"],
    path: ["leaf", "issuing", "policy", "root"],
  },
  "an issuer that is no authority": {
    leaf: "belowLeaf",
    intermediates: ["leafAuthority", "issuing", "policy"],
    fails: [
      "1 basicConstraints ERR_TRUST_NOT_CA",
      "1 keyUsage ERR_TRUST_KEY_USAGE",
      "2 pathLength ERR_TRUST_PATH_LENGTH",
      "3 pathLength ERR_TRUST_PATH_LENGTH",
    ],
  },
  "an issuer without basic constraints": {
    leaf: "belowNoBasic",
    fails: ["1 basicConstraints ERR_TRUST_NOT_CA"],
  },
  "an issuer whose key may not sign certificates": {
    leaf: "belowNoSign",
    fails: ["1 keyUsage ERR_TRUST_KEY_USAGE"],
  },
  "one authority too many": { leaf: "tooDeep", fails: ["2 pathLength ERR_TRUST_PATH_LENGTH"] },
  "a new key of an authority does not count as one more": {
    leaf: "rolled",
    path: ["rolled", "afterRollover", "rollover", "policy", "root"],
  },
  "for another purpose": {
    leaf: "client",
    options: server(),
    fails: ["0 extendedKeyUsage ERR_TRUST_PURPOSE"],
  },
  "no purpose asked": { leaf: "client" },
  "a certificate without purposes": { leaf: "plain", options: server() },
  "a certificate for any purpose": { leaf: "anyPurpose", options: server() },
  "any purpose is not OCSP signing": {
    leaf: "anyPurpose",
    options: { purpose: "OCSPSigning" },
    fails: ["0 extendedKeyUsage ERR_TRUST_PURPOSE"],
  },
  "an authority for other purposes": {
    leaf: "belowClientOnly",
    options: server(),
    fails: ["1 extendedKeyUsage ERR_TRUST_PURPOSE"],
  },
  "a purpose by its OID": { leaf: "special", options: { purpose: LONG_ID } },
  "key usages that are asked for": {
    leaf: "leaf",
    options: { keyUsage: ["digitalSignature", "keyEncipherment"] },
    fails: ["0 keyUsage ERR_TRUST_KEY_USAGE"],
  },
  "a key usage that does not fit the purpose": {
    leaf: "encipher",
    options: { purpose: "clientAuth" },
    fails: ["0 keyUsage ERR_TRUST_KEY_USAGE"],
  },
  "a critical extension that is not known": {
    leaf: "criticalLeaf",
    fails: ["0 criticalExtension ERR_TRUST_CRITICAL_EXTENSION"],
  },
  "an authority with such an extension": {
    leaf: "belowCritical",
    fails: ["1 criticalExtension ERR_TRUST_CRITICAL_EXTENSION"],
  },
  "RSA with 1024 bits": { leaf: "rsa1024", fails: ["0 weakKey ERR_TRUST_WEAK_KEY"] },
  "RSA with 1024 bits, allowed": { leaf: "rsa1024", options: { minimumRsaBits: 1024 } },
  "a signature with SHA-1": { leaf: "sha1", fails: ["0 weakSignature ERR_TRUST_WEAK_SIGNATURE"] },
  "a signature with SHA-1, allowed": { leaf: "sha1", options: { allowSha1Signatures: true } },
  "a root that signed itself with SHA-1": { leaf: "belowSha1Root", anchors: ["sha1Root"] },
  "a signature with MD5, SHA-1 allowed": {
    leaf: "md5",
    options: { allowSha1Signatures: true },
    fails: ["0 weakSignature ERR_TRUST_WEAK_SIGNATURE"],
  },
  "pinned itself": { leaf: "leaf", pinned: ["leaf"] },
  "its authority pinned": { leaf: "leaf", pinned: ["issuing"] },
  "another one pinned": { leaf: "leaf", pinned: ["client"], fails: ["0 pinned ERR_TRUST_NOT_PINNED"] },
  "nothing pinned": { leaf: "leaf", pinned: [], fails: ["0 pinned ERR_TRUST_NOT_PINNED"] },
  "another host": {
    leaf: "leaf",
    options: { hostName: "example.com" },
    fails: ["0 hostName ERR_TRUST_HOST_NAME"],
  },
  "a host under a wildcard": { leaf: "leaf", options: { hostName: "A.Wild.Example.COM." } },
  "two labels under a wildcard": {
    leaf: "leaf",
    options: { hostName: "a.b.wild.example.com" },
    fails: ["0 hostName ERR_TRUST_HOST_NAME"],
  },
  "an IPv4 address": { leaf: "leaf", options: { hostName: "192.0.2.1" } },
  "an IPv6 address, written otherwise": { leaf: "leaf", options: { hostName: "[2001:0DB8:0::1]" } },
  "another address": {
    leaf: "leaf",
    options: { hostName: "192.0.2.2" },
    fails: ["0 hostName ERR_TRUST_HOST_NAME"],
  },
  "a host in the CN only": {
    leaf: "commonName",
    options: { hostName: "old.example.com" },
    fails: ["0 hostName ERR_TRUST_HOST_NAME"],
  },
  "a host in the CN only, allowed": {
    leaf: "commonName",
    options: { hostName: "old.example.com", hostNameInCommonName: true },
  },
  "permitted DNS names": { leaf: "dnsGood" },
  "a DNS name that is not permitted": {
    leaf: "dnsBad",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a host in the CN that is not permitted": {
    leaf: "dnsCommonName",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "an excluded DNS name": { leaf: "dnsExcluded", fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"] },
  "a wildcard that takes in an excluded name": {
    leaf: "dnsWildcardExcluded",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a permitted address": { leaf: "ipGood" },
  "an address that is not permitted": {
    leaf: "ipBad",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "an address of the other kind": {
    leaf: "ipOther",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a permitted mailbox": { leaf: "emailGood" },
  "a mailbox that is not permitted": {
    leaf: "emailBad",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a mailbox in the subject that is not permitted": {
    leaf: "emailInSubject",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a permitted URI": { leaf: "uriGood" },
  "a URI that is not permitted": { leaf: "uriBad", fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"] },
  "a URI with an address where names are constrained": {
    leaf: "uriAddress",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a permitted subject, written otherwise": { leaf: "directoryGood" },
  "a subject that is not permitted": {
    leaf: "directoryBad",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "a constrained kind of name that cannot be compared": {
    leaf: "otherNameBad",
    fails: ["0 nameConstraints ERR_TRUST_NAME_CONSTRAINTS"],
  },
  "such a constraint, and no name of the kind": { leaf: "otherNameNone" },
  "a path that is too long": {
    leaf: "leaf",
    options: { maxDepth: 3 },
    fails: ["2 path ERR_TRUST_PATH_LIMIT"],
  },
  "several things wrong": {
    leaf: "client",
    options: { purpose: "serverAuth", hostName: "x.example.com", at: inDays(4000) },
    anchors: ["client"],
    fails: [
      "0 validity ERR_TRUST_EXPIRED",
      "0 extendedKeyUsage ERR_TRUST_PURPOSE",
      "0 hostName ERR_TRUST_HOST_NAME",
    ],
  },
};

describeWithPeers("verifyCertificate, the path", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let certificates: Map<string, Certificate>;
  const named = (name: string): Certificate => {
    const certificate = certificates.get(name);
    if (certificate === undefined) throw new Error(`there is no certificate ${name}`);
    return certificate;
  };
  const roots = new Set(["root", "other", "sha1Root"]);
  const authorities = () =>
    [...certificates].filter(([name]) => !roots.has(name)).map(([, certificate]) => certificate);

  beforeAll(async () => {
    folder = await temporaryFolder();
    certificates = await makePki(new TestPki(folder.path));
  });
  afterAll(() => folder.remove());

  test.each(Object.entries(CASES))(
    "%s",
    async (_, { leaf, anchors, intermediates, pinned, options, fails, path }) => {
      const result = await verifyCertificate(named(leaf), {
        anchors: (anchors ?? ["root"]).map(named),
        intermediates: intermediates?.map(named) ?? authorities(),
        pinned: pinned?.map(named),
        ...options,
      });
      expect(written(result.failures)).toEqual(fails ?? []);
      expect(result.trusted).toBe(fails === undefined);
      expect(result.warnings).toEqual([]);
      if (path !== undefined)
        expect(result.path.map((one) => one.subject.text)).toEqual(
          path.map((name) => named(name).subject.text),
        );
      for (const { certificate, depth } of result.failures) expect(result.path[depth]).toBe(certificate);
    },
  );

  test("a changed certificate", async () => {
    const der = Buffer.from(named("leaf").der);
    const at = der.indexOf("host.example.com", 0, "latin1");
    der.write("evil", at, "latin1");
    const result = await verifyCertificate(parseCertificate(der), {
      anchors: [named("root")],
      intermediates: [named("issuing"), named("policy")],
    });
    expect(written(result.failures)).toEqual(["0 signature ERR_TRUST_SIGNATURE"]);
    expect(result.failures[0]?.message).toContain("issuing");
  });

  test("pins by thumbprint, and what is none", async () => {
    const leaf = named("leaf");
    const verify = (pinned: string) =>
      verifyCertificate(leaf, { anchors: [leaf], pinned: [pinned] }).then((result) => result.trusted);
    const withColons = leaf
      .thumbprint("sha256")
      .toLowerCase()
      .replace(/..(?=.)/g, "$&:");
    expect(await verify(withColons)).toBe(true);
    expect(await verify(leaf.thumbprint("sha1"))).toBe(true);
    expect(await verify("00".repeat(32))).toBe(false);
    await expect(verify(leaf.thumbprint("md5"))).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });

  test("an extra step sees each path and can refuse it", async () => {
    const paths: (readonly Certificate[])[] = [];
    const options = { anchors: [named("root")], intermediates: [named("issuing"), named("policy")] };
    const result = await verifyCertificate(named("leaf"), {
      ...options,
      extraStep: async (path) => {
        paths.push(path);
        const certificate = path.at(-1) ?? named("leaf");
        return [
          {
            step: "trustList",
            code: "ERR_TRUST_LIST_X",
            certificate,
            depth: path.length - 1,
            message: "not listed",
          },
        ];
      },
    });
    expect(paths.map((path) => path.length)).toEqual([4]);
    expect(written(result.failures)).toEqual(["3 trustList ERR_TRUST_LIST_X"]);
    const thrown = new Error("no");
    const failing = () => Promise.reject(thrown);
    await expect(verifyCertificate(named("leaf"), { ...options, extraStep: failing })).rejects.toBe(thrown);
  });

  test("authorities that all issued each other: bounded work, and the anchor is found when it is near", async () => {
    let checks = 0;
    const make = (index: number, name: string, issuer: string): Certificate =>
      withChanges(named("issuing"), {
        subject: fakeName(name),
        issuer: fakeName(issuer),
        selfIssued: false,
        authorityKeyId: undefined,
        publicKeyDer: Buffer.from(`key ${index}`),
        thumbprint: () => `${index}`,
        isSignedBy: () => {
          checks += 1;
          return true;
        },
      });
    const mesh = Array.from({ length: 400 }, (_, index) =>
      make(index, `a${index % 20}`, `a${(index * 7 + 1) % 20}`),
    );
    const leaf = make(1000, "leaf", "a0");
    const result = await verifyCertificate(leaf, { anchors: [named("root")], intermediates: mesh });
    expect(checks).toBeLessThanOrEqual(100);
    expect(result.failures.map(({ code }) => code)).toContain("ERR_TRUST_PATH_LIMIT");
    const anchored = await verifyCertificate(leaf, {
      anchors: [make(2000, "a0", "a0")],
      intermediates: mesh,
    });
    expect(anchored.path).toHaveLength(2);
  });

  describe("options", () => {
    test.each([{ maxDepth: 0 }, { maxSignatureChecks: 0 }, { minimumRsaBits: 1 }, { at: new Date("never") }])(
      "%j is refused",
      async (options) => {
        await expect(verifyCertificate(named("leaf"), { anchors: [], ...options })).rejects.toMatchObject({
          code: "ERR_OPTION_INVALID",
        });
      },
    );
  });
});

function fakeName(value: string): Certificate["subject"] {
  return {
    text: `CN=${value}`,
    attributes: [{ type: "CN", oid: "2.5.4.3", value }],
    der: Buffer.from(value),
  };
}

/** The certificate, apart from some members. */
function withChanges(certificate: Certificate, changes: Partial<Certificate>): Certificate {
  return new Proxy(certificate, {
    get: (target, name) =>
      Reflect.get(name in changes ? changes : target, name, name in changes ? changes : target),
  });
}
