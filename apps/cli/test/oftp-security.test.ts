import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  type SecurityFiles,
  STORE_PASSWORD,
  securityFiles,
  stationCertificate,
  writeCrl,
} from "./oftp-security-files.js";
import { type AcmeServer, ourConfig, startAcme } from "./oftp-stations.js";
import { MAIN, waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
let files: SecurityFiles;
const running: AcmeServer[] = [];
const at = (...names: string[]) => join(folder.path, ...names);

beforeEach(async () => {
  folder = await temporaryFolder();
  files = await securityFiles(folder.path);
  await writeFile(at("order.txt"), "one pallet of apples ".repeat(100));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await folder.remove();
});

const oftp = (...args: string[]) => waybill(["oftp", ...args], { cwd: folder.path });
const CALL = ["--config", "config.yaml", "--partner", "acme"];

const OUR_CERTIFICATE = `, certificate: { file: our.p12, password: ${STORE_PASSWORD} }`;
const ACME_CERTIFICATE = "  certificate: { file: ../acme.pem, key: ../acme.key }";
const ALL = "sign: true, encrypt: true, compress: true, signedReceipt: true";

/** Acme, which knows our certificate unless `us` says otherwise, and our configuration with more in the entry for acme. */
async function stations(acme: string, us = "    certificate: ../our.cer\n"): Promise<AcmeServer> {
  const server = await startAcme(folder.path, { station: ACME_CERTIFICATE, partner: us });
  running.push(server);
  await ours(server, acme);
  return server;
}

const ours = (server: AcmeServer, acme: string, station = OUR_CERTIFICATE) =>
  ourConfig(folder.path, server.ports[0] ?? 0, acme, station);

const short = (of: SecurityFiles["ours"]) => of.certificate.thumbprint("sha256").slice(0, 16);

/** Lines without what differs from run to run. */
const plain = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/: \d+ bytes, \d+\.\d s/, ":"));

describe("two stations with file security and secure authentication", () => {
  test("both ways: encrypted, signed, compressed, with signed receipts that are verified", async () => {
    const security = `secureAuthentication: required
    security:
      ${ALL.replaceAll(", ", "\n      ")}
      require:
        incoming: { sign: required, encrypt: required, signedReceipt: required }`;
    const server = await stations(
      `, certificate: acme.cer, secureAuthentication: required, security: { ${ALL}, cipherSuite: 6 }`,
      `    certificate: ../our.cer\n    ${security}\n`,
    );
    await writeFile(at("acme", "outbox", "us", "invoice.xml"), "<invoice/>");
    const sent = await oftp("send", ...CALL, "--wait-receipt", "--trail", "trail", "order.txt");
    expect(sent.stderr).toBe("");
    expect(plain(sent.stdout).slice(1)).toEqual([
      "sent order.txt as order.txt:, encrypted, signed, compressed",
      `receipt for order.txt: EERP, it has arrived, signed by CN=acme station,O=Acme (${short(files.acme)}…), verified`,
      `received invoice.xml as inbox/acme/invoice.xml:, encrypted, signed by ${short(files.acme)}…, compressed`,
      "receipt sent for invoice.xml: EERP",
    ]);
    expect(sent.code).toBe(0);
    expect(await readFile(at("acme", "inbox", "us", "order.txt"), "utf8")).toBe(
      await readFile(at("order.txt"), "utf8"),
    );
    expect(await readFile(at("inbox", "acme", "invoice.xml"), "utf8")).toBe("<invoice/>");
    const trail = await oftp("trail", "trail");
    expect(trail.stdout).toMatch(/AUCH authentication challenge/);
    expect(trail.stdout).toMatch(/SFID .*SEC=03 CIPH=06 COMP=1 ENV=1 SIGN=Y/);
    expect(server.log()).toMatch(
      /file received .* security="encrypted, signed by [0-9A-F]{16}…, compressed"/,
    );
    expect(server.log()).not.toContain(STORE_PASSWORD);
  });

  test("options of one call go before the entry", async () => {
    const server = await stations(`, certificate: acme.cer, security: { ${ALL} }`);
    const none = ["--no-sign", "--no-encrypt", "--no-compress", "--no-signed-receipt"];
    const open = await oftp("send", ...CALL, "--wait-receipt", ...none, "order.txt");
    expect(open).toMatchObject({ code: 0, stderr: "" });
    expect(plain(open.stdout).slice(1)).toEqual([
      "sent order.txt as order.txt:",
      "receipt for order.txt: EERP, it has arrived",
    ]);
    await ours(server, ", certificate: acme.cer");
    const signed = await oftp("send", ...CALL, "--sign", "--suite", "08", "--trail", "trail", "order.txt");
    expect(signed).toMatchObject({ code: 0, stderr: "" });
    expect(signed.stdout).toMatch(/^sent order\.txt .*, signed$/m);
    expect((await oftp("trail", "trail")).stdout).toMatch(/SFID .*SEC=02 CIPH=08/);
  });
});

describe("what must not be is said with its reason, exit code 1", () => {
  test("the partner demands signatures", async () => {
    await stations(
      ", certificate: acme.cer",
      "    certificate: ../our.cer\n    security: { require: { incoming: { sign: required } } }\n",
    );
    const { code, stderr } = await oftp("send", ...CALL, "order.txt");
    expect(stderr).toMatch(
      /^waybill: order\.txt was not sent: the partner refuses order\.txt: reason 20, Unsigned file not allowed .*\n$/,
    );
    expect(code).toBe(1);
    expect(await readdir(at("acme", "inbox", "us"))).toEqual([]);
  });

  test("our own entry demands encryption: nobody is called", async () => {
    await stations(", certificate: acme.cer, security: { require: { outgoing: { encrypt: required } } }");
    const { code, stdout, stderr } = await oftp("send", ...CALL, "--no-encrypt", "order.txt");
    expect(stderr).toMatch(/^waybill: order\.txt was not sent: .*encrypt.*\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("a receipt that somebody else has signed, whether it is waited for or not", async () => {
    const other = await stationCertificate("CN=other station", files.root);
    await writeFile(at("other.cer"), other.certificate.pem);
    await stations(
      `, certificate: [{ file: acme.cer, purposes: [signing, encryption] }, { file: other.cer, purposes: receipts }], security: { ${ALL} }`,
    );
    const waited = await oftp("send", ...CALL, "--wait-receipt", "order.txt");
    expect(waited.stderr).toMatch(/^waybill: the receipt for order\.txt \(EERP\) does not hold: .+\n$/);
    expect(waited.code).toBe(1);
    const later = await oftp("send", ...CALL, "order.txt");
    expect(later.stderr).toMatch(/^waybill: the receipt for order\.txt \(EERP\) does not hold: .+\n$/);
    expect(later.code).toBe(1);
  });

  test("a session without the authentication that the partner demands", async () => {
    await stations(
      ", certificate: acme.cer",
      "    certificate: ../our.cer\n    secureAuthentication: required\n",
    );
    const { code, stderr } = await oftp("send", ...CALL, "order.txt");
    expect(stderr).toMatch(/^waybill: the partner ended the session: reason 1[12], .*\n$/);
    expect(code).toBe(1);
  });
});

describe("trust", () => {
  test("a certificate that is on a new list of the authority is refused without a new start", async () => {
    await writeCrl(at("root.crl"), files.root, []);
    const server = await stations(
      ", certificate: acme.cer, security: { sign: true }",
      "    certificate: ../our.cer\n    trust: ../root.pem\n    crls: [../root.crl]\n",
    );
    expect(await oftp("send", ...CALL, "order.txt")).toMatchObject({ code: 0, stderr: "" });
    await writeCrl(at("root.crl"), files.root, [files.ours.certificate]);
    const refused = await oftp("send", ...CALL, "order.txt");
    expect(refused.stderr).toMatch(
      /^waybill: order\.txt was not sent: the partner refuses order\.txt: reason /,
    );
    expect(refused.code).toBe(1);
    expect(await readdir(at("acme", "inbox", "us"))).toEqual(["order.txt"]);
    expect(server.log()).toMatch(
      /warn the certificate [0-9A-F]{16}… of us is not used for signing: .*was revoked since/,
    );
  });

  test("nothing is encrypted for a certificate that does not lead to what is trusted", async () => {
    const stranger = await securityFiles(
      await mkdir(at("stranger"), { recursive: true }).then(() => at("stranger")),
    );
    expect(stranger.root.certificate.equals(files.root.certificate)).toBe(false);
    await stations(", certificate: acme.cer, trust: stranger/root.pem, security: { encrypt: true }");
    const { code, stdout, stderr } = await oftp("send", ...CALL, "order.txt");
    expect(stderr).toMatch(
      /^waybill: warning: the certificate \S+ of acme is not used for encryption: .*\nwaybill: order\.txt was not sent: .*\n$/,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

describe("waybill oftp certificate", () => {
  test("one that leads to what is trusted is taken over and used; another name or authority is not", async () => {
    const server = await stations(
      ", certificate: acme.cer",
      "    trust: ../root.pem\n    certificateExchange: trusted\n",
    );
    const before = await oftp("send", ...CALL, "--sign", "order.txt");
    expect(before.stderr).toMatch(/the partner refuses order\.txt: reason 19/);
    const delivered = await oftp("certificate", ...CALL, "--wait-receipt");
    expect(delivered).toMatchObject({ code: 0, stderr: "" });
    expect(plain(delivered.stdout).at(-1)).toBe(
      "receipt for ODETTE_CERTIFICATE_DELIVER: EERP, it has arrived",
    );
    expect(await oftp("send", ...CALL, "--sign", "order.txt")).toMatchObject({ code: 0, stderr: "" });

    const other = await stationCertificate("CN=somebody else", files.root);
    await writeFile(at("other.cer"), other.certificate.pem);
    const named = await oftp("certificate", ...CALL, "--replace", "--file", "other.cer", "--wait-receipt");
    expect(named.stderr).toMatch(/^waybill: warning: CN=somebody else \(.*\) is not among the certificates/);
    expect(named.stderr).toMatch(
      /ODETTE_CERTIFICATE_REPLACE has not reached its destination: NERP 99 .*subject is not that of/,
    );
    expect(named.code).toBe(1);
    await mkdir(at("stranger"));
    await securityFiles(at("stranger"));
    const strange = await oftp("certificate", ...CALL, "--file", "stranger/our.cer", "--wait-receipt");
    expect(strange.stderr).toMatch(/NERP 99 .*not trusted/);
    expect(strange.code).toBe(1);
    expect(server.log()).toMatch(/certificate of a partner/);
    // What was there before goes on.
    expect(await oftp("send", ...CALL, "--sign", "order.txt")).toMatchObject({ code: 0, stderr: "" });
  });

  test("with --request the partner's comes in return", async () => {
    await stations(
      ", trust: root.pem, certificateExchange: trusted",
      "    trust: ../root.pem\n    certificateExchange: trusted\n",
    );
    const asked = await oftp("certificate", ...CALL, "--request", "--wait-receipt");
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    expect(asked.stdout).toMatch(/^certificate CN=acme station,O=Acme \([0-9A-F]{16}…\) of acme: accepted$/m);
    const sent = await oftp(
      "send",
      ...CALL,
      "--encrypt",
      "--sign",
      "--signed-receipt",
      "--wait-receipt",
      "order.txt",
    );
    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect(sent.stdout).toMatch(/it has arrived, signed by CN=acme station.*, verified$/m);
  });
});

test("nobody listens: what is sealed stays queued and is sent by the same command, the rest leaves nothing", async () => {
  const server = await stations(`, certificate: acme.cer, security: { ${ALL} }`);
  const [port = 0] = server.ports;
  await server.stop();
  const none = ["--no-sign", "--no-encrypt", "--no-compress", "--no-signed-receipt"];
  const open = await oftp("send", ...CALL, ...none, "order.txt");
  expect(open.stderr).toMatch(/^waybill: 127\.0\.0\.1:\d+ refused the connection\n$/);
  const sealed = await oftp("send", ...CALL, "order.txt");
  expect(sealed.stderr).toMatch(
    /^waybill: 127\.0\.0\.1:\d+ refused the connection\nwaybill: order\.txt was not sent; it stays queued: the same command goes on with it\n$/,
  );
  expect([open.code, sealed.code]).toEqual([1, 1]);
  running.push(
    await startAcme(folder.path, {
      station: ACME_CERTIFICATE,
      listen: `  - { host: 127.0.0.1, port: ${port} }`,
      partner: "    certificate: ../our.cer\n",
    }),
  );
  expect(await oftp("send", ...CALL, "--wait-receipt", "order.txt")).toMatchObject({ code: 0, stderr: "" });
  expect(await readdir(at("acme", "inbox", "us"))).toEqual(["order.txt"]);
});

test("a signal while a file is sealed ends the command, and leaves nothing of it", async () => {
  await stations(`, certificate: acme.cer, security: { ${ALL} }`);
  // It takes a while to compress.
  await writeFile(at("big"), randomBytes(96 * 1024 * 1024));
  const child = spawn(process.execPath, [MAIN, "oftp", "send", ...CALL, "big"], { cwd: folder.path });
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const exited = once(child, "exit");
  const sealed = () => filesIn(at("state", "sealed"));
  while ((await sealed()).length === 0) await setTimeout(5);
  child.kill("SIGINT");
  expect(await exited).toEqual([1, null]);
  expect(Buffer.concat(errors).toString()).toBe("waybill: big was not sent: interrupted\n");
  expect(await sealed()).toEqual([]);
  expect(plain((await oftp("send", ...CALL, "--waiting")).stdout).at(-1)).toBe("nothing waits to be sent");
});

async function filesIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test("--waiting: what is in the outbox is sealed as the entry says", async () => {
  await stations(`, certificate: acme.cer, security: { ${ALL} }`);
  await mkdir(at("outbox", "acme"), { recursive: true });
  await writeFile(at("outbox", "acme", "waiting"), "waiting");
  const sent = await oftp("send", ...CALL, "--waiting", "--wait-receipt");
  expect(sent).toMatchObject({ code: 0, stderr: "" });
  expect(sent.stdout).toMatch(/^sent .*waiting as waiting: .*, encrypted, signed, compressed$/m);
  expect(await readFile(at("acme", "inbox", "us", "waiting"), "utf8")).toBe("waiting");
});
