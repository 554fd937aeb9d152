import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  type CertificateStore,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  type SoftwarePrivateKey,
  type StoreEntry,
  selectEntries,
  selectEntry,
} from "@waybill/cert-store";

describe("selecting an entry", () => {
  let store: CertificateStore;
  let key: SoftwarePrivateKey;
  const entry = (certificate: Certificate | undefined, more: Partial<StoreEntry> = {}): StoreEntry => ({
    alias: undefined,
    fileName: undefined,
    certificate,
    chain: certificate === undefined ? [] : [certificate],
    privateKey: undefined,
    keyProblem: undefined,
    publicKey: certificate?.sshKey,
    ...more,
  });
  beforeAll(async () => {
    key = await generateKeyPair({ type: "ed25519" });
    const make = (subject: string) => createSelfSignedCertificate({ key, subject });
    const ca = await make("CN=Odette CA,O=Odette,C=GB");
    const issued = await issueCertificate({
      ...{ issuer: { certificate: ca, key }, publicKeyDer: ca.publicKeyDer },
      subject: "CN=partner,O=Company\\, Inc,C=DE",
    });
    const entries = [
      entry(ca, { alias: "ca" }),
      entry(await make("CN=host.example.com,O=Company,C=DE"), {
        alias: "old",
        keyProblem: new Error("the token is gone"),
      }),
      entry(await make("CN=host.example.com.test,O=Company"), { alias: "test", privateKey: key }),
      entry(issued, { alias: "mine", privateKey: key }),
      entry(issued, { alias: "copy" }),
      entry(undefined, { alias: "bare", publicKey: key.publicKey }),
    ];
    store = { format: "pem", fileName: "store.p12", entries, problems: [] };
  });
  const aliases = (selector: Parameters<typeof selectEntries>[1]) =>
    selectEntries(store, selector).map((one) => one.alias);
  const error = (selector: Parameters<typeof selectEntry>[1], code: string, message: RegExp) =>
    expect(() => selectEntry(store, selector)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );

  test("by subject: exact before contained", () => {
    expect(aliases({ subject: "CN=host.example.com,O=Company,C=DE" })).toEqual(["old"]);
    expect(aliases({ subject: "C=DE, O=Company, CN=host.example.com" })).toEqual(["old"]);
    expect(aliases({ subject: "host.example.com" })).toEqual(["old"]);
    expect(aliases({ subject: "Company, Inc" })).toEqual(["mine", "copy"]);
    expect(aliases({ subject: "HOST.EXAMPLE" })).toEqual(["old", "test"]);
    expect(aliases({ subject: "nobody" })).toEqual([]);
  });

  test("* is the first with a private key", () => {
    expect(selectEntry(store, { subject: "*" }).alias).toBe("test");
    expect(selectEntry(store, { subject: "*", issuer: "Odette CA" }).alias).toBe("mine");
    error({ subject: "*", alias: "old" }, "ERR_CERT_NO_PRIVATE_KEY", /token is gone/);
  });

  test("by thumbprint, serial number, issuer and alias", () => {
    const certificate = store.entries[3]?.certificate as Certificate;
    for (const hash of ["md5", "sha1", "sha256"] as const) {
      const digits = certificate.thumbprint(hash);
      expect(aliases({ thumbprint: digits })).toEqual(["mine", "copy"]);
      expect(aliases({ thumbprint: digits.toLowerCase().replace(/..(?!$)/g, "$&:") })).toEqual([
        "mine",
        "copy",
      ]);
    }
    const { serialNumber } = certificate;
    expect(aliases({ serialNumber, issuer: "CN=Odette CA,O=Odette,C=GB" })).toEqual(["mine", "copy"]);
    expect(aliases({ serialNumber: `00:${serialNumber.toLowerCase()}` })).toEqual(["mine", "copy"]);
    expect(aliases({ serialNumber, issuer: "Company" })).toEqual([]);
    expect(aliases({ alias: "bare" })).toEqual(["bare"]);
    expect(aliases({ withPrivateKey: true })).toEqual(["test", "mine"]);
    error({ thumbprint: "abc" }, "ERR_CERT_OPTIONS", /thumbprint/);
    error({ serialNumber: "x" }, "ERR_CERT_OPTIONS", /serial/);
  });

  test("copies of one certificate are one, the one with the key", () => {
    expect(selectEntry(store, { subject: "partner" }).alias).toBe("mine");
    const [first, ...others] = store.entries.filter((one) => one.alias === "copy" || one.alias === "mine");
    const turned = { ...store, entries: [...others, first as StoreEntry] };
    expect(selectEntry(turned, { subject: "partner" }).alias).toBe("mine");
  });

  test("errors say what was found", () => {
    error(
      { subject: "host.example" },
      "ERR_CERT_AMBIGUOUS",
      /^store\.p12: 2 entries match .*"old" CN=host.*"test" CN=host/,
    );
    error({ subject: "nobody" }, "ERR_CERT_NOT_FOUND", /subject "nobody": it holds "ca" CN=Odette CA/);
    error({ alias: "ca", withPrivateKey: true }, "ERR_CERT_NO_PRIVATE_KEY", /no private key for "ca"/);
    error({}, "ERR_CERT_AMBIGUOUS", /6 entries/);
    expect(() => selectEntry({ ...store, entries: [] }, { subject: "x" })).toThrow(/it is empty/);
  });
});
