import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createSelfSignedCertificate, writePkcs7, writePkcs7Pem } from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { issue } from "./cert-fixtures.js";
import { cmsHere, type FiledIdentity, filedIdentity } from "./cms-fixtures.js";

const SECRET = "nobody shall see this";

let folder: TemporaryFolder;
let own: FiledIdentity;
let partner: FiledIdentity;
let sealed: string;
let signed: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  [own, partner] = await Promise.all([
    filedIdentity(folder.path, "own", { type: "ec" }),
    filedIdentity(folder.path, "partner"),
  ]);
  const content = join(folder.path, "content");
  await writeFile(content, SECRET);
  sealed = join(folder.path, "sealed");
  signed = join(folder.path, "signed");
  const sign = ["seal", "--sign", own.store, "--include-certificates"];
  await cmsHere([...sign, "--compress", "--encrypt", partner.certificateFile, "--out", sealed, content]);
  await cmsHere([...sign, "--out", signed, content]);
});
afterAll(() => folder.remove());

test("without a key: whom it is for", async () => {
  const { code, stdout, stderr } = await cmsHere(["show", sealed]);
  expect(stderr).toBe("");
  expect(stdout).toMatch(
    /sealed: CMS, \d+ bytes; what is in it is encrypted: --key looks into it; nothing was verified\n/,
  );
  expect(stdout).toMatch(
    /\n1 encrypted\n {2}cipher +aes-256-cbc\n {2}recipient +serial [0-9A-F]+ of CN=partner,O=Waybill\n +rsa-pkcs1\n$/,
  );
  expect(code).toBe(0);
});

test("with a key: every layer, never the content", async () => {
  const { code, stdout } = await cmsHere(["show", "--key", partner.store, sealed]);
  expect(stdout).toContain(`content ${SECRET.length} bytes, not shown`);
  expect(stdout).toMatch(
    /\n1 encrypted\n.*\n2 compressed\n.*\n3 signed\n.*ecdsa, sha256\n.*certificate +CN=own,O=Waybill\n/s,
  );
  expect(stdout).not.toContain(SECRET);
  expect(code).toBe(0);
});

test("for machines", async () => {
  const { stdout } = await cmsHere(["show", "--json", "--key", partner.store, sealed]);
  expect(JSON.parse(stdout)).toMatchObject({
    contentBytes: SECRET.length,
    layers: [
      {
        kind: "encrypted",
        cipher: "aes-256-cbc",
        recipients: [
          { kind: "transport", issuer: partner.subject, serialNumber: partner.certificate.serialNumber },
        ],
        openedWith: { subject: { text: partner.subject } },
      },
      { kind: "compressed" },
      {
        kind: "signed",
        signers: [{ issuer: own.subject, signature: "ecdsa", hash: "sha256" }],
        certificates: [{ subject: { text: own.subject } }],
      },
    ],
  });
  expect(JSON.parse((await cmsHere(["show", "--json", sealed])).stdout)).toMatchObject({
    contentBytes: null,
  });
});

test("names that an issuer made up cannot steer the terminal", async () => {
  const subject = [{ type: "CN", value: "\u001b[2Jcleared\u202e" }];
  const authority = {
    key: own.key,
    certificate: await createSelfSignedCertificate({ subject, key: own.key, ca: {} }),
  };
  const evil = await issue("CN=under", authority);
  const file = join(folder.path, "evil.cer");
  await writeFile(file, evil.certificate.pem);
  const out = join(folder.path, "evil");
  expect(await cmsHere(["seal", "--encrypt", file, "--out", out, signed])).toMatchObject({ code: 0 });
  const { stdout } = await cmsHere(["show", out]);
  expect(stdout).toMatch(/of CN=\?\[2Jcleared\?\n/);
  expect((await cmsHere(["show", "--json", out])).stdout).not.toMatch(/[^\P{C}\n]/u);
});

test("no CMS: one line and exit code 1", async () => {
  await writeFile(join(folder.path, "text"), "hello");
  for (const [file, message] of [
    ["text", /text: .*damaged/],
    ["own.cer", /neither CMS nor PKCS7/],
    ["nothing", /cannot read .*nothing: there is no such file/],
  ] as const) {
    const { code, stdout, stderr } = await cmsHere(["show", join(folder.path, file)]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^waybill: .*\n$/);
    expect(stdout).toBe("");
    expect(code).toBe(1);
  }
});

test("PEM is read like DER", async () => {
  const base64 = (await readFile(signed)).toString("base64").replace(/.{64}/g, "$&\n");
  const pem = join(folder.path, "signed.pem");
  await writeFile(pem, `-----BEGIN CMS-----\n${base64}\n-----END CMS-----\n`);
  const inPem = await cmsHere(["show", pem]);
  const inDer = await cmsHere(["show", signed]);
  expect(inPem.stdout.replace("signed.pem", "signed")).toBe(inDer.stdout);
});

test("certificates alone, in DER and PEM", async () => {
  const certificates = [own.certificate, partner.certificate];
  const file = join(folder.path, "partners.p7b");
  for (const form of [writePkcs7({ certificates }), writePkcs7Pem({ certificates })]) {
    await writeFile(file, form);
    const { code, stdout, stderr } = await cmsHere(["show", file]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /partners\.p7b: CMS, \d+ bytes; certificates, and no content; nothing was verified\n/,
    );
    expect(stdout).toMatch(/\n1 certificates only, signed by nobody\n/);
    expect(stdout).toContain(own.subject);
    expect(stdout).toContain(partner.subject);
    expect(code).toBe(0);
  }
  const { stdout } = await cmsHere(["show", "--json", file]);
  expect(JSON.parse(stdout)).toMatchObject({
    contentBytes: null,
    layers: [{ kind: "signed", detached: true, signers: [], certificates: [{}, {}], revocationLists: 0 }],
  });
});

test("a type that nobody knows: its number", async () => {
  const file = join(folder.path, "unknown");
  // SEQUENCE { 1.2.3.4, [0] NULL }, and the type of PKCS #7 that CMS left out.
  for (const [hex, name] of [
    ["300906032a0304a0020500", "content of type 1.2.3.4"],
    ["300f06092a864886f70d010704a0020500", "signed and enveloped data of PKCS #7 (1.2.840.113549.1.7.4)"],
  ] as const) {
    await writeFile(file, Buffer.from(hex, "hex"));
    const { code, stdout } = await cmsHere(["show", file]);
    expect(stdout).toContain("what is in it is of a kind that is not known");
    expect(stdout).toContain(`\n1 ${name}\n`);
    expect(code).toBe(0);
    const json = JSON.parse((await cmsHere(["show", "--json", file])).stdout);
    expect(json).toMatchObject({ contentBytes: null, layers: [{ kind: "other" }] });
  }
});
