import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { dialTls, listenTls, type TlsClientSettings, type TlsServerSettings } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { closeTls, Issuer, openTls, type TestCertificate } from "./tls-helpers.js";

let folder: TemporaryFolder;
let issuer: Issuer;
let ca: TestCertificate;
let own: TestCertificate;
let ownRsa: TestCertificate;
let other: TestCertificate;

describeWithPeers("TLS settings", [peers.openssl], () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    issuer = new Issuer(folder.path);
    ca = await issuer.authority("The CA");
    [own, ownRsa, other] = await Promise.all([
      issuer.issue(ca, "localhost", { san: "DNS:localhost,IP:127.0.0.1" }),
      issuer.issue(ca, "localhost", { san: "DNS:localhost,IP:127.0.0.1", rsa: true }),
      issuer.issue(ca, "other"),
    ]);
  });
  afterAll(() => folder.remove());
  afterEach(closeTls);

  const refuse = async (settings: () => Partial<TlsServerSettings>, setting: string, says = "") => {
    const tls = { certificates: [own], ...settings() };
    const wrong = { code: "ERR_TLS_SETTINGS", details: { setting }, message: expect.stringContaining(says) };
    const outcome = await listenTls({ port: 0, tls }, () => {}).then(
      ({ close }) => close,
      (error: unknown) => error,
    );
    expect(outcome).toMatchObject(wrong);
  };

  const damaged = (pem: string) =>
    pem.replace(/\n(.{20})/, (_all, start: string) => `\n${"A".repeat(start.length)}`);

  test.each<[string, () => Partial<TlsServerSettings>, string, string?]>([
    ["no certificate", () => ({ certificates: [] }), "certificates", "at least one"],
    [
      "another certificate's key",
      () => ({ certificates: [{ ...own, privateKey: other.privateKey }] }),
      "certificates[0].privateKey",
      "does not belong",
    ],
    // OpenSSL itself takes this pair without a word.
    [
      "a key of another kind",
      () => ({ certificates: [{ ...own, privateKey: ownRsa.privateKey }] }),
      "certificates[0].privateKey",
      "does not belong",
    ],
    [
      "the chain in the wrong order",
      () => ({ certificates: [{ ...own, certificate: ca.certificate + own.certificate }] }),
      "certificates[0].privateKey",
      "must come first",
    ],
    [
      "two certificates with the same kind of key",
      () => ({ certificates: [own, ownRsa, other] }),
      "certificates[2]",
      "certificates[0]",
    ],
    [
      "a certificate that is none",
      () => ({ certificates: [{ ...own, certificate: "x" }] }),
      "certificates[0].certificate",
    ],
    [
      "a certificate that is cut off",
      () => ({ certificates: [{ ...own, certificate: own.certificate.slice(0, -40) }] }),
      "certificates[0].certificate",
      "without an end",
    ],
    [
      "a damaged certificate",
      () => ({ certificates: [{ ...own, certificate: damaged(own.certificate) }] }),
      "certificates[0].certificate",
      "damaged",
    ],
    [
      "a damaged certificate further up the chain",
      () => ({ certificates: [{ ...own, certificate: own.certificate + damaged(ca.certificate) }] }),
      "certificates[0].certificate",
      "damaged",
    ],
    [
      "a damaged key",
      () => ({ certificates: [{ ...own, privateKey: damaged(own.privateKey) }] }),
      "certificates[0].privateKey",
      "damaged",
    ],
    [
      "a PKCS#12 file that is none",
      () => ({ certificates: [{ pfx: Buffer.from("x") }] }),
      "certificates[0].pfx",
    ],
    ["trust that is none", () => ({ trust: [own.certificate, "x"] }), "trust[1]"],
    ["trust that is damaged", () => ({ trust: [damaged(ca.certificate)] }), "trust[0]", "damaged"],
    ["a revocation list that is none", () => ({ crls: ["x"] }), "crls[0]"],
    [
      "a damaged revocation list",
      () => ({ crls: ["-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----"] }),
      "crls[0]",
      "damaged",
    ],
    ["an unknown version", () => ({ minimumVersion: "TLSv1.1" as "TLSv1.2" }), "minimumVersion"],
    [
      "versions the wrong way round",
      () => ({ minimumVersion: "TLSv1.3", maximumVersion: "TLSv1.2" }),
      "minimumVersion",
    ],
    [
      "an unknown suite among known ones",
      () => ({ cipherSuites: ["TLS_AES_256_GCM_SHA384", "ROT13"] }),
      "cipherSuites",
      "ROT13",
    ],
    ["a rule in place of a suite", () => ({ cipherSuites: ["ALL:!eNULL"] }), "cipherSuites"],
    ["a suite without certificates", () => ({ cipherSuites: ["PSK-AES128-GCM-SHA256"] }), "cipherSuites"],
    ["no suite", () => ({ cipherSuites: [] }), "cipherSuites"],
    [
      "suites of another version only",
      () => ({ minimumVersion: "TLSv1.3", cipherSuites: ["ECDHE-RSA-AES128-GCM-SHA256"] }),
      "cipherSuites",
      "TLSv1.3",
    ],
    ["an unknown curve", () => ({ ecdhCurves: ["X25519", "P-1"] }), "ecdhCurves"],
    ["no curve", () => ({ ecdhCurves: [] }), "ecdhCurves"],
    ["an empty protocol", () => ({ alpn: ["oftp", ""] }), "alpn"],
    ["a long protocol", () => ({ alpn: ["x".repeat(256)] }), "alpn"],
    ["client certificates without trust", () => ({ clientCertificates: "required" }), "trust", "[]"],
    [
      "an unknown word about client certificates",
      () => ({ clientCertificates: "yes" as "required", trust: [] }),
      "clientCertificates",
    ],
  ])("%s is refused", (_name, ...[settings, setting, says]) => refuse(settings, setting, says));

  test("a key that needs another passphrase is refused", async () => {
    const privateKey = await issuer.encrypted(own, "right");
    for (const passphrase of [undefined, "wrong"]) {
      const certificates = [{ certificate: own.certificate, privateKey, passphrase }];
      await refuse(() => ({ certificates }), "certificates[0].privateKey", "passphrase");
    }
    await openTls({ certificates: [{ certificate: own.certificate, privateKey, passphrase: "right" }] });
  });

  test("a client's settings are checked before it connects", async () => {
    const options = { host: "127.0.0.1", port: 1 };
    const refused = (tls: TlsClientSettings) => expect(dialTls({ ...options, tls })).rejects;
    await refused({ serverName: "ex ample" }).toMatchObject({ details: { setting: "serverName" } });
    await refused({ serverName: "" }).toMatchObject({ details: { setting: "serverName" } });
    await refused({ trust: ["x"] }).toMatchObject({ details: { setting: "trust[0]" } });
    await refused({ handshakeTimeoutMs: 0 }).toMatchObject({
      code: "ERR_OPTION_INVALID",
      details: { option: "tls.handshakeTimeoutMs" },
    });
  });

  test("of two certificates the client's abilities choose", async () => {
    const { dial } = await openTls({ certificates: [own, ownRsa], maximumVersion: "TLSv1.2" });
    const kinds: string[] = [];
    for (const suite of ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"]) {
      const peerDer: Buffer[] = [];
      const verify: TlsClientSettings["verify"] = ({ certificate, authorized }) =>
        authorized && peerDer.push(certificate ?? Buffer.alloc(0)) > 0;
      const socket = await dial({ trust: [ca.certificate], cipherSuites: [suite], verify });
      expect(socket.getCipher().name).toBe(suite);
      kinds.push(sha256(peerDer[0]!));
    }
    expect(kinds).toEqual([sha256(der(ownRsa)), sha256(der(own))]);
  });

  test("a PKCS#12 file works, and what else is in it is not trusted", async () => {
    const otherCa = await issuer.authority("Our own CA");
    const client = await issuer.issue(otherCa, "a client of our own CA");
    const pfx = await issuer.pfx(await issuer.issue(otherCa, "srv", { san: "IP:127.0.0.1" }), "s3cret", [
      otherCa,
    ]);
    await refuse(
      () => ({ certificates: [{ pfx, passphrase: "wrong" }] }),
      "certificates[0].pfx",
      "passphrase",
    );
    const { dial, next, failure } = await openTls({
      certificates: [{ pfx, passphrase: "s3cret" }],
      clientCertificates: "required",
      trust: [ca.certificate],
    });
    await dial({ trust: [otherCa.certificate], certificates: [other] });
    await next();
    await dial({ trust: [otherCa.certificate], certificates: [client] });
    expect(await failure()).toMatchObject({ code: "ERR_TLS_UNTRUSTED" });
  });
});

function der({ certificate }: TestCertificate): Buffer {
  return Buffer.from(certificate.replaceAll(/-----.*?-----|\s/g, ""), "base64");
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
