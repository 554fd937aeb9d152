import { createDecipheriv, createHash, createPublicKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type DecryptionScheme,
  openPkcs11Store,
  type Pkcs11Store,
  type PrivateKey,
  type SignatureScheme,
} from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { OpensslAuthority, openssl } from "./openssl-operations.js";
import { SoftTokens } from "./soft-token.js";

const CONTENT = Buffer.from("what is sent\n");
const OID = {
  data: "1.2.840.113549.1.7.1",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  sha256: "2.16.840.1.101.3.4.2.1",
  rsa: "1.2.840.113549.1.1.1",
  rsaPss: "1.2.840.113549.1.1.10",
  mgf1: "1.2.840.113549.1.1.8",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
};

describeWithPeers(
  "CMS with keys in a PKCS #11 token",
  [peers.softhsmUtil, peers.pkcs11Tool, peers.openssl],
  () => {
    let tokens: SoftTokens;
    let authority: OpensslAuthority;
    let store: Pkcs11Store;
    const open = () => openPkcs11Store({ module: tokens.module, tokenLabel: "one", pin: "1234" });

    beforeAll(async () => {
      tokens = await SoftTokens.make();
      authority = await OpensslAuthority.make(tokens.path);
      await tokens.addToken("one");
      const kinds = [
        ["rsa", "rsa:2048", "01"],
        ["p256", "EC:prime256v1", "02"],
        ["p384", "EC:secp384r1", "03"],
      ] as const;
      for (const [name, type, id] of kinds) await tokens.addKey("one", type, id, name);
      const keys = await open();
      for (const [name, , id] of kinds) {
        const key = keys.entries.find(({ alias }) => alias === name)?.privateKey as PrivateKey;
        await tokens.addCertificate("one", await authority.certify(key, name), id, name);
      }
      await keys.close();
      store = await open();
    });
    afterAll(async () => {
      await store?.close();
      await tokens?.remove();
    });

    function entryNamed(name: string): { key: PrivateKey; certificate: Buffer; pem: string } {
      const entry = store.entries.find(({ certificate }) => certificate?.subject.text === `CN=${name}`);
      if (entry?.privateKey === undefined || entry.certificate === undefined) throw new Error(`no ${name}`);
      return { key: entry.privateKey, certificate: entry.certificate.der, pem: entry.certificate.pem };
    }

    test.each([
      ["rsa", { hash: "sha256" }, algorithm(OID.rsa, new asn1js.Null())],
      ["rsa", { hash: "sha256", padding: "pss" }, pssAlgorithm()],
      ["p256", { hash: "sha256" }, algorithm(OID.ecdsaWithSha256)],
      ["p384", { hash: "sha256" }, algorithm(OID.ecdsaWithSha256)],
    ] as const)(
      "a signature with %s, %j, is verified by openssl",
      async (name, scheme, signatureAlgorithm) => {
        const { key, certificate } = entryNamed(name);
        const message = join(tokens.path, "signed.der");
        await writeFile(message, await signedData(key, certificate, scheme, signatureAlgorithm));
        const verify = (content: string) =>
          openssl([
            ...["cms", "-verify", "-inform", "DER", "-in", message, "-content", content, "-binary"],
            ...["-CAfile", authority.certificateFile, "-purpose", "any"],
          ]);
        const content = join(tokens.path, "content");
        await writeFile(content, CONTENT);
        expect(await verify(content)).toEqual(CONTENT);
        await writeFile(content, "something else\n");
        await expect(verify(content)).rejects.toThrow(/digest|verif/i);
      },
    );

    test.each([
      ["PKCS #1 v1.5", [], { padding: "pkcs1" }],
      [
        "OAEP with SHA-256",
        ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"],
        { padding: "oaep", hash: "sha256" },
      ],
    ] as const)("what openssl encrypted for the RSA key with %s", async (_name, options, scheme) => {
      const { key, pem } = entryNamed("rsa");
      const enveloped = await encrypted(pem, options);
      const transport = enveloped.recipientInfos[0]?.value as pkijs.KeyTransRecipientInfo;
      const contentKey = await key.decrypt(
        Buffer.from(transport.encryptedKey.valueBlock.valueHexView),
        scheme as DecryptionScheme,
      );
      expect(decryptContent(enveloped, contentKey)).toEqual(CONTENT);
    });

    test("what openssl encrypted for an EC key (RFC 5753)", async () => {
      const { key, pem } = entryNamed("p384");
      const enveloped = await encrypted(pem, ["ecdh_kdf_md:sha256"]);
      const agreement = enveloped.recipientInfos[0]?.value as pkijs.KeyAgreeRecipientInfo;
      const originator = (agreement.originator as pkijs.OriginatorIdentifierOrKey)
        .value as pkijs.OriginatorPublicKey;
      const ephemeral = createPublicKey({
        key: Buffer.from(
          new asn1js.Sequence({
            value: [
              // The originator's curve may be left out: it is the recipient's.
              createSpkiAlgorithm(key),
              originator.publicKey,
            ],
          }).toBER(),
        ),
        format: "der",
        type: "spki",
      });
      const shared = await key.deriveSecret(ephemeral);
      const wrap = agreement.keyEncryptionAlgorithm.algorithmParams as asn1js.Sequence;
      const wrapId = (wrap.valueBlock.value[0] as asn1js.ObjectIdentifier).valueBlock.toString();
      const [wrapBytes, cipher] =
        wrapId === "2.16.840.1.101.3.4.1.45" ? [32, "id-aes256-wrap"] : [16, "id-aes128-wrap"];
      const bits = Buffer.alloc(4);
      bits.writeUInt32BE(8 * (wrapBytes as number));
      const sharedInfo = new asn1js.Sequence({
        value: [
          wrap,
          new asn1js.Constructed({
            idBlock: { tagClass: 3, tagNumber: 2 },
            value: [new asn1js.OctetString({ valueHex: bits })],
          }),
        ],
      });
      const wrapKey = createHash("sha256")
        .update(shared)
        .update(Buffer.from([0, 0, 0, 1]))
        .update(Buffer.from(sharedInfo.toBER()))
        .digest()
        .subarray(0, wrapBytes as number);
      const wrapped = agreement.recipientEncryptedKeys.encryptedKeys[0]?.encryptedKey.valueBlock.valueHexView;
      const unwrap = createDecipheriv(cipher as string, wrapKey, Buffer.alloc(8, 0xa6));
      const contentKey = Buffer.concat([unwrap.update(wrapped as Uint8Array), unwrap.final()]);
      expect(decryptContent(enveloped, contentKey)).toEqual(CONTENT);
    });

    async function encrypted(pem: string, options: readonly string[]): Promise<pkijs.EnvelopedData> {
      const recipient = join(tokens.path, "recipient.pem");
      await writeFile(recipient, pem);
      const keyopts = options.flatMap((option) => ["-keyopt", option]);
      const output = await openssl(
        ["cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-recip", recipient, ...keyopts],
        CONTENT,
      );
      const info = pkijs.ContentInfo.fromBER(output);
      return new pkijs.EnvelopedData({ schema: info.content });
    }
  },
);

/** A detached CMS SignedData (RFC 5652 section 5) whose signature a token makes. */
async function signedData(
  key: PrivateKey,
  certificateDer: Buffer,
  scheme: SignatureScheme,
  signatureAlgorithm: pkijs.AlgorithmIdentifier,
): Promise<Buffer> {
  const certificate = pkijs.Certificate.fromBER(certificateDer);
  const digestAlgorithm = algorithm(OID.sha256);
  const digest = createHash(scheme.hash).update(CONTENT).digest();
  const attributes = [
    new pkijs.Attribute({
      type: OID.contentType,
      values: [new asn1js.ObjectIdentifier({ value: OID.data })],
    }),
    new pkijs.Attribute({ type: OID.messageDigest, values: [new asn1js.OctetString({ valueHex: digest })] }),
  ];
  const set = Buffer.from(
    new asn1js.Set({ value: attributes.map((attribute) => attribute.toSchema()) }).toBER(),
  );
  const signature = await key.signWith(set, scheme);
  const signed = new pkijs.SignedData({
    version: 1,
    digestAlgorithms: [digestAlgorithm],
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: OID.data }),
    certificates: [certificate],
    signerInfos: [
      new pkijs.SignerInfo({
        version: 1,
        sid: new pkijs.IssuerAndSerialNumber({
          issuer: certificate.issuer,
          serialNumber: certificate.serialNumber,
        }),
        digestAlgorithm,
        signedAttrs: new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes }),
        signatureAlgorithm,
        signature: new asn1js.OctetString({ valueHex: Buffer.from(signature) }),
      }),
    ],
  });
  const info = new pkijs.ContentInfo({
    contentType: pkijs.ContentInfo.SIGNED_DATA,
    content: signed.toSchema(true),
  });
  return Buffer.from(info.toSchema().toBER());
}

function algorithm(id: string, parameters?: asn1js.BaseBlock): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({
    algorithmId: id,
    ...(parameters !== undefined && { algorithmParams: parameters }),
  });
}

function pssAlgorithm(): pkijs.AlgorithmIdentifier {
  const hash = algorithm(OID.sha256, new asn1js.Null());
  const parameters = new pkijs.RSASSAPSSParams({
    hashAlgorithm: hash,
    maskGenAlgorithm: algorithm(OID.mgf1, hash.toSchema()),
    saltLength: 32,
  });
  return algorithm(OID.rsaPss, parameters.toSchema());
}

/** The algorithm of a key's SubjectPublicKeyInfo. */
function createSpkiAlgorithm(key: PrivateKey): asn1js.Sequence {
  const der = key.publicKey.keyObject.export({ format: "der", type: "spki" });
  const { result } = asn1js.fromBER(der);
  return (result as asn1js.Sequence).valueBlock.value[0] as asn1js.Sequence;
}

function decryptContent(enveloped: pkijs.EnvelopedData, contentKey: Uint8Array): Buffer {
  const { encryptedContentInfo } = enveloped;
  const { contentEncryptionAlgorithm } = encryptedContentInfo;
  const iv = (contentEncryptionAlgorithm.algorithmParams as asn1js.OctetString).valueBlock.valueHexView;
  const cipher = createDecipheriv("aes-256-cbc", contentKey, iv);
  const content = Buffer.from(encryptedContentInfo.getEncryptedContent());
  return Buffer.concat([cipher.update(content), cipher.final()]);
}
