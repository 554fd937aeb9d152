import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  issueCertificate,
  verifyCertificate,
} from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import { type OpenOptions, verifyReceipt } from "../src/index.js";
import type { TestIdentity } from "./identities.js";
import { opened, refusal, sealed } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";
import { eerp, file, refusalOf, sha256, signed } from "./receipt-fixtures.js";
import { testBytes } from "./streams.js";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A time as in the index of `openssl ca`. */
const indexTime = (time: Date): string => `${time.toISOString().replace(/\D/g, "").slice(2, 14)}Z`;

// The list is made by openssl; that a signer is on it is found by cert-store, whom `acceptSigner` asks.
describeWithPeers("signers on a revocation list", [peers.openssl], () => {
  let authority: TestIdentity;
  let good: TestIdentity;
  let revoked: TestIdentity;
  let peer: OpensslPeer;
  let list: Buffer;
  let emptyList: Buffer;

  async function issued(name: string): Promise<TestIdentity> {
    const key = await generateKeyPair({ type: "ec" });
    const certificate = await issueCertificate({
      subject: `CN=${name}`,
      issuer: authority,
      publicKeyDer: key.publicKey.keyObject.export({ format: "der", type: "spki" }),
      keyUsage: ["digitalSignature"],
    });
    return { key, certificate };
  }

  /** A list of the authority with these certificates on it. */
  async function revocationList(certificates: readonly Certificate[]): Promise<Buffer> {
    const yesterday = indexTime(new Date(Date.now() - DAY_MS));
    const lines = certificates.map(({ notAfter, serialNumber }) =>
      ["R", indexTime(notAfter), `${yesterday},keyCompromise`, serialNumber, "unknown", "/CN=x\n"].join("\t"),
    );
    await writeFile(peer.path("index"), lines.join(""));
    const settings = ["[ca]", "default_ca=ca_default", "[ca_default]", `database=${peer.path("index")}`];
    await writeFile(peer.path("ca.cnf"), [...settings, "default_md=sha256", ""].join("\n"));
    const files = ["-cert", peer.path("certificate.pem"), "-keyfile", peer.path("key.pem")];
    const out = ["-crlhours", "24", "-out", peer.path("crl.pem")];
    await peer.openssl(["ca", "-gencrl", "-config", peer.path("ca.cnf"), ...files, ...out]);
    return await readFile(peer.path("crl.pem"));
  }

  beforeAll(async () => {
    const key = await generateKeyPair({ type: "ec" });
    const usages = { ca: {}, keyUsage: ["keyCertSign", "cRLSign"] } as const;
    authority = {
      key,
      certificate: await createSelfSignedCertificate({ subject: "CN=authority", key, ...usages }),
    };
    [good, revoked] = await Promise.all([issued("good"), issued("revoked")]);
    peer = await OpensslPeer.start(authority);
    list = await revocationList([revoked.certificate]);
    emptyList = await revocationList([]);
  }, 60_000);
  afterAll(() => peer?.stop());

  /** What the documentation says: trust and revocation are asked of cert-store. */
  const asking = (crl: Buffer, codes: string[] = []): OpenOptions["acceptSigner"] => {
    return async ({ certificate }) => {
      const { trusted, failures } = await verifyCertificate(certificate, {
        anchors: [authority.certificate],
        revocation: { crl: "hard", extraCrls: [crl] },
      });
      codes.push(...failures.map(({ code }) => code));
      return trusted;
    };
  };

  test("a message of one is refused, for that reason and no other", async () => {
    const content = testBytes(1000);
    for (const [signer, crl, code, reasons] of [
      [good, list, undefined, []],
      [revoked, emptyList, undefined, []],
      [revoked, list, "ERR_CMS_SIGNER_REFUSED", ["ERR_TRUST_REVOKED"]],
    ] as const) {
      const message = await sealed(content, { sign: { signers: [signer] } });
      const found: string[] = [];
      const options = { signers: [signer.certificate], acceptSigner: asking(crl, found) };
      expect(await refusal(message, options)).toBe(code);
      expect(found).toEqual(reasons);
    }
  });

  test("a message of one that another signed as well is the other's", async () => {
    const message = await sealed(testBytes(10), { sign: { signers: [revoked, good] } });
    const signers = [revoked.certificate, good.certificate];
    const { result } = await opened(message, { signers, acceptSigner: asking(list) });
    expect(result.signer).toBe(good.certificate);
    const alone = { signers: [revoked.certificate], acceptSigner: asking(list) };
    expect(await refusal(message, alone)).toBe("ERR_CMS_SIGNER_REFUSED");
  });

  test("a receipt of one is refused", async () => {
    const receipt = await signed(eerp, revoked);
    const options = { file, hashes: { sha256 }, signers: [revoked.certificate] };
    expect(await refusalOf(receipt, { ...options, acceptSigner: asking(list) })).toMatchObject({
      code: "ERR_CMS_RECEIPT_SIGNER_REFUSED",
      cause: { code: "ERR_CMS_SIGNER_REFUSED" },
    });
    const accepted = await verifyReceipt(receipt, { ...options, acceptSigner: asking(emptyList) });
    expect(accepted.signer).toBe(revoked.certificate);
  });
});
