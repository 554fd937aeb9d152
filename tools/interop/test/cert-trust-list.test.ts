import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { fileIn, type Identity, issue, makeRoot } from "../src/cert-pki.js";
import { trustListFile } from "../src/trust-list-file.js";
import { runWaybill } from "../src/waybill-command.js";

describeWithPeers("waybill cert trust-list and verify --trust-list", [peers.xmlsec], () => {
  let folder: TemporaryFolder;
  let server: Server;
  let url: string;
  let served: string | undefined;
  let requests = 0;
  let root: Identity;
  let authority: Identity;
  let signer: Identity;
  let files: { partner: string; direct: string; root: string };
  const state = () => join(folder.path, "state");
  const cert = (...args: string[]) => runWaybill(["cert", ...args], { env: { XDG_STATE_HOME: state() } });
  const serve = async (sequence: number, by = signer, nextUpdate?: string) => {
    const services = [[authority.certificate, root.certificate]];
    served = await trustListFile(folder.path, by, { sequence, services, ...(nextUpdate && { nextUpdate }) });
  };
  beforeAll(async () => {
    folder = await temporaryFolder("waybill-trust-list-");
    root = await makeRoot();
    authority = await issue("CN=Listed Authority", root, { ca: {} });
    signer = await issue("CN=List Signer", root, { kind: "rsa" });
    const pem = async (name: string, identity: Promise<Identity>) =>
      fileIn(folder.path, name, (await identity).certificate.pem);
    files = {
      partner: await pem("partner.pem", issue("CN=partner.example", authority)),
      direct: await pem("direct.pem", issue("CN=direct.example", root)),
      root: await fileIn(folder.path, "root.pem", root.certificate.pem),
    };
    server = createServer((_request, response) => {
      requests += 1;
      response.statusCode = served === undefined ? 503 : 200;
      response.end(served);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.xml`;
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await folder.remove();
  });

  test("is fetched, kept and shown; its signer is pinned at first sight", async () => {
    await serve(7);
    const updated = await cert("trust-list", "update", url);
    expect(updated).toMatchObject({ code: 0, stderr: "" });
    expect(updated.stdout).toContain("issue        7 of ");
    expect(updated.stdout).toContain(signer.certificate.thumbprint("sha256"));
    expect(updated.stdout).toMatch(/\nTest Provider\tCN=Listed Authority\tinaccord\t20\d\d-\d\d-\d\d\n$/);
    const shown = await cert("trust-list", "show", url);
    expect(shown).toMatchObject({ code: 0, stdout: updated.stdout });
    const json = JSON.parse((await cert("trust-list", "show", url, "--json")).stdout);
    expect(json).toMatchObject({ sequenceNumber: 7, schemeName: "Test Scheme" });

    await serve(8, await issue("CN=Somebody Else", root, { kind: "rsa" }));
    const other = await cert("trust-list", "update", url);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/signed by CN=Somebody Else .*not accepted/);
    await serve(6);
    const older = await cert("trust-list", "update", url);
    expect(older.code).toBe(1);
    expect(older.stderr).toMatch(/issue 7 .* was seen before/);
    // The good copy stays.
    expect((await cert("trust-list", "show", url)).stdout).toContain("issue        7 of ");
  });

  test("its authorities are trusted, their roots and others are not", async () => {
    await serve(9);
    const trusted = await cert("verify", files.partner, "--trust-list", url);
    expect(trusted).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^trusted: CN=partner/),
    });
    const direct = ["verify", files.direct, "--trust-list", url, "--trust", files.root];
    const refused = await cert(...direct);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(
      /^ {2}trustList {4}.*only to verify an authority below it.*\n.*ERR_TRUST_LIST_UNTRUSTED/m,
    );
    const warned = await cert(...direct, "--untrusted", "warn");
    expect(warned.code).toBe(0);
    expect(warned.stdout).toMatch(
      /\nwarnings\n {2}trustList .*\n.*ERR_TRUST_LIST_UNTRUSTED, certificate 0\n/,
    );
  });

  test("offline the kept copy is used, and nothing is asked for", async () => {
    requests = 0;
    served = undefined;
    const offline = await cert("verify", files.partner, "--trust-list", url, "--offline");
    expect(offline).toMatchObject({ code: 0, stderr: "" });
    expect(requests).toBe(0);
  });

  test("a file is a list, too; a changed one is refused", async () => {
    await serve(10);
    const file = await fileIn(folder.path, "list.xml", served ?? "");
    const shown = await cert("trust-list", "show", file);
    expect(shown.stdout).toContain("issue        10 of ");
    const thumbprint = "ab".repeat(32);
    expect((await cert("trust-list", "show", file, "--signer", thumbprint)).stderr).toMatch(/not accepted/);
    await writeFile(file, (served ?? "").replace("Test Scheme", "Best Scheme"));
    const changed = await cert("trust-list", "show", file);
    expect(changed).toMatchObject({ code: 1, stdout: "" });
    expect(changed.stderr).toContain(file);
  });
});
