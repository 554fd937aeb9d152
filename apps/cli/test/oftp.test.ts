import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createSelfSignedCertificate, generateKeyPair, writeStore } from "@waybill/cert-store";
import { connectOftp } from "@waybill/oftp-client";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  ACME_CODE,
  type AcmeServer,
  type AcmeStation,
  acmeStation,
  OUR_CODE,
  ourConfig,
  startAcme,
} from "./oftp-stations.js";
import { MAIN, waybill } from "./waybill-command.js";

let folder: TemporaryFolder;
const running: AcmeServer[] = [];
const stations: AcmeStation[] = [];
const at = (...names: string[]) => join(folder.path, ...names);

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await Promise.all(stations.splice(0).map((station) => station.close()));
  await folder.remove();
});

async function server(...args: Parameters<typeof startAcme> extends [string, ...infer R] ? R : never) {
  const started = await startAcme(folder.path, ...args);
  running.push(started);
  return started;
}

async function station(options: Parameters<typeof acmeStation>[1] = {}): Promise<AcmeStation> {
  const opened = await acmeStation(folder.path, options);
  stations.push(opened);
  await ourConfig(folder.path, opened.port);
  return opened;
}

const oftp = (...args: string[]) => waybill(["oftp", ...args], { cwd: folder.path });
const CALL = ["--config", "config.yaml", "--partner", "acme"];

/** A caller in this process, which keeps the turn as long as it likes. */
const callerOptions = (acme: AcmeServer) => ({
  ssid: OUR_CODE,
  password: "SECRET",
  inbox: at("caller"),
  partner: {
    name: "acme",
    ssid: ACME_CODE,
    password: "THEIRS",
    address: { host: "127.0.0.1", port: acme.ports[0] ?? 0 },
  },
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Lines without what differs from run to run. */
const plain = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/, \d+\.\d s(, [\d.]+ \w+\/s)?/, ""));

describe("two stations of the command", () => {
  test("send, receive, receipts; each step is a line", async () => {
    const acme = await server();
    await ourConfig(folder.path, acme.ports[0] ?? 0);
    await writeFile(at("order.txt"), "one pallet");
    await writeFile(at("acme", "outbox", "us", "invoice.xml"), "<invoice/>");
    const sent = await oftp("send", ...CALL, "--wait-receipt", "--description", "für Köln", "order.txt");
    expect(sent.stderr).toBe("");
    expect(plain(sent.stdout)).toEqual([
      "connected to acme (O0013000000ACME): ODETTE-FTP 2.0, buffer 32768, credit 99, no TLS",
      "sent order.txt as order.txt: 10 bytes",
      "receipt for order.txt: EERP, it has arrived",
      "received invoice.xml as inbox/acme/invoice.xml: 10 bytes",
      "receipt sent for invoice.xml: EERP",
    ]);
    expect(sent.code).toBe(0);
    expect(await readFile(at("acme", "inbox", "us", "order.txt"), "utf8")).toBe("one pallet");
    const received = await oftp("receive", ...CALL);
    expect(received).toMatchObject({ code: 0, stderr: "" });
    expect(plain(received.stdout).at(-1)).toBe("the partner has nothing");
    const quiet = await oftp(
      "send",
      ...CALL,
      "-q",
      "--virtual-name",
      "OTHER",
      "--format",
      "V",
      "--record-length",
      "80",
      "order.txt",
    );
    expect(quiet).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect((await readdir(at("acme", "inbox", "us"))).sort()).toEqual(["OTHER", "order.txt"]);
  });

  test("over TLS, with certificates from PEM and PKCS#12 on both sides", async () => {
    const make = async (name: string) => {
      const key = await generateKeyPair({ type: "ec" });
      const certificate = await createSelfSignedCertificate({
        key,
        subject: `CN=${name}`,
        subjectAltNames: [{ kind: "ip", value: "127.0.0.1" }],
      });
      const entries = [{ alias: name, certificate, privateKey: key, chain: [] }];
      await writeFile(at(`${name}.pem`), await writeStore({ format: "pem", entries }));
      await writeFile(at(`${name}.p12`), await writeStore({ format: "pkcs12", entries, passphrase: "pw" }));
    };
    await Promise.all([make("acme-tls"), make("our-tls")]);
    const acme = await server({
      addresses: 2,
      listen: `  - { port: 0 }
  - { port: 0, tls: { certificate: ../acme-tls.pem, clientCertificates: required, trust: ../our-tls.pem } }`,
    });
    const [plainPort = 0, tlsPort = 0] = acme.ports;
    expect(plainPort).not.toBe(tlsPort);
    await ourConfig(
      folder.path,
      tlsPort,
      ", tls: { certificate: our-tls.p12, keyPassword: pw, trust: acme-tls.pem }",
    );
    await writeFile(at("order.txt"), "one pallet");
    const sent = await oftp("send", ...CALL, "--wait-receipt", "order.txt");
    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect(sent.stdout).toMatch(/credit 99, TLSv1\.3$/m);
    await ourConfig(folder.path, tlsPort, ", tls: { trust: our-tls.pem }");
    const untrusted = await oftp("send", ...CALL, "order.txt");
    expect(untrusted).toMatchObject({ code: 1, stdout: "" });
    expect(untrusted.stderr).toMatch(/^waybill: the certificate "CN=acme-tls" of .* is not trusted: .*\n$/);
  });

  test("a server that is told to end lets what is under way end first", async () => {
    const acme = await server();
    const client = await connectOftp(callerOptions(acme));
    const sending = client.send({ data: Buffer.alloc(20_000_000), datasetName: "BIG" });
    const ended: { code?: Promise<number | null> } = {};
    client.once("progress", () => {
      ended.code = acme.stop();
    });
    await sending;
    await client.logoff();
    expect(await ended.code).toBe(0);
    expect((await stat(at("acme", "inbox", "us", "BIG"))).size).toBe(20_000_000);
  });

  test("a second signal ends it at once", async () => {
    const acme = await server();
    const client = await connectOftp(callerOptions(acme));
    acme.process.kill("SIGTERM");
    // Its port is closed then, and the session still open.
    let isOpen = true;
    while (isOpen) isOpen = await canConnect(acme.ports[0] ?? 0);
    expect(await acme.stop()).toBe(1);
    expect(await client.ended).toMatchObject({ code: "ERR_OFTP_CONNECTION_LOST" });
    await client.close();
  });
});

describe("what fails is one line and exit code 1", () => {
  test("a file that the partner refuses; the others are sent", async () => {
    const acme = await station({
      hooks: {
        acceptFile: ({ sfid }) =>
          sfid.datasetName === "bad" ? { accept: false, reason: 6, text: "no thanks" } : { accept: true },
      },
    });
    for (const name of ["bad", "good"]) await writeFile(at(name), name);
    const { code, stderr } = await oftp("send", ...CALL, "bad", "good");
    expect(stderr).toMatch(
      /^waybill: bad was not sent: the partner refuses bad: reason 06, .*\(no thanks\)\n$/,
    );
    expect(code).toBe(1);
    expect(await readdir(acme.inbox)).toEqual(["good"]);
  });

  test("a receipt that does not come, and one that is negative", async () => {
    await station({
      hooks: {
        endResponse: ({ sfid }) =>
          sfid.datasetName === "later" ? "later" : { reason: 34, text: "no such order" },
      },
    });
    for (const name of ["later", "never"]) await writeFile(at(name), name);
    expect((await oftp("send", ...CALL, "later")).code).toBe(0);
    const later = await oftp("send", ...CALL, "--wait-receipt", "later");
    expect(later.code).toBe(1);
    expect(later.stderr).toBe(
      "waybill: later was sent, but its receipt has not come: collect it later with `waybill oftp receive --config config.yaml --partner acme`\n",
    );
    const never = await oftp("send", ...CALL, "--wait-receipt", "never");
    expect(never.code).toBe(1);
    expect(never.stderr).toMatch(
      /^waybill: never has not reached its destination: NERP 34 of O0013000000ACME, .*\(no such order\)\n$/,
    );
  });

  test("nobody listens, a wrong password, an unknown partner, a file that is not there", async () => {
    const acme = await station();
    await writeFile(at("file"), "x");
    const missing = await oftp("send", ...CALL, "file", "missing");
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toBe("waybill: missing cannot be sent: it is not there; nothing was sent\n");
    const unknown = await oftp("send", "--config", "config.yaml", "--partner", "nobody", "file");
    expect(unknown.stderr).toBe("waybill: config.yaml has no partner nobody: it has acme\n");
    const text = await readFile(at("config.yaml"), "utf8");
    await writeFile(at("config.yaml"), text.replace("SECRET", "WRONG"));
    const wrong = await oftp("send", ...CALL, "file");
    expect(wrong.stderr).toBe("waybill: the partner ended the session: reason 04, Invalid password\n");
    await writeFile(at("config.yaml"), text);
    await acme.close();
    const refused = await oftp("send", ...CALL, "file");
    expect(refused.stderr).toMatch(/^waybill: 127\.0\.0\.1:\d+ refused the connection\n$/);
    expect([wrong.code, unknown.code, refused.code]).toEqual([1, 1, 1]);
  });

  test("an address that is taken, and a configuration with a mistake", async () => {
    const acme = await server();
    const other = at("other.yaml");
    const text = (await readFile(at("acme", "config.yaml"), "utf8")).replace(
      "port: 0",
      `port: ${acme.ports[0]}`,
    );
    await writeFile(other, text, { mode: 0o600 });
    const taken = await waybill(["oftp-server", "--config", other], { cwd: folder.path });
    expect(taken).toMatchObject({ code: 1, stdout: "" });
    expect(taken.stderr).toMatch(/^waybill: 127\.0\.0\.1:\d+ is in use by another program\n$/);
    await writeFile(other, text.replace("ssid", "sside"), { mode: 0o644 });
    const wrong = await waybill(["oftp-server", "--config", "other.yaml"], { cwd: folder.path });
    expect(wrong.stderr).toBe("waybill: other.yaml:2: station.sside is no setting: did you mean ssid?\n");
  });
});

describe("after a crash", () => {
  test("the same command goes on with the same virtual file", async () => {
    const acme = await station();
    const seen: string[] = [];
    acme.station.on("receiveStarted", ({ sfid }) => seen.push(sfid.timestamp.time));
    await writeFile(at("big"), Buffer.alloc(40_000_000, 1));
    const child = spawn(process.execPath, [MAIN, "oftp", "send", ...CALL, "big"], {
      cwd: folder.path,
      stdio: "ignore",
    });
    const ended = once(acme.station, "sessionEnded");
    acme.station.once("progress", () => child.kill("SIGKILL"));
    await once(child, "exit");
    await ended;
    const again = await oftp("send", ...CALL, "--wait-receipt", "big");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(seen).toHaveLength(2);
    expect(seen[1]).toBe(seen[0]);
    expect(await readdir(acme.inbox)).toEqual(["big"]);
    // Done is done: once more is another one.
    await oftp("send", ...CALL, "big");
    expect(await readdir(acme.inbox)).toHaveLength(2);
  });

  test("--waiting sends what is left over and what is in the outbox", async () => {
    const acme = await station({
      hooks: { acceptFile: () => ({ accept: false, reason: 99, retry: true, text: "later" }) },
    });
    await writeFile(at("left"), "left");
    const refused = await oftp("send", ...CALL, "left");
    expect(refused.stderr).toMatch(/\(later\); it stays queued: the same command goes on with it\n$/);
    await acme.close();
    const open = await station();
    await mkdir(at("outbox", "acme"), { recursive: true });
    await writeFile(at("outbox", "acme", "waiting"), "waiting");
    const sent = await oftp("send", ...CALL, "--waiting", "--wait-receipt");
    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect((await readdir(open.inbox)).sort()).toEqual(["left", "waiting"]);
    expect(plain((await oftp("send", ...CALL, "--waiting")).stdout).at(-1)).toBe("nothing waits to be sent");
  });
});

describe("the trail", () => {
  test("is kept without passwords, for the owner only, and printed field by field", async () => {
    await station();
    await writeFile(at("file"), "content");
    await oftp("send", ...CALL, "--trail", "trail.jsonl", "file");
    expect((await stat(at("trail.jsonl"))).mode & 0o777).toBe(0o600);
    const kept = await readFile(at("trail.jsonl"), "utf8");
    expect(kept).not.toContain(Buffer.from("SECRET").toString("hex"));
    expect(kept).not.toContain(Buffer.from("THEIRS").toString("hex"));
    expect(kept).not.toContain(Buffer.from("content").toString("hex"));
    const { code, stdout, stderr } = await oftp("trail", "trail.jsonl");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^[\d:.]+Z /, ""));
    expect(lines[0]).toMatch(/^session 1: \d{4}-\d\d-\d\d, calling, partner acme$/);
    expect(lines.slice(1, 4)).toEqual([
      "<- SSRM ready",
      "-> SSID start session          LEV=5 CODE=O0013000000WAYBILL PSWD=******** SDEB=32768 SR=B CMPR=N REST=Y SPEC=N CRED=99 AUTH=N",
      "<- SSID start session          LEV=5 CODE=O0013000000ACME PSWD=******** SDEB=32768 SR=B CMPR=N REST=Y SPEC=N CRED=99 AUTH=N",
    ]);
    expect(lines).toContain("-> DATA data                   1 buffer, 8 octets");
    expect(lines.at(-1)).toMatch(/ESID end session +REAS=00 \(Normal session termination\)$/);
    const raw = await oftp("trail", "--raw", "trail.jsonl");
    expect(raw.stdout).toMatch(/^ +0 {2}49 4f 44 45 54 54 45 .* IODETTE FTP READ/m);
  });

  test("reads the octets of one direction of a connection, too", async () => {
    const { encodeCommand, frameExchangeBuffer } = await import("@waybill/oftp-codec");
    const commands = [
      { kind: "SSRM" } as const,
      {
        kind: "SSID",
        level: 2,
        code: "O0013X",
        password: "HUNTER2",
        bufferSize: 1024,
        capability: "B",
        compression: false,
        restart: false,
        specialLogic: false,
        credit: 7,
        authentication: false,
        userData: "",
      } as const,
      { kind: "ESID", reason: 4, text: "" } as const,
    ];
    const octets = commands.map((command) => frameExchangeBuffer(encodeCommand(command, 2)));
    await writeFile(at("capture.bin"), Buffer.concat(octets));
    const { code, stdout } = await oftp("trail", "capture.bin");
    expect(code).toBe(0);
    expect(stdout).not.toContain("HUNTER2");
    expect(stdout.trimEnd().split("\n")).toEqual([
      "session 1",
      "<- SSRM ready",
      "<- SSID start session          LEV=2 CODE=O0013X PSWD=******** SDEB=1024 SR=B CMPR=N REST=N SPEC=N CRED=7",
      "<- ESID end session            REAS=04 (Invalid password)",
    ]);
  });

  test("what is no trail is said with its line", async () => {
    await writeFile(at("trail.jsonl"), '{"time":1}\n');
    expect(await oftp("trail", "trail.jsonl")).toMatchObject({
      code: 1,
      stderr: "waybill: trail.jsonl:1: this is no line of a trail\n",
    });
    expect((await oftp("trail", "missing")).stderr).toBe(
      "waybill: cannot read the trail missing: it is not there\n",
    );
    const place = await oftp(
      "send",
      ...["--config", "c", "--partner", "p", "--trail", "no/such/place"],
      "trail.jsonl",
    );
    expect(place.code).toBe(1);
  });
});
