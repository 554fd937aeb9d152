import { createPublicKey, X509Certificate as NodeCertificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate as Asn1Certificate } from "@peculiar/asn1-x509";
import { type Certificate, describeCertificate, parseCertificate, parsePublicKey } from "@waybill/cert-store";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";

/** What openssl is asked for, in the form of its configuration file. */
const EXTENSIONS = `
basicConstraints=critical,CA:TRUE,pathlen:3
keyUsage=critical,digitalSignature,keyCertSign,cRLSign,decipherOnly
extendedKeyUsage=serverAuth,clientAuth,1.2.3.4
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always
subjectAltName=@names
nameConstraints=critical,permitted;DNS:example.com,permitted;IP:10.0.0.0/255.255.0.0,excluded;email:bad.org,excluded;IP:2001:db8:0:0:0:0:0:0/ffff:ffff:0:0:0:0:0:0
crlDistributionPoints=URI:http://crl.example.com/a.crl,URI:ldap://example.com/cn
authorityInfoAccess=OCSP;URI:http://ocsp.example.com/,caIssuers;URI:http://ca.example.com/ca.cer
certificatePolicies=1.2.3.4
1.2.3.4.5=critical,DER:0500
1.2.3.4.6=DER:0500
[names]
DNS.1=oftp.example.com
DNS.2=*.example.com
IP.1=192.0.2.7
IP.2=2001:db8::17
email.1=edi@example.com
URI.1=oftps://oftp.example.com:6619/
RID.1=1.2.3.4
dirName.1=person
otherName.1=1.2.3.5;UTF8:hidden
[person]
C=DE
CN=Some One
`;
const SUBJECT = "/C=DE/O=Größe \\+ Söhne, Ltd/OU=a+OU=b/serialNumber=O0013000042/CN=oftp.example.com";

interface Kind {
  readonly name: string;
  readonly args: readonly string[];
  readonly algorithm: string;
  readonly bits: number;
  readonly signature: string;
}

const KINDS: readonly Kind[] = [
  {
    name: "rsa",
    args: ["-newkey", "rsa:2048", "-sha256"],
    algorithm: "RSA",
    bits: 2048,
    signature: "sha256WithRSAEncryption",
  },
  {
    name: "rsa-md5",
    args: ["-newkey", "rsa:1024", "-md5"],
    algorithm: "RSA",
    bits: 1024,
    signature: "md5WithRSAEncryption",
  },
  {
    name: "rsa-signing-pss",
    args: [
      "-newkey",
      "rsa:2048",
      "-sha384",
      "-sigopt",
      "rsa_padding_mode:pss",
      "-sigopt",
      "rsa_pss_saltlen:48",
    ],
    ...{ algorithm: "RSA", bits: 2048, signature: "RSASSA-PSS (SHA-384)" },
  },
  {
    name: "pss-mixed",
    args: [
      "-newkey",
      "rsa:2048",
      "-sha256",
      "-sigopt",
      "rsa_padding_mode:pss",
      "-sigopt",
      "rsa_mgf1_md:sha512",
    ],
    ...{ algorithm: "RSA", bits: 2048, signature: "RSASSA-PSS (SHA-256, MGF1 SHA-512)" },
  },
  {
    name: "rsa-pss",
    args: ["-newkey", "rsa-pss", "-sha256"],
    algorithm: "RSA-PSS",
    bits: 2048,
    signature: "RSASSA-PSS (SHA-256)",
  },
  ...(["P-256", "P-384", "P-521"] as const).map((curve) => ({
    name: curve,
    args: ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`, "-sha384"],
    ...{ algorithm: `EC ${curve}`, bits: Number(curve.slice(2)), signature: "ecdsa-with-SHA384" },
  })),
  {
    name: "brainpool",
    args: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1", "-sha1"],
    ...{ algorithm: "EC brainpoolP256r1", bits: 256, signature: "ecdsa-with-SHA1" },
  },
  { name: "ed25519", args: ["-newkey", "ed25519"], algorithm: "Ed25519", bits: 256, signature: "Ed25519" },
  { name: "ed448", args: ["-newkey", "ed448"], algorithm: "Ed448", bits: 456, signature: "Ed448" },
];
const SSH_KINDS = new Set([
  "rsa",
  "rsa-md5",
  "rsa-signing-pss",
  "pss-mixed",
  "P-256",
  "P-384",
  "P-521",
  "ed25519",
]);

describeWithPeers("certificates of openssl", [peers.openssl], () => {
  let folder: TemporaryFolder;
  const certificates = new Map<string, Certificate>();
  const openssl = async (args: readonly string[]) => {
    const result = await runProgram(peerPath(peers.openssl), args);
    if (result.code !== 0) throw new Error(`openssl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  };
  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFile(
      `${folder.path}/config`,
      `[req]\ndistinguished_name=dn\nx509_extensions=ext\nstring_mask=utf8only\n[dn]\n[ext]${EXTENSIONS}`,
    );
    for (const { name, args } of KINDS) {
      await openssl([
        ...["req", "-x509", ...args, "-nodes", "-keyout", `${folder.path}/${name}.key`, "-utf8"],
        ...["-subj", SUBJECT, "-multivalue-rdn", "-days", "20000", "-config", `${folder.path}/config`],
        ...["-set_serial", "0x00ab01", "-out", `${folder.path}/${name}.pem`],
      ]);
      const path = `${folder.path}/${name}.pem`;
      certificates.set(name, parseCertificate(await readFile(path), { fileName: path }));
    }
  });
  afterAll(() => folder.remove());
  const of = (name: string) => certificates.get(name) as Certificate;

  test.each(KINDS.map((kind) => [kind.name, kind] as const))("%s: key and signature", (name, kind) => {
    const certificate = of(name);
    expect(certificate).toMatchObject({
      keyAlgorithm: kind.algorithm,
      keyBits: kind.bits,
      signatureAlgorithm: kind.signature,
    });
    expect(certificate.isSignedBy(certificate)).toBe(true);
    expect(certificate.isSignedBy(of(name === "rsa" ? "P-256" : "rsa"))).toBe(false);
    const node = new NodeCertificate(certificate.der);
    expect(certificate.publicKey.equals(node.publicKey)).toBe(true);
    expect(certificate.publicKeyDer).toEqual(node.publicKey.export({ format: "der", type: "spki" }));
    expect(certificate.thumbprint("sha1")).toBe(node.fingerprint.replaceAll(":", ""));
    expect(certificate.thumbprint()).toBe(node.fingerprint256.replaceAll(":", ""));
    expect(certificate.thumbprint("md5")).toMatch(/^[0-9A-F]{32}$/);
    expect(certificate.notAfter).toEqual(new Date(node.validTo));
    expect(certificate.notBefore).toEqual(new Date(node.validFrom));
    expect(certificate.notAfter.getUTCFullYear()).toBeGreaterThan(2050);
    if (SSH_KINDS.has(name)) {
      const key = parsePublicKey(
        createPublicKey(certificate.publicKey.export({ format: "pem", type: "spki" })).export({
          format: "pem",
          type: "spki",
        }),
      );
      expect(certificate.sshKey?.fingerprint()).toBe(key.fingerprint());
    } else {
      expect(certificate.sshKey).toBeUndefined();
    }
  });

  test("everything that is in it", () => {
    const certificate = of("rsa");
    expect(certificate).toMatchObject({
      version: 3,
      serialNumber: "AB01",
      subject: {
        text: "CN=oftp.example.com,serialNumber=O0013000042,OU=a+OU=b,O=Größe \\+ Söhne\\, Ltd,C=DE",
      },
      selfIssued: true,
      keyUsage: ["digitalSignature", "keyCertSign", "cRLSign", "decipherOnly"],
      basicConstraints: { ca: true, pathLength: 3 },
      crlUrls: ["http://crl.example.com/a.crl", "ldap://example.com/cn"],
      ocspUrls: ["http://ocsp.example.com/"],
      caIssuerUrls: ["http://ca.example.com/ca.cer"],
      unknownCriticalExtensions: ["1.2.3.4.5"],
      extendedKeyUsage: [
        { oid: "1.3.6.1.5.5.7.3.1", name: "serverAuth" },
        { oid: "1.3.6.1.5.5.7.3.2", name: "clientAuth" },
        { oid: "1.2.3.4", name: "1.2.3.4" },
      ],
    });
    expect(certificate.subject.attributes.map(({ type, value }) => [type, value])).toEqual([
      ["C", "DE"],
      ["O", "Größe + Söhne, Ltd"],
      ["OU", "a"],
      ["OU", "b"],
      ["serialNumber", "O0013000042"],
      ["CN", "oftp.example.com"],
    ]);
    expect(certificate.issuer.der).toEqual(certificate.subject.der);
    expect(certificate.subjectAltNames).toEqual([
      { kind: "dns", value: "oftp.example.com" },
      { kind: "dns", value: "*.example.com" },
      { kind: "ip", value: "192.0.2.7" },
      { kind: "ip", value: "2001:db8::17" },
      { kind: "email", value: "edi@example.com" },
      { kind: "uri", value: "oftps://oftp.example.com:6619/" },
      { kind: "registeredId", value: "1.2.3.4" },
      { kind: "directory", value: "CN=Some One,C=DE" },
      { kind: "other", value: "1.2.3.5 #0c0668696464656e" },
    ]);
    expect(certificate.nameConstraints).toEqual({
      permitted: [
        { kind: "dns", value: "example.com" },
        { kind: "ip", value: "10.0.0.0/16" },
      ],
      excluded: [
        { kind: "email", value: "bad.org" },
        { kind: "ip", value: "2001:db8::/32" },
      ],
    });
    expect(certificate.subjectKeyId).toMatch(/^[0-9A-F]{40}$/);
    expect(certificate.authorityKeyId).toBe(certificate.subjectKeyId);
  });

  test("as another reader reads it", () => {
    for (const [name, certificate] of certificates) {
      const { tbsCertificate } = AsnConvert.parse(certificate.der, Asn1Certificate);
      const { validity, subject, subjectPublicKeyInfo, extensions } = tbsCertificate;
      expect([name, validity.notBefore.getTime(), validity.notAfter.getTime()]).toEqual([
        ...[name, certificate.notBefore, certificate.notAfter],
      ]);
      expect(subject.flatMap((part) => part.map(({ value }) => value.toString()))).toEqual(
        certificate.subject.attributes.map(({ value }) => value),
      );
      expect(Buffer.from(AsnConvert.serialize(subjectPublicKeyInfo))).toEqual(certificate.publicKeyDer);
      expect(extensions).toHaveLength(12);
    }
  });

  test("RFC 2253 of openssl is the same text, apart from its order in parts of several", async () => {
    const text = await openssl([
      "x509",
      "-in",
      `${folder.path}/rsa.pem`,
      "-noout",
      "-subject",
      "-nameopt",
      "RFC2253,utf8,-esc_msb",
    ]);
    expect(text.trim().replace("OU=b+OU=a", "OU=a+OU=b")).toBe(`subject=${of("rsa").subject.text}`);
  });

  test("from DER, PEM with other text, bare base64 and OpenSSL's trusted form", async () => {
    const { der, pem } = of("P-256");
    const trusted = await openssl([
      "x509",
      "-in",
      `${folder.path}/P-256.pem`,
      "-trustout",
      "-addtrust",
      "serverAuth",
    ]);
    const inputs = [
      der,
      new Uint8Array(der),
      pem,
      `subject=CN = x\r\n${pem.replaceAll("\n", "\r\n")}`,
      `\ufeff${pem}`,
      der.toString("base64"),
      trusted,
      pem + of("rsa").pem,
    ];
    for (const input of inputs) expect(parseCertificate(input).equals(of("P-256"))).toBe(true);
    expect(pem.endsWith("-----END CERTIFICATE-----\n")).toBe(true);
    expect(of("P-256").equals(of("rsa"))).toBe(false);
  });

  test("later changes of the input change nothing", () => {
    const input = Buffer.from(of("ed25519").der);
    const certificate = parseCertificate(input);
    input.fill(0);
    expect(certificate.equals(of("ed25519"))).toBe(true);
  });

  test("a curve with parameters of its own is shown, not used", async () => {
    await openssl([
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-pkeyopt",
        "ec_param_enc:explicit",
      ],
      ...[
        "-nodes",
        "-keyout",
        `${folder.path}/explicit.key`,
        "-subj",
        "/CN=x",
        "-out",
        `${folder.path}/explicit.pem`,
      ],
    ]);
    const certificate = parseCertificate(await readFile(`${folder.path}/explicit.pem`));
    expect(certificate).toMatchObject({ keyAlgorithm: "EC", keyBits: 256, sshKey: undefined });
    expect(() => certificate.publicKey).toThrow(expect.objectContaining({ code: "ERR_KEY_UNSUPPORTED" }));
    expect(certificate.isSignedBy(certificate)).toBe(false);
  });

  test("a description is plain and whole", () => {
    const description = describeCertificate(of("rsa"));
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    expect(description).toMatchObject({
      subject: { text: of("rsa").subject.text },
      notAfter: of("rsa").notAfter.toISOString(),
      keyUsage: ["digitalSignature", "keyCertSign", "cRLSign", "decipherOnly"],
      extendedKeyUsage: ["serverAuth", "clientAuth", "1.2.3.4"],
      basicConstraints: { ca: true, pathLength: 3 },
      thumbprints: { sha1: of("rsa").thumbprint("sha1") },
      sshKey: { type: "ssh-rsa", fingerprints: { sha256: of("rsa").sshKey?.fingerprint() } },
      pem: of("rsa").pem,
    });
    expect(describeCertificate(of("ed448"))).not.toHaveProperty("sshKey");
  });
});
