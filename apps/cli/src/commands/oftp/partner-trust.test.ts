import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Certificate, createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import type { Partner, StationHooks } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Identity, issue } from "../../../test/cert-fixtures.js";
import { writeCrl } from "../../../test/oftp-security-files.js";
import { certificateHooks, type PartnerTrust, untrustedCertificates } from "./partner-trust.js";

let folder: TemporaryFolder;
let root: Identity;
let acme: Certificate;
const crl = () => join(folder.path, "root.crl");

beforeEach(async () => {
  folder = await temporaryFolder();
  root = await authority("CN=Root");
  acme = (await issue("CN=acme,O=Acme", root)).certificate;
});
afterEach(() => folder.remove());

async function authority(subject: string): Promise<Identity> {
  const key = await generateKeyPair({ type: "ec" });
  return { key, certificate: await createSelfSignedCertificate({ key, subject, ca: {} }) };
}

const PARTNER: Partner = { name: "acme", ssid: "O0013ACME", password: "X" };

function hooks(trust: Partial<PartnerTrust>) {
  const refused: string[] = [];
  const whole: PartnerTrust = {
    anchors: undefined,
    intermediates: [],
    crls: [],
    exchange: "never",
    ...trust,
  };
  const made = certificateHooks([{ partner: PARTNER, trust: whole }], (text) => refused.push(text));
  const decide = made as Required<Pick<StationHooks, "trustCertificate" | "acceptCertificate">>;
  return {
    refused,
    trusts: (certificate: Certificate) =>
      decide.trustCertificate({ partner: PARTNER, certificate, purpose: "signing" }),
    accepts: (certificate: Certificate, known: readonly Certificate[] = []) =>
      decide.acceptCertificate({
        partner: PARTNER,
        exchange: "deliver",
        certificate,
        known,
        description: "",
      }),
  };
}

describe("certificates that are about to be used", () => {
  test("without trust the entry is enough; with it they must lead there, over what the files have between", async () => {
    const middle = await issue("CN=Middle", root, { ca: {} });
    const below = (await issue("CN=below", middle)).certificate;
    expect(await hooks({}).trusts(acme)).toBe(true);
    const anchors = [root.certificate];
    expect(await hooks({ anchors }).trusts(acme)).toBe(true);
    const without = hooks({ anchors });
    expect(await without.trusts(below)).toBe(false);
    expect(without.refused).toEqual([
      expect.stringMatching(
        /^the certificate [0-9A-F]{16}… of acme is not used for signing: CN=.*issuer "CN=Middle" is not there/,
      ),
    ]);
    expect(await hooks({ anchors, intermediates: [middle.certificate] }).trusts(below)).toBe(true);
  });

  test("a list is read again when it has changed, and must be there, valid and of the authority", async () => {
    await writeCrl(crl(), root, []);
    const { trusts, refused } = hooks({ anchors: [root.certificate], crls: [crl()] });
    expect(await trusts(acme)).toBe(true);
    await writeCrl(crl(), root, [acme]);
    expect(await trusts(acme)).toBe(false);
    expect(refused.at(-1)).toMatch(/CN=acme,O=Acme: it was revoked since /);
    await writeCrl(crl(), root, []);
    expect(await trusts(acme)).toBe(true);
    await writeCrl(crl(), await authority("CN=Another"), []);
    expect(await trusts(acme)).toBe(false);
    expect(refused.at(-1)).toMatch(
      /used for signing: CN=acme,O=Acme: none of the lists under crls is about it$/,
    );
    await rm(crl());
    expect(await trusts(acme)).toBe(false);
    expect(refused.at(-1)).toMatch(/the list of revoked certificates .*root\.crl cannot be read: ENOENT/);
  });

  test("what would be refused is known beforehand", async () => {
    const trust = { anchors: [root.certificate], intermediates: [], crls: [], exchange: "never" as const };
    const stranger = (await issue("CN=stranger", await authority("CN=Root"))).certificate;
    const partner = { ...PARTNER, certificates: [{ certificate: acme }, { certificate: stranger }] };
    expect(await untrustedCertificates([{ partner, trust }])).toEqual([
      expect.stringMatching(/^the certificate [0-9A-F]{16}… of acme cannot be used now: /),
    ]);
  });
});

describe("certificates that a partner sends", () => {
  test("are not taken over unless the entry says so", async () => {
    expect(await hooks({ anchors: [root.certificate] }).accepts(acme)).toEqual({
      accept: false,
      text: "certificates are not taken over automatically here",
    });
  });

  test("must be trusted, and have the name of one before them where there is one", async () => {
    const { accepts } = hooks({ anchors: [root.certificate], exchange: "trusted" });
    const renewed = (await issue("CN=acme,O=Acme", root)).certificate;
    const other = (await issue("CN=other,O=Acme", root)).certificate;
    const impostor = (await issue("CN=acme,O=Acme", await authority("CN=Root"))).certificate;
    expect(await accepts(acme)).toEqual({ accept: true });
    expect(await accepts(renewed, [other, acme])).toEqual({ accept: true });
    expect(await accepts(other, [acme])).toEqual({
      accept: false,
      text: "its subject is not that of a certificate before it",
    });
    expect(await accepts(impostor, [acme])).toMatchObject({
      accept: false,
      text: expect.stringMatching(/^it is not trusted: /),
    });
  });

  test("must not be revoked; whose files cannot be read here is nothing for the partner", async () => {
    await writeCrl(crl(), root, [acme]);
    const { accepts, refused } = hooks({ anchors: [root.certificate], crls: [crl()], exchange: "trusted" });
    expect(await accepts(acme)).toMatchObject({ accept: false, text: expect.stringMatching(/revoked/) });
    await rm(crl());
    expect(await accepts(acme)).toEqual({ accept: false, text: "it cannot be checked at present" });
    expect(refused.at(-1)).toMatch(/of acme is not taken over: .*root\.crl cannot be read/);
  });
});
