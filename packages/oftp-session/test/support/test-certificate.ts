import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import type { TlsPemCertificate } from "@waybill/net-core";

/** A certificate of its own for 127.0.0.1, made for a test. */
export async function testCertificate(): Promise<TlsPemCertificate> {
  const key = await generateKeyPair({ type: "ec" });
  const certificate = await createSelfSignedCertificate({
    key,
    subject: "CN=station",
    subjectAltNames: [{ kind: "ip", value: "127.0.0.1" }],
  });
  const privateKey = key.keyObject.export({ format: "pem", type: "pkcs8" });
  return { certificate: certificate.pem, privateKey };
}
