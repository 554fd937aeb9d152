import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { findPartner, readOftpConfig } from "./config.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const STATION = "station:\n  ssid: O0013000000WAYBILL\n  password: SECRET\n";

async function read(text: string, environment: NodeJS.ProcessEnv = {}, mode = 0o600) {
  const path = join(folder.path, "config.yaml");
  await writeFile(path, text);
  await chmod(path, mode);
  return readOftpConfig(path, environment);
}

/** The message of the error, without the folder. */
async function problem(text: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const error: unknown = await read(text, environment).then(
    () => "nothing",
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) return String(error);
  expect(error).toMatchObject({ code: "ERR_CONFIG" });
  return error.message.replaceAll(`${folder.path}/`, "");
}

test("the configuration of the documentation, in the words of the packages", async () => {
  const config = await read(`${STATION}  inbox: ./in
listen:
  - { host: 127.0.0.1, port: 3305 }
partners:
  - { name: acme, ssid: O0013000000ACME, sfid: O0013000000ACME, password: THEIRS, host: 127.0.0.1, port: 3306, tls: false, level: 5, bufferSize: 32768, credit: 99, restart: true, compression: false }
  - name: zulu
    ssid: O0013000000ZULU
    sfid: [O0013ONE, O0013TWO]
    password: 01234567
    routes: O0013BEHIND
    allowedAddresses: [10.0.0.0/8, 192.168.1.1]
    ownSsid: O0013OTHER
    ownPassword: MINE
`);
  expect(config.station).toEqual({
    ssid: "O0013000000WAYBILL",
    password: "SECRET",
    inbox: join(folder.path, "in"),
    outbox: join(folder.path, "outbox"),
    state: join(folder.path, "state"),
  });
  expect(await config.listen()).toEqual([{ host: "127.0.0.1", port: 3305 }]);
  const acme = findPartner(config, "acme");
  expect(acme.partner).toEqual({
    name: "acme",
    ssid: "O0013000000ACME",
    sfids: ["O0013000000ACME"],
    password: "THEIRS",
    level: 5,
    bufferSize: 32_768,
    credit: 99,
    restart: true,
    compression: false,
  });
  expect(await acme.address?.()).toEqual({ host: "127.0.0.1", port: 3306 });
  const zulu = findPartner(config, "zulu");
  // Digits are a password as they were written.
  expect(zulu.partner).toMatchObject({ password: "01234567", sfids: ["O0013ONE", "O0013TWO"] });
  expect(zulu.partner).toMatchObject({ routes: ["O0013BEHIND"], ownSsid: "O0013OTHER", ownPassword: "MINE" });
  expect(zulu.address).toBeUndefined();
  expect(config.warnings).toEqual([]);
  expect(() => findPartner(config, "nobody")).toThrow(/has no partner nobody: it has acme, zulu$/);
});

test("the configuration in the README is a good one", async () => {
  const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
  const example = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? "";
  for (const name of ["station.pem", "station.key", "partners-ca.pem", "acme-ca.pem"]) {
    await writeFile(join(folder.path, name), "-----BEGIN CERTIFICATE-----");
  }
  const config = await read(example, { OFTP_PASSWORD: "SECRET" });
  expect(config.station.password).toBe("SECRET");
  expect(await config.listen()).toHaveLength(2);
  expect(await findPartner(config, "acme").address?.()).toMatchObject({
    host: "oftp.acme.example",
    port: 6619,
  });
});

test("the README names every setting", async () => {
  const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
  const section = /## waybill oftp-server.*?\n## /s.exec(readme)?.[0] ?? "";
  const texts = [
    `${STATION}  x: 1`,
    `${PARTNER}    x: 1`,
    `${PARTNER}    host: h\n    tls: { x: 1 }`,
    `${PARTNER}    ownCertificate: { x: 1 }`,
    `${PARTNER}    security: { x: 1 }`,
  ];
  for (const text of texts) {
    const known = /known are (.*)$/.exec(await problem(text))?.[1]?.split(", ") ?? [];
    expect(known.length).toBeGreaterThan(7);
    const missing = known.filter((name) => !new RegExp(`\\b${name}\\b`).test(section));
    expect(missing).toEqual([]);
  }
});

const PARTNER = `${STATION}partners:\n  - name: acme\n    ssid: O0013000000ACME\n    password: THEIRS\n`;

describe("what is wrong is said with file and line", () => {
  test.each([
    ["", "config.yaml:1: the file must be a map of names and values"],
    ["station: [", /^config\.yaml:1: .*(flow|expected)/i],
    ["station: {}\nstation: {}", /^config\.yaml:2: .*unique/],
    ["listen: []", "config.yaml:1: the file needs station"],
    ["station:\n  password: X\n", "config.yaml:2: station needs ssid"],
    ["station:\n  ssid: O0013X\n", "config.yaml:2: station needs password or passwordFile"],
    [
      "station:\n  ssid: o0013x\n  password: X",
      /^config\.yaml:2: station\.ssid must be an identification code/,
    ],
    [
      "station:\n  ssid: O0013X\n  password: MUCHTOOLONG",
      "config.yaml:3: station.password must have 1 to 8 letters, digits or signs of ASCII",
    ],
    [`${STATION}  inbx: in\n`, "config.yaml:4: station.inbx is no setting: did you mean inbox?"],
    [`${STATION}  frobnicate: 1\n`, /^config\.yaml:4: station\.frobnicate is no setting: known are ssid, /],
    [
      `${STATION}  namePattern: "%Nonsense%"\n`,
      /^config\.yaml:4: station\.namePattern is no pattern of names: /,
    ],
    [`${STATION}  overwrite: yes\n`, "config.yaml:4: station.overwrite must be never, rename or replace"],
    [`${STATION}listen: 3305\n`, "config.yaml:4: listen must be a list"],
    [
      `${STATION}listen:\n  - port: 70000\n`,
      "config.yaml:5: listen[0].port must be a whole number from 0 to 65535",
    ],
    [
      `${STATION}listen:\n  - port: 1\n    tls: { certificate: x, clientCertificates: required }\n`,
      "config.yaml:6: listen[0].tls.clientCertificates needs trust",
    ],
    [
      `${PARTNER}    host: h\n    tls: { trsut: x }\n`,
      /:9: partners\[0\]\.tls\.trsut is no setting: did you mean trust\?$/,
    ],
    [
      `${STATION}listen:\n  - port: 1\n    tls: { key: x }\n`,
      "config.yaml:6: listen[0].tls needs certificate",
    ],
    [`${PARTNER}    level: 3\n`, "config.yaml:8: partners[0].level must be 1, 2, 4 or 5"],
    [
      `${PARTNER}    bufferSize: 64\n`,
      "config.yaml:8: partners[0].bufferSize must be a whole number from 128 to 99999",
    ],
    [`${PARTNER}    credit: 0\n`, "config.yaml:8: partners[0].credit must be a whole number from 1 to 999"],
    [`${PARTNER}    restart: maybe\n`, "config.yaml:8: partners[0].restart must be true or false"],
    [
      `${PARTNER}    level: 2\n    minimumLevel: 4\n`,
      "config.yaml:9: partners[0].minimumLevel must not be above the level 2",
    ],
    [`${PARTNER}    port: 3305\n`, "config.yaml:8: partners[0].port needs host beside it"],
    [
      `${PARTNER}    allowedAddresses: [10.0.0.0/8, nowhere]\n`,
      "config.yaml:8: partners[0].allowedAddresses[1] must be an IP address or a range such as 10.0.0.0/8",
    ],
    [
      `${PARTNER}    passwordFile: x\n`,
      "config.yaml:8: partners[0].passwordFile is one too many beside password",
    ],
    [
      `${PARTNER}  - { name: acme, ssid: O0013B, password: X }\n`,
      "config.yaml:8: partners[1] has the name acme, and so has one before it",
    ],
    [
      `${PARTNER}  - { name: other, ssid: O0013000000ACME, password: X }\n`,
      /^config\.yaml:8: partners\[1\] has the ssid O0013000000ACME, and so has acme/,
    ],
    [
      `${STATION}partners:\n  - { name: ../up, ssid: O0013A, password: X }\n`,
      "config.yaml:5: partners[0].name must be a name that a folder can have",
    ],
  ])("%j", async (text, message) => {
    expect(await problem(text)).toMatch(message);
  });
});

/** As it is written in the file. */
const variable = (name: string) => `"$\{${name}}"`;

describe("passwords", () => {
  test("from a file and from the environment", async () => {
    await writeFile(join(folder.path, "secret"), "FROMFILE\nmore\n");
    const config = await read(
      `station: { ssid: O0013X, passwordFile: secret }\npartners: [{ name: a, ssid: O0013A, password: ${variable("THEIRS")} }]`,
      { THEIRS: "FROMENV" },
    );
    expect(config.station.password).toBe("FROMFILE");
    expect(config.partners[0]?.partner.password).toBe("FROMENV");
  });

  test("what is missing is named, and no password is ever shown", async () => {
    expect(await problem(`station: { ssid: O0013X, password: ${variable("NOT_SET")} }`)).toBe(
      "config.yaml:1: station.password needs the environment variable NOT_SET, which is not set",
    );
    expect(await problem("station: { ssid: O0013X, passwordFile: nowhere }")).toBe(
      "config.yaml:1: station.passwordFile names the file nowhere, which is not there",
    );
    expect(await problem("station: { ssid: O0013X, password: TOPSECRETWORD }")).not.toContain("TOPSECRET");
  });

  test("a file that others can read is warned of only when passwords stand in it", async () => {
    const inline = await read(STATION, {}, 0o644);
    expect(inline.warnings).toEqual([expect.stringMatching(/others can read .*config\.yaml.*chmod 600/)]);
    const elsewhere = await read(
      `station: { ssid: O0013X, password: ${variable("PW")} }`,
      { PW: "X" },
      0o644,
    );
    expect(elsewhere.warnings).toEqual([]);
  });
});

describe("TLS", () => {
  test("files are read only by whoever needs them, and what is missing has its line", async () => {
    const config = await read(`${STATION}listen:
  - port: 0
    tls:
      certificate: station.pem
      clientCertificates: required
      trust: partners.pem
partners:
  - { name: a, ssid: O0013A, password: X, host: h, tls: { trust: ca.pem } }
  - { name: b, ssid: O0013B, password: X, host: h, tls: true }
`);
    await expect(config.listen()).rejects.toThrow(
      /config\.yaml:7: listen\[0\]\.tls\.certificate names the file .*station\.pem, which is not there$/,
    );
    await expect(findPartner(config, "a").address?.()).rejects.toThrow(
      /:11: partners\[0\]\.tls\.trust names/,
    );
    expect(await findPartner(config, "b").address?.()).toEqual({ host: "h", tls: {} });
    await writeFile(join(folder.path, "station.pem"), "-----BEGIN CERTIFICATE-----");
    await expect(config.listen()).rejects.toThrow(/:9: listen\[0\]\.tls\.trust names the file/);
  });

  test("PEM with its key, and PKCS#12", async () => {
    await writeFile(
      join(folder.path, "both.pem"),
      "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----",
    );
    await writeFile(join(folder.path, "store.p12"), Buffer.from([0x30, 0x82]));
    const config = await read(`${STATION}partners:
  - { name: a, ssid: O0013A, password: X, host: h, tls: { certificate: both.pem, serverName: other } }
  - { name: b, ssid: O0013B, password: X, host: h, tls: { certificate: store.p12, keyPassword: secret } }
  - { name: c, ssid: O0013C, password: X, host: h, tls: { certificate: store.p12, key: both.pem } }
`);
    const pem = expect.any(Buffer);
    expect(await findPartner(config, "a").address?.()).toMatchObject({
      tls: { certificates: [{ certificate: pem, privateKey: pem }], serverName: "other" },
    });
    expect(await findPartner(config, "b").address?.()).toMatchObject({
      tls: { certificates: [{ pfx: pem, passphrase: "secret" }] },
    });
    await expect(findPartner(config, "c").address?.()).rejects.toThrow(
      /:7: partners\[2\]\.tls\.key is one too many/,
    );
  });
});
