import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type VerifyTrustListOptions, verifyTrustListSignature } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { SignedXml } from "xml-crypto";
import { mutations } from "./mutations.js";
import {
  EXCLUSIVE,
  type Identity,
  issue,
  listXml,
  RSA_SHA256,
  type SignatureFixture,
  signedList,
} from "./trust-list-fixtures.js";

const INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";

const RUNS = mutations(1000);

describeWithPeers("the signature of a trust list", [peers.xmlsec], () => {
  let folder: TemporaryFolder;
  let signer: Identity;
  let ecSigner: Identity;
  let authority: Identity;

  beforeAll(async () => {
    folder = await temporaryFolder();
    [signer, ecSigner, authority] = await Promise.all([
      issue("List Signer", undefined, { key: "rsa" }),
      issue("EC Signer"),
      issue("Authority"),
    ]);
  });
  afterAll(() => folder.remove());

  const fixture = () => ({ services: [{ certificates: [authority.certificate] }] });
  const sign = (signature: SignatureFixture = {}, by = signer) =>
    signedList(folder.path, by, fixture(), signature);
  const refusal = (xml: string, options?: VerifyTrustListOptions): unknown => {
    try {
      verifyTrustListSignature(xml, options);
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return "accepted";
  };

  test("is good, and tells list and signer", async () => {
    const { list, signer: found } = verifyTrustListSignature(Buffer.from(await sign()));
    expect(found.equals(signer.certificate)).toBe(true);
    expect(list).toMatchObject({ sequenceNumber: 7, operatorName: "Test Operator & Sons", problems: [] });
    expect(list.providers[0]?.services[0]?.certificates[0]?.equals(authority.certificate)).toBe(true);
  });

  test.each<[string, SignatureFixture]>([
    ["RSA with SHA-384", { algorithm: `${MORE}rsa-sha384`, digest: `${MORE}sha384` }],
    [
      "RSA with SHA-512",
      { algorithm: `${MORE}rsa-sha512`, digest: "http://www.w3.org/2001/04/xmlenc#sha512" },
    ],
    ["the signature as XAdES has it", { xades: true }],
    ["inclusive canonicalization", { canonicalization: INCLUSIVE }],
    ["a prefix", { prefix: "ds", canonicalization: INCLUSIVE }],
  ])("is good with %s", async (_name, signature) => {
    expect(verifyTrustListSignature(await sign(signature)).list.sequenceNumber).toBe(7);
  });

  test("is good with ECDSA", async () => {
    const xml = await sign({ algorithm: `${MORE}ecdsa-sha256` }, ecSigner);
    expect(verifyTrustListSignature(xml).signer.equals(ecSigner.certificate)).toBe(true);
  });

  /** A signature that xmlsec1 does not make: of the elements at `paths`, the whole list being `/*`. */
  function signWithLibrary(signatureAlgorithm: string, ...paths: readonly string[]): string {
    const maker = new SignedXml({
      privateKey: signer.keyPem,
      publicCert: signer.certificate.pem,
      signatureAlgorithm,
      canonicalizationAlgorithm: EXCLUSIVE,
    });
    for (const xpath of paths) {
      const isList = xpath === "/*";
      maker.addReference({
        xpath,
        isEmptyUri: isList,
        transforms: [...(isList ? ["http://www.w3.org/2000/09/xmldsig#enveloped-signature"] : []), EXCLUSIVE],
        digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
      });
    }
    maker.computeSignature(listXml(fixture()));
    return maker.getSignedXml();
  }

  test("is good with RSA-PSS", () => {
    const xml = signWithLibrary("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "/*");
    expect(verifyTrustListSignature(xml).list.sequenceNumber).toBe(7);
    expect(refusal(xml.replace("inaccord", "inaccorD"))).toBe("ERR_TRUST_LIST_SIGNATURE");
  });

  test("must be of the list, once, and of nothing else in it", () => {
    const scheme = "//*[local-name()='SchemeInformation']";
    expect(refusal(signWithLibrary(RSA_SHA256, "/*"))).toBe("accepted");
    for (const paths of [[scheme], ["/*", scheme], ["/*", "/*"]]) {
      expect(refusal(signWithLibrary(RSA_SHA256, ...paths))).toBe("ERR_TRUST_LIST_SIGNATURE");
    }
  });

  test("is good with prefixes in the list and a reference by identifier", async () => {
    const xml = await signedList(
      folder.path,
      signer,
      { ...fixture(), prefix: "tsl", id: "ID1" },
      { uri: "#ID1" },
    );
    expect(verifyTrustListSignature(xml).list.sequenceNumber).toBe(7);
  });

  test("may come without a certificate when the signer is given", async () => {
    const xml = await sign({ keyInfo: false });
    expect(refusal(xml)).toBe("ERR_TRUST_LIST_SIGNATURE");
    expect(verifyTrustListSignature(xml, { signers: [signer.certificate] }).list.sequenceNumber).toBe(7);
  });

  test("must be by one of the accepted signers", async () => {
    const xml = await sign();
    const thumbprint = signer.certificate.thumbprint("sha256");
    const colons = thumbprint.toLowerCase().replace(/..(?!$)/g, "$&:");
    for (const accepted of [signer.certificate, thumbprint, colons, signer.certificate.thumbprint("sha1")]) {
      expect(refusal(xml, { signers: [ecSigner.certificate, accepted] })).toBe("accepted");
    }
    expect(refusal(xml, { signers: [ecSigner.certificate] })).toBe("ERR_TRUST_LIST_SIGNER");
    expect(refusal(xml, { signers: [] })).toBe("ERR_TRUST_LIST_SIGNER");
    expect(refusal(xml, { signers: ["abc"] })).toBe("ERR_OPTION_INVALID");
  });

  test("is refused when the list was changed", async () => {
    const xml = await sign();
    for (const [from, to] of [
      ["<TSLSequenceNumber>7<", "<TSLSequenceNumber>8<"],
      ["inaccord", "inaccorD"],
      ["TSLTag=", "TSLtag="],
      ["</TrustServiceProviderList>", "</TrustServiceProviderList><More/>"],
    ] as const) {
      expect(xml).toContain(from);
      expect(refusal(xml.replace(from, to))).toBe("ERR_TRUST_LIST_SIGNATURE");
    }
  });

  test("is refused when the certificate in it is another one", async () => {
    const other = await issue("List Signer", undefined, { key: "rsa" });
    const xml = (await sign()).replace(
      /<X509Certificate>[^<]*<\/X509Certificate>(?=\s*<\/X509Data>)/,
      `<X509Certificate>${other.certificate.der.toString("base64")}</X509Certificate>`,
    );
    expect(refusal(xml)).toBe("ERR_TRUST_LIST_SIGNATURE");
  });

  test("is refused with SHA-1 unless that is allowed", async () => {
    const signature = await sign({ algorithm: "http://www.w3.org/2000/09/xmldsig#rsa-sha1" });
    const digest = await sign({ digest: "http://www.w3.org/2000/09/xmldsig#sha1" });
    for (const xml of [signature, digest]) {
      expect(refusal(xml)).toBe("ERR_TRUST_LIST_UNSUPPORTED");
      expect(refusal(xml, { allowSha1: true })).toBe("accepted");
    }
  });

  test("is refused with a key of 1024 bits", async () => {
    const small = await issue("Small", undefined, { key: "smallRsa" });
    expect(refusal(await sign({}, small))).toBe("ERR_TRUST_LIST_SIGNATURE");
  });

  test("must be there, once, and directly in the list", async () => {
    const xml = await sign();
    const element = /<Signature [\s\S]*<\/Signature>/.exec(xml)?.[0] ?? "";
    expect(refusal(listXml(fixture()))).toBe("ERR_TRUST_LIST_SIGNATURE");
    expect(refusal(xml.replace(element, element + element))).toBe("ERR_TRUST_LIST_SIGNATURE");
    expect(refusal(xml.replace(element, `<Extra>${element}</Extra>`))).toBe("ERR_TRUST_LIST_SIGNATURE");
  });

  test("is refused when the signed list is wrapped into a forged one", async () => {
    const good = await signedList(
      folder.path,
      signer,
      { ...fixture(), id: "ID1" },
      { uri: "#ID1", prefix: "ds" },
    );
    expect(refusal(good)).toBe("accepted");
    const element = /<ds:Signature [\s\S]*<\/ds:Signature>/.exec(good)?.[0] ?? "";
    const original = good.replace(/^<\?xml[^>]*>\s*/, "").replace(element, "");
    const forged = (id: string | undefined, inside: string) =>
      listXml({ sequence: 99, ...(id === undefined ? {} : { id }), extra: inside });
    const within = (wrapper: string) => element.replace("</ds:Signature>", `${wrapper}</ds:Signature>`);
    for (const attack of [
      // The signed list beside the forged content, with and without the same identifier twice.
      forged(undefined, `<Extra>${original}</Extra>${element}`),
      forged("ID1", `<Extra>${original}</Extra>${element}`),
      forged("ID2", `<Extra>${original}</Extra>${element}`),
      // Inside the signature, in an object.
      forged("ID2", within(`<ds:Object>${original}</ds:Object>`)),
      forged("ID1", within(`<ds:Object>${original}</ds:Object>`)),
      // The whole signed list as it is, inside of a forged one.
      forged(undefined, good.replace(/^<\?xml[^>]*>\s*/, "")),
    ]) {
      expect(refusal(attack)).toBe("ERR_TRUST_LIST_SIGNATURE");
    }
  });

  test("is refused when it has a second SignedInfo, or parts in another order", async () => {
    const xml = await sign();
    const info = /<SignedInfo>[\s\S]*<\/SignedInfo>/.exec(xml)?.[0] ?? "";
    const value = /<SignatureValue>[\s\S]*<\/SignatureValue>/.exec(xml)?.[0] ?? "";
    for (const attack of [
      xml.replace(info, info + info),
      xml.replace(info, `<Object>${info}</Object>${info}`),
      xml.replace(info + value, value + info).replace(`${info}\n${value}`, `${value}\n${info}`),
      xml.replace(
        "<Reference ",
        '<Reference URI="#none"><DigestMethod Algorithm="x"/></Reference><Reference ',
      ),
    ]) {
      expect(attack).not.toBe(xml);
      expect(refusal(attack)).toBe("ERR_TRUST_LIST_SIGNATURE");
    }
  });

  test("is refused with transforms that select parts", async () => {
    const xml = await sign();
    const xpath = '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"/>';
    expect(refusal(xml.replace("<Transforms>", `<Transforms>${xpath}`))).toBe("ERR_TRUST_LIST_UNSUPPORTED");
    const hmac = xml.replace(RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#hmac-sha1");
    expect(refusal(hmac)).toBe("ERR_TRUST_LIST_UNSUPPORTED");
    const proto = xml.replace(RSA_SHA256, "constructor");
    expect(refusal(proto)).toBe("ERR_TRUST_LIST_UNSUPPORTED");
  });

  test("is good with line ends of Windows and with a processing instruction", async () => {
    const xml = await sign();
    const windows = xml.replace(/\r?\n/g, "\r\n");
    expect(windows).not.toBe(xml);
    expect(refusal(windows)).toBe("accepted");
    expect(refusal(xml.replace("<Trust", '<?xml-stylesheet href="x"?><Trust'))).toBe("accepted");
  });

  test("comments that are added do not change what is read", async () => {
    const { list } = verifyTrustListSignature((await sign()).replace("inaccord", "inac<!-- x -->cord"));
    expect(list.providers[0]?.services[0]?.status).toBe("http://uri.etsi.org/TrstSvc/Svcstatus/inaccord");
  });

  test("nothing is read that was not signed, where text is made a processing instruction", async () => {
    // The canonical form is the same for this library; what is read must be what that says.
    const xml = (await sign()).replace("inaccord", "inac<?x cord?>");
    expect(verifyTrustListSignature(xml).list.providers[0]?.services[0]?.status).toMatch(/inaccord$/);
  });

  test("gives what was signed, or a typed error, after many mutations", async () => {
    const xml = Buffer.from(await sign({ xades: true }));
    const expected = JSON.stringify(verifyTrustListSignature(xml).list);
    const signatureAt = xml.indexOf("<Signature ");
    const place = fc.oneof(fc.nat(xml.length - 1), fc.integer({ min: signatureAt, max: xml.length - 1 }));
    const inserted = fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc
        .constantFrom("<", "</", "/>", "&", "<!---->", "<?x y?>", "<Object/>", " Id='xp'", "#xp")
        .map(Buffer.from),
    );
    let refused = 0;
    fc.assert(
      fc.property(place, fc.nat(12), inserted, (at, length, bytes) => {
        try {
          const mutated = Buffer.concat([xml.subarray(0, at), bytes, xml.subarray(at + length)]);
          expect(JSON.stringify(verifyTrustListSignature(mutated).list)).toBe(expected);
        } catch (error) {
          refused += 1;
          expect((error as { code?: string }).code).toMatch(/^ERR_TRUST_LIST_/);
        }
      }),
      { numRuns: RUNS },
    );
    expect(refused).toBeGreaterThan(RUNS / 2);
  });
});
