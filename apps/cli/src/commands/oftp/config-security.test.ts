import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  type SelfSignedCertificateOptions,
  type StoreContent,
  writePem,
  writePkcs12,
} from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { findPartner, readOftpConfig } from "./config.js";

let folder: TemporaryFolder;
/** By the names of their files. */
const certificates = new Map<string, Certificate>();

beforeAll(async () => {
  folder = await temporaryFolder();
  const [ours, next, acme] = await Promise.all([make("ours"), make("next"), make("acme")]);
  const old = await make("old", {
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date("2021-01-01T00:00:00Z"),
  });
  const signs = await make("signs", { keyUsage: ["digitalSignature"] });
  const key = async (name: string, { privateKey }: Made, passphrase?: string) =>
    write(name, [{ privateKey, chain: [], certificate: undefined }], "pem", passphrase);
  await Promise.all([
    write("ours.pem", [ours]),
    write("next.pem", [next]),
    write("old.pem", [old]),
    write("signs.pem", [signs]),
    write("ours.p12", [ours], "pkcs12", "open sesame"),
    write("both.p12", [ours, next], "pkcs12", "open sesame"),
    key("ours.key", ours),
    key("acme.key", acme),
    key("locked.key", ours, "open sesame"),
    write("locked.pem", [ours], "pem", "open sesame"),
    ...[ours, next, acme, old, signs].map(({ alias, certificate }) => write(`${alias}.cer`, certificate.pem)),
    write("empty.crl", ""),
    write("some.crl", "not looked at yet"),
    write("sesame", "open sesame\nmore"),
  ]);
});
afterAll(() => folder.remove());

type Made = StoreContent & { readonly alias: string; readonly certificate: Certificate };

async function make(name: string, more: Partial<SelfSignedCertificateOptions> = {}): Promise<Made> {
  const privateKey = await generateKeyPair({ type: "ec" });
  const certificate = await createSelfSignedCertificate({ key: privateKey, subject: `CN=${name}`, ...more });
  certificates.set(name, certificate);
  return { alias: name, certificate, privateKey, chain: [] };
}

async function write(
  name: string,
  content: string | readonly StoreContent[],
  format: "pem" | "pkcs12" = "pem",
  passphrase?: string,
): Promise<void> {
  const iterations = 1000;
  const data =
    typeof content === "string"
      ? content
      : format === "pkcs12"
        ? await writePkcs12({ entries: content, passphrase: passphrase ?? "", iterations })
        : await writePem({ entries: content, passphrase, iterations });
  await writeFile(join(folder.path, name), data);
}

const STATION = "station:\n  ssid: O0013000000WAYBILL\n  password: SECRET\n";
const PARTNER = "partners:\n  - name: acme\n    ssid: O0013000000ACME\n    password: THEIRS\n";
const OURS = `${STATION}  certificate: ours.pem\n`;

async function read(text: string) {
  const path = join(folder.path, "config.yaml");
  await writeFile(path, text, { mode: 0o600 });
  return readOftpConfig(path, { SESAME: "open sesame" });
}

/** The message of the error, without the folder. */
async function problem(text: string): Promise<string> {
  const error: unknown = await read(text).then(
    () => "nothing",
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) return String(error);
  expect(error).toMatchObject({ code: "ERR_CONFIG" });
  expect(error.message).not.toMatch(/sesame|WRONG/);
  return error.message.replaceAll(`${folder.path}/`, "");
}

const named = (located: readonly { readonly certificate: Certificate }[] | undefined) =>
  located?.map(({ certificate }) => certificate.subject.text);

describe("certificates of the station", () => {
  test.each([
    ["ours.pem", ["CN=ours"]],
    ["[ours.pem, next.pem]", ["CN=ours", "CN=next"]],
    ["{ file: ours.p12, password: open sesame }", ["CN=ours"]],
    ["{ file: ours.p12, passwordFile: sesame }", ["CN=ours"]],
    [`{ file: ours.p12, password: "$\{SESAME}" }`, ["CN=ours"]],
    ["{ file: ours.cer, key: ours.key }", ["CN=ours"]],
    ["{ file: ours.cer, key: locked.key, keyPassword: open sesame }", ["CN=ours"]],
    ["{ file: both.p12, password: open sesame, alias: next }", ["CN=next"]],
    ["[{ file: both.p12, password: open sesame, subject: CN=ours }, next.pem]", ["CN=ours", "CN=next"]],
  ])("%s", async (certificate, names) => {
    const { station } = await read(`${STATION}  certificate: ${certificate}\n`);
    expect(named(station.identities)).toEqual(names);
    for (const { certificate: each, key } of station.identities ?? []) {
      expect(each.sshKey?.equals(key.publicKey)).toBe(true);
    }
  });

  test("purposes: as they are set, else those that the certificate itself is for", async () => {
    const { station } = await read(
      `${STATION}  certificate: [{ file: ours.pem, purposes: [signing, receipts] }, signs.pem, { file: next.pem, purposes: encryption }]\n`,
    );
    expect(station.identities?.map(({ purposes }) => purposes)).toEqual([
      ["signing", "receipts"],
      ["signing", "receipts"],
      ["encryption"],
    ]);
    expect((await read(OURS)).station.identities?.[0]?.purposes).toBeUndefined();
  });

  test.each([
    ["nowhere.pem", "config.yaml:4: station.certificate names the file nowhere.pem, which is not there"],
    [
      "ours.cer",
      /^config\.yaml:4: station\.certificate names ours\.cer, which has no private key: .*name that as key$/,
    ],
    [
      "ours.p12",
      /^config\.yaml:4: station\.certificate names ours\.p12, which has a password: write \{ file/,
    ],
    ["{ file: ours.p12, password: WRONG }", /^config\.yaml:4: station\.certificate\.file cannot be read: /],
    [
      "{ file: ours.cer, key: acme.key }",
      "config.yaml:4: station.certificate.key has no private key that belongs to a certificate in ours.cer",
    ],
    [
      "{ file: both.p12, password: open sesame }",
      "config.yaml:4: station.certificate.file names both.p12, which has several private keys: choose one with alias or subject (CN=ours; CN=next)",
    ],
    [
      "{ file: both.p12, password: open sesame, alias: other }",
      "config.yaml:4: station.certificate.alias is of nothing in both.p12",
    ],
    [
      "locked.pem",
      /^config\.yaml:4: station\.certificate names locked\.pem, which has a password: write \{ file/,
    ],
    [
      "ours.key",
      /^config\.yaml:4: station\.certificate names ours\.key, whose private key has no certificate: `waybill cert join`/,
    ],
    ["config.yaml", /^config\.yaml:4: station\.certificate cannot be read: /],
    ["{ password: open sesame }", "config.yaml:4: station.certificate needs file"],
    [
      "{ file: ours.pem, purposes: [sealing] }",
      "config.yaml:4: station.certificate.purposes[0] must be signing, encryption, receipts or authentication",
    ],
    [
      "{ file: ours.pem, pasword: x }",
      /station\.certificate\.pasword is no setting: did you mean password\?/,
    ],
  ])("%s", async (certificate, message) => {
    expect(await problem(`${STATION}  certificate: ${certificate}\n`)).toMatch(message);
  });

  test("what has expired is a warning, with its line", async () => {
    const { warnings } = await read(`${STATION}  certificate: [ours.pem, old.pem]\n`);
    expect(warnings).toEqual([
      expect.stringMatching(
        /config\.yaml:4: station\.certificate\[1\] has the certificate CN=old, which expired at 2021-/,
      ),
    ]);
    const { partners } = await read(`${STATION}${PARTNER}    certificate: old.cer\n`);
    expect(partners[0]?.warnings).toEqual([
      expect.stringMatching(/:8: partners\[0\]\.certificate has the certificate CN=old/),
    ]);
  });
});

describe("the entry of a partner", () => {
  test("everything, in the words of the packages", async () => {
    const config =
      await read(`${OURS}${PARTNER}    certificate: [acme.cer, { file: next.cer, purposes: [receipts] }]
    ownCertificate: next.pem
    security:
      sign: true
      encrypt: true
      compress: true
      signedReceipt: true
      cipherSuite: 6
      allowWeak: false
      receiptHash: sha512
      require:
        incoming: { sign: required, encrypt: required, compress: allowed, signedReceipt: forbidden }
        outgoing: { sign: required }
    secureAuthentication: required
    trust: [acme.cer, next.cer]
    crls: some.crl
    certificateExchange: trusted
`);
    const { partner, trust } = findPartner(config, "acme");
    expect(partner).toMatchObject({
      security: {
        sign: true,
        encrypt: true,
        compress: true,
        signedReceipt: true,
        cipherSuite: 6,
        allowWeak: false,
        receiptHash: "sha512",
        require: {
          incoming: {
            sign: "required",
            encrypt: "required",
            compress: "allowed",
            signedReceipt: "forbidden",
          },
          outgoing: { sign: "required" },
        },
      },
      secureAuthentication: "required",
    });
    expect(named(partner.certificates)).toEqual(["CN=acme", "CN=next"]);
    expect(partner.certificates?.map(({ purposes }) => purposes)).toEqual([undefined, ["receipts"]]);
    expect(named(partner.ownIdentities)).toEqual(["CN=next"]);
    expect(trust).toMatchObject({ crls: [join(folder.path, "some.crl")], exchange: "trusted" });
    expect(trust.anchors?.map(({ subject }) => subject.text)).toEqual(["CN=acme", "CN=next"]);
  });

  test("what the station says holds for partners that say nothing, setting by setting", async () => {
    const config =
      await read(`${OURS}  security: { sign: true, cipherSuite: 8, require: { incoming: { sign: required } } }
  secureAuthentication: refused
${PARTNER}    certificate: acme.cer
    security: { sign: false, compress: true, require: { incoming: { encrypt: required } } }
  - { name: zulu, ssid: O0013ZULU, password: X, certificate: acme.cer, secureAuthentication: required }
`);
    expect(findPartner(config, "acme").partner).toMatchObject({
      security: {
        sign: false,
        compress: true,
        cipherSuite: 8,
        require: { incoming: { sign: "required", encrypt: "required" } },
      },
      secureAuthentication: "refused",
    });
    expect(findPartner(config, "zulu").partner).toMatchObject({
      security: { sign: true, cipherSuite: 8, require: { incoming: { sign: "required" } } },
      secureAuthentication: "required",
    });
  });

  test("certificates may still come from the partner: nothing is missing then", async () => {
    const text = `${OURS}${PARTNER}    security: { encrypt: true }\n    trust: next.cer\n`;
    expect(await problem(text)).toMatch(/security\.encrypt needs a certificate of the partner acme/);
    expect(await problem(`${text}    certificateExchange: trusted\n`)).toBe("nothing");
  });

  test.each([
    [
      "certificate: nowhere.cer",
      "config.yaml:9: partners[0].certificate names the file nowhere.cer, which is not there",
    ],
    [
      "certificate: ours.key",
      "config.yaml:9: partners[0].certificate names ours.key, which has no certificate",
    ],
    [
      "certificate: { file: acme.cer, key: x }",
      /partners\[0\]\.certificate\.key is no setting: known are file/,
    ],
    [
      "ownCertificate: next.cer",
      /^config\.yaml:9: partners\[0\]\.ownCertificate names next\.cer, which has no private key/,
    ],
    ["security: true", "config.yaml:9: partners[0].security must be a map of names and values"],
    ["security: { sing: true }", /partners\[0\]\.security\.sing is no setting: did you mean sign\?/],
    ["security: { sign: maybe }", "config.yaml:9: partners[0].security.sign must be true or false"],
    [
      "security: { cipherSuite: 11 }",
      "config.yaml:9: partners[0].security.cipherSuite must be a whole number from 1 to 10",
    ],
    [
      "security: { cipherSuite: 2 }",
      "config.yaml:9: partners[0].security.cipherSuite is 2, which signs with SHA-1 and is weak: add allowWeak: true if the partner can do no better",
    ],
    ["security: { receiptHash: md5 }", /receiptHash must be sha1, sha256, sha512 or sha3-512$/],
    [
      "security: { receiptHash: sha1 }",
      /^config\.yaml:9: partners\[0\]\.security\.receiptHash is sha1, which is weak/,
    ],
    ["security: { require: { incomming: {} } }", /require\.incomming is no setting: did you mean incoming\?/],
    [
      "security: { require: { incoming: { sign: true } } }",
      "config.yaml:9: partners[0].security.require.incoming.sign must be required, allowed or forbidden",
    ],
    [
      "security: { sign: false, require: { outgoing: { sign: required } } }",
      "config.yaml:9: partners[0].security.sign is false, but partners[0].security.require.outgoing.sign says that it is required",
    ],
    [
      "security: { compress: true, require: { outgoing: { compress: forbidden } } }",
      /security\.compress is true, but .*require\.outgoing\.compress says that it is forbidden$/,
    ],
    [
      "security: { encrypt: true }",
      "config.yaml:9: partners[0].security.encrypt needs a certificate of the partner acme for encryption: set certificate in its entry",
    ],
    [
      "security: { require: { outgoing: { encrypt: required } } }",
      /require\.outgoing\.encrypt needs a certificate of the partner acme for encryption/,
    ],
    [
      "certificate: { file: acme.cer, purposes: signing }\n    security: { signedReceipt: true }",
      "config.yaml:10: partners[0].security.signedReceipt needs a certificate of the partner acme for receipts: set certificate in its entry",
    ],
    [
      "security: { require: { incoming: { sign: required } } }",
      /incoming\.sign needs a certificate of the partner acme for signing/,
    ],
    [
      "ownCertificate: { file: next.pem, purposes: encryption }\n    security: { sign: true }",
      "config.yaml:10: partners[0].security.sign needs a certificate of this station for signing: set certificate of station, or ownCertificate of the partner acme",
    ],
    [
      "ownCertificate: { file: next.pem, purposes: encryption }\n    security: { require: { incoming: { signedReceipt: required } } }",
      /incoming\.signedReceipt needs a certificate of this station for receipts/,
    ],
    [
      "ownCertificate: { file: next.pem, purposes: signing }\n    security: { require: { incoming: { encrypt: required } } }",
      /incoming\.encrypt needs a certificate of this station for encryption/,
    ],
    ["secureAuthentication: yes", /secureAuthentication must be required, allowed or refused$/],
    [
      "secureAuthentication: required",
      "config.yaml:9: partners[0].secureAuthentication needs a certificate of the partner acme for authentication: set certificate in its entry",
    ],
    [
      "ownCertificate: signs.pem\n    certificate: acme.cer\n    secureAuthentication: required",
      /secureAuthentication needs a certificate of this station for authentication/,
    ],
    [
      "level: 4\n    security: { sign: true }",
      "config.yaml:10: partners[0].security.sign needs level 5 (ODETTE-FTP 2.0), and the partner acme has level 4",
    ],
    ["level: 2\n    certificate: acme.cer\n    secureAuthentication: required", /needs level 5 /],
    [
      "crls: some.crl",
      "config.yaml:9: partners[0].crls needs trust beside it: the certificates that the partner's ones must lead to",
    ],
    [
      "certificateExchange: trusted",
      /^config\.yaml:9: partners\[0\]\.certificateExchange needs trust beside it/,
    ],
    ["certificateExchange: always", /certificateExchange must be never or trusted$/],
    [
      "trust: next.cer\n    crls: nowhere.crl",
      "config.yaml:10: partners[0].crls names the file nowhere.crl, which is not there",
    ],
    ["trust: next.cer\n    crls: empty.crl", "config.yaml:10: partners[0].crls names an empty file"],
    ["trust: ours.key", "config.yaml:9: partners[0].trust names ours.key, which has no certificate"],
  ])("%s", async (settings, message) => {
    expect(await problem(`${OURS}${PARTNER}    ${settings}\n`)).toMatch(message);
  });

  test("weak suites and hashes with allowWeak, a wish that is not forbidden", async () => {
    const weak = "security: { sign: true, cipherSuite: 1, receiptHash: sha1, allowWeak: true }";
    expect(await problem(`${OURS}${PARTNER}    ${weak}\n`)).toBe("nothing");
  });

  test("a store of a partner in a folder beside the configuration", async () => {
    await mkdir(join(folder.path, "acme"), { recursive: true });
    await write(
      "acme/acme.p12",
      [{ certificate: certificates.get("acme"), chain: [] } as StoreContent],
      "pkcs12",
      "pw",
    );
    const { partners } = await read(
      `${STATION}${PARTNER}    certificate: { file: acme/acme.p12, password: pw }\n`,
    );
    expect(named(partners[0]?.partner.certificates)).toEqual(["CN=acme"]);
  });
});

test("a password of a store in a file that others can read is warned of", async () => {
  const path = join(folder.path, "open.yaml");
  const text = `station: { ssid: O0013X, passwordFile: sesame8, certificate: { file: ours.p12, password: open sesame } }`;
  await write("sesame8", "SESAME");
  await writeFile(path, text);
  await chmod(path, 0o644);
  expect((await readOftpConfig(path)).warnings).toEqual([
    expect.stringMatching(/others can read .*open\.yaml/),
  ]);
});

test("the configuration in the README is a good one", async () => {
  const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
  const [, example = ""] = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text);
  await write("acme-ca.pem", certificates.get("next")?.pem ?? "");
  await write("acme-ca.crl", "not looked at yet");
  const { privateKey, certificate } = await make("station");
  await write("station.p12", [{ privateKey, certificate }], "pkcs12", "open sesame");
  const path = join(folder.path, "readme.yaml");
  await writeFile(path, example, { mode: 0o600 });
  const config = await readOftpConfig(path, { OFTP_PASSWORD: "SECRET", STORE_PASSWORD: "open sesame" });
  expect(config.warnings).toEqual([]);
  expect(named(config.station.identities)).toEqual(["CN=station"]);
  expect(findPartner(config, "acme").partner).toMatchObject({
    security: { sign: true, cipherSuite: 6, require: { incoming: { encrypt: "required" } } },
    secureAuthentication: "required",
  });
});
