import {
  createSelfSignedCertificate,
  generateKeyPair,
  type KeyPairOptions,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import type { OwnIdentity } from "@waybill/oftp-session";

/** An identity whose private key can be written into a file. */
export interface TestIdentity extends OwnIdentity {
  readonly key: SoftwarePrivateKey;
}

/** A new key with a certificate for everything. */
export async function newIdentity(
  name: string,
  options: KeyPairOptions = { type: "rsa", bits: 2048 },
  validity: { notBefore?: Date; notAfter?: Date } = {},
): Promise<TestIdentity> {
  const key = await generateKeyPair(options);
  const certificate = await createSelfSignedCertificate({
    subject: `CN=${name},O=Waybill`,
    key,
    ...validity,
  });
  return { certificate, key };
}
