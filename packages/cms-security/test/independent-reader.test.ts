import { expect, test } from "@jest/globals";
import { ContentInfo, EnvelopedData, SignedData } from "@peculiar/asn1-cms";
import { AsnConvert } from "@peculiar/asn1-schema";
import { newIdentity } from "./identities.js";
import { sealed } from "./messages.js";
import { testBytes } from "./streams.js";

const DATA = "1.2.840.113549.1.7.1";

/** The structures as somebody else's ASN.1 describes them. */
test("what is written has the structures of RFC 5652", async () => {
  const identity = await newIdentity("RSA");
  const content = testBytes(200_000);
  const signed = AsnConvert.parse(
    await sealed(content, { sign: { signers: [identity], includeCertificates: true } }),
    ContentInfo,
  );
  expect(signed.contentType).toBe("1.2.840.113549.1.7.2");
  const signedData = AsnConvert.parse(signed.content, SignedData);
  expect(signedData.version).toBe(1);
  expect(signedData.encapContentInfo.eContentType).toBe(DATA);
  expect(signedData.certificates).toHaveLength(1);
  const [signer] = signedData.signerInfos;
  expect(signer?.digestAlgorithm).toMatchObject({ algorithm: "2.16.840.1.101.3.4.2.1" });
  expect(signer?.signedAttrs?.map(({ attrType }) => attrType)).toEqual([
    "1.2.840.113549.1.9.3",
    "1.2.840.113549.1.9.5",
    "1.2.840.113549.1.9.4",
  ]);

  const encrypted = AsnConvert.parse(
    await sealed(content, { encrypt: { recipients: [identity.certificate] } }),
    ContentInfo,
  );
  const envelopedData = AsnConvert.parse(encrypted.content, EnvelopedData);
  expect(envelopedData.version).toBe(0);
  expect(envelopedData.recipientInfos).toHaveLength(1);
  expect(envelopedData.encryptedContentInfo).toMatchObject({
    contentType: DATA,
    contentEncryptionAlgorithm: { algorithm: "2.16.840.1.101.3.4.1.42" },
  });
});
