import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import type { OwnIdentity } from "@waybill/oftp-session";

/** A self-signed certificate with its key, RSA as the cipher suites want it. */
export async function testIdentity(name: string): Promise<OwnIdentity> {
  const key = await generateKeyPair({ type: "rsa", bits: 2048 });
  return { key, certificate: await createSelfSignedCertificate({ key, subject: `CN=${name}` }) };
}
