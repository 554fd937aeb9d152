import { createSelfSignedCertificate, generateKeyPair, writeStore } from "@waybill/cert-store";

/** A self-signed certificate for 127.0.0.1 with its key, in PEM. */
export async function testCertificate(name: string): Promise<{ certificate: Buffer; privateKey: Buffer }> {
  const key = await generateKeyPair({ type: "ec" });
  const certificate = await createSelfSignedCertificate({
    key,
    subject: `CN=${name}`,
    subjectAltNames: [{ kind: "ip", value: "127.0.0.1" }],
  });
  const pem = await writeStore({
    format: "pem",
    entries: [{ alias: name, certificate, privateKey: key, chain: [] }],
  });
  return { certificate: pem, privateKey: pem };
}
