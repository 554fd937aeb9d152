import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { listenOftp, type OftpServer } from "@waybill/oftp-server";
import type { CertificateUse, Partner, StationOptions } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { caller, callerEntry, SERVER_CODE } from "./support/caller.js";
import { testIdentity } from "./support/identities.js";

let root: TemporaryFolder;
let server: OftpServer | undefined;

beforeEach(async () => {
  root = await temporaryFolder("waybill-oftp-server-");
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await root.remove();
});

test("certificates, rules and hooks of the options are the station's", async () => {
  const [own, anns] = await Promise.all([testIdentity("server"), testIdentity("ann")]);
  let trusted = true;
  const uses: CertificateUse[] = [];
  const required: Partial<Partner> = {
    certificates: [anns],
    security: { require: { incoming: { sign: "required", encrypt: "required", signedReceipt: "required" } } },
    secureAuthentication: "required",
  };
  server = await listenOftp({
    ssid: SERVER_CODE,
    password: "SERVER",
    partners: [callerEntry("ann", required)],
    inbox: join(root.path, "inbox"),
    state: join(root.path, "state"),
    listen: [{ host: "127.0.0.1", port: 0 }],
    identities: [own],
    hooks: {
      trustCertificate: (use) => {
        uses.push(use);
        return trusted;
      },
    },
  });
  const [{ host, port } = { host: "", port: 0 }] = server.addresses;
  const means: Partial<StationOptions> & { readonly server: Partial<Partner> } = {
    identities: [anns],
    server: {
      certificates: [own],
      security: { sign: true, encrypt: true, signedReceipt: true },
      secureAuthentication: "required",
    },
  };
  const ann = await caller("ann", root.path, { host, port }, means);
  await ann.queue("ORDER", "10 pallets of apples");
  expect(await ann.call()).toBeUndefined();
  const inbox = join(root.path, "inbox", "ann");
  expect(await readFile(join(inbox, "ORDER"), "utf8")).toBe("10 pallets of apples");
  expect((await ann.station.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
  expect(uses.every(({ certificate }) => certificate.equals(anns.certificate))).toBe(true);
  expect(new Set(uses.map(({ purpose }) => purpose))).toEqual(new Set(["authentication", "signing"]));

  trusted = false;
  await ann.queue("MORE", "more");
  expect(await ann.call()).toBeDefined();
  expect(await readdir(inbox)).toEqual(["ORDER"]);
});
