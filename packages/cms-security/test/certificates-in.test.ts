import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  parseCertificate,
  writePkcs7,
  writePkcs7Pem,
  writeStore,
} from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import {
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
  encodeDer,
  endsOf,
  startOf,
} from "../src/ber/der-writer.js";
import { certificatesIn, MAX_CERTIFICATES, MAX_CERTIFICATES_BYTES } from "../src/index.js";
import { CONTENT_TYPE } from "../src/object-identifiers.js";
import { contentInfo } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { sealed } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";
import { testBytes } from "./streams.js";

let rsa: TestIdentity;
let ec: TestIdentity;
let both: Certificate[];

beforeAll(async () => {
  [rsa, ec] = await Promise.all([newIdentity("RSA"), newIdentity("EC", { type: "ec" })]);
  both = [rsa.certificate, ec.certificate];
}, 60_000);

const thumbprints = (certificates: readonly Certificate[]) =>
  certificates.map((certificate) => certificate.thumbprint("sha256")).sort();

/** The code of the error, and that nothing came out. */
async function refusalOf(bytes: Uint8Array | string): Promise<string | undefined> {
  return await certificatesIn(Buffer.from(bytes)).then(
    (found) => `${found.length} certificates`,
    (error: { code?: string }) => error.code,
  );
}

const pem = (label: string, body: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(body).toString("base64").replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;

/** Everything that one certificate comes in. */
function formsOf(certificate: Certificate): Buffer[] {
  const pkcs7 = writePkcs7({ certificates: [certificate] });
  return [
    certificate.der,
    Buffer.from(certificate.pem),
    Buffer.from(`\r\nissued for you\r\n${certificate.pem.replace(/\n/g, "\r\n")}`),
    pkcs7,
    Buffer.from(pem("PKCS7", pkcs7)),
    Buffer.from(pem("CMS", pkcs7)),
  ];
}

describe("certificates are taken", () => {
  test("from DER, PEM and PKCS #7, as they are and in a message of type data", async () => {
    for (const form of [...formsOf(rsa.certificate), ...formsOf(ec.certificate)]) {
      const expected = thumbprints(await certificatesIn(form));
      expect(expected).toHaveLength(1);
      const message = await sealed(form, {});
      expect(thumbprints(await certificatesIn(message))).toEqual(expected);
      expect(thumbprints(await certificatesIn(Buffer.from(pem("CMS", message))))).toEqual(expected);
      const definite = contentInfo(CONTENT_TYPE.data, derOctetString(form));
      expect(thumbprints(await certificatesIn(definite))).toEqual(expected);
    }
    expect(thumbprints(await certificatesIn(rsa.certificate.der))).toEqual(thumbprints([rsa.certificate]));
  });

  test("several at once, each once", async () => {
    for (const form of [
      both.map((certificate) => certificate.pem).join(""),
      [...both, ...both].map((certificate) => certificate.pem).join("and\n"),
      writePkcs7({ certificates: both }),
      writePkcs7Pem({ certificates: both }),
    ]) {
      expect(thumbprints(await certificatesIn(Buffer.from(form)))).toEqual(thumbprints(both));
    }
  });

  test("from BER with indefinite lengths", async () => {
    const ders = both.map(({ der }) => der);
    const message = Buffer.concat([
      ...[startOf(0x30), derOid(CONTENT_TYPE.signedData), startOf(0xa0), startOf(0x30), derSmallInteger(1)],
      ...[encodeDer(0x31), startOf(0x30), derOid(CONTENT_TYPE.data), endsOf(1)],
      ...[startOf(0xa0), ...ders, endsOf(1), encodeDer(0x31), endsOf(3)],
    ]);
    expect(thumbprints(await certificatesIn(message))).toEqual(thumbprints(both));
    expect(thumbprints(await certificatesIn(Buffer.from(pem("PKCS7", message))))).toEqual(thumbprints(both));
  });

  test("from a view into a larger buffer", async () => {
    const { der } = rsa.certificate;
    const larger = Buffer.concat([Buffer.alloc(7, 0x30), der, Buffer.alloc(7)]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 7, der.length);
    expect(thumbprints(await certificatesIn(view))).toEqual(thumbprints([rsa.certificate]));
  });
});

describe("a private key never comes out", () => {
  const exported = (identity: TestIdentity, type: "pkcs8" | "pkcs1" | "sec1", more: object = {}) =>
    identity.key.keyObject.export({ format: "der", type: type as "pkcs8", ...more });
  const keys = (): Buffer[] => [
    exported(rsa, "pkcs8"),
    exported(rsa, "pkcs1"),
    exported(ec, "pkcs8"),
    exported(ec, "sec1"),
    exported(rsa, "pkcs8", { cipher: "aes-256-cbc", passphrase: "secret" }),
  ];

  test("in DER, in PEM, with a certificate, in a message of type data", async () => {
    for (const key of keys()) {
      const forms = [
        key,
        await sealed(key, {}),
        pem("PRIVATE KEY", key),
        rsa.certificate.pem + pem("RSA PRIVATE KEY", key),
        pem("ENCRYPTED PRIVATE KEY", key) + rsa.certificate.pem,
        writePkcs7Pem({ certificates: both }) + pem("EC PRIVATE KEY", key),
        await sealed(Buffer.from(pem("OPENSSH PRIVATE KEY", key) + rsa.certificate.pem), {}),
      ];
      for (const form of forms) expect(await refusalOf(form)).toBe("ERR_CMS_PRIVATE_KEY");
    }
  });

  test("in a PKCS #12, whatever its password", async () => {
    const entries = [{ alias: "own", certificate: rsa.certificate, privateKey: rsa.key }];
    const store = await writeStore({ format: "pkcs12", entries, passphrase: "secret" });
    expect(await refusalOf(store)).toBe("ERR_CMS_PRIVATE_KEY");
    expect(await refusalOf(await sealed(Buffer.from(store), {}))).toBe("ERR_CMS_PRIVATE_KEY");
  });
});

describe("anything else is refused", () => {
  test("what has no certificate", async () => {
    const { publicKey } = rsa.certificate;
    for (const form of [
      "",
      "hello",
      Buffer.alloc(1000),
      Buffer.alloc(1000, 0x30),
      derSequence(),
      derSequence(derNull()),
      contentInfo("1.2.3.4", derNull()),
      contentInfo(CONTENT_TYPE.data, derOctetString(Buffer.alloc(0))),
      contentInfo(
        CONTENT_TYPE.signedData,
        derSequence(
          ...[derSmallInteger(1), encodeDer(0x31), derSequence(derOid(CONTENT_TYPE.data)), encodeDer(0x31)],
        ),
      ),
      publicKey.export({ format: "der", type: "spki" }),
      publicKey.export({ format: "der", type: "pkcs1" }),
      publicKey.export({ format: "pem", type: "spki" }),
      "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
      await sealed(Buffer.from("hello"), {}),
    ]) {
      expect(await refusalOf(form)).toBe("ERR_CMS_CERTIFICATES");
    }
  });

  test("what is signed, encrypted, compressed, or twice wrapped", async () => {
    const pkcs7 = writePkcs7({ certificates: both });
    const recipients = [rsa.certificate];
    for (const content of [rsa.certificate.der, pkcs7]) {
      for (const message of [
        await sealed(content, { sign: { signers: [rsa], includeCertificates: true } }),
        await sealed(content, { compress: true }),
        await sealed(content, { encrypt: { recipients } }),
        await sealed(await sealed(content, {}), {}),
      ]) {
        expect(await refusalOf(message)).toBe("ERR_CMS_CERTIFICATES");
        expect(await refusalOf(pem("CMS", message))).toBe("ERR_CMS_CERTIFICATES");
      }
    }
    // Signed by nobody, and not about nothing.
    const withContent = contentInfo(
      CONTENT_TYPE.signedData,
      derSequence(
        derSmallInteger(1),
        encodeDer(0x31),
        derSequence(derOid(CONTENT_TYPE.data), encodeDer(0xa0, derOctetString(Buffer.from("content")))),
        encodeDer(0xa0, rsa.certificate.der),
        encodeDer(0x31),
      ),
    );
    expect(await refusalOf(withContent)).toBe("ERR_CMS_CERTIFICATES");
  });

  test("what is damaged, cut off or continued", async () => {
    const forms = [
      rsa.certificate.der,
      writePkcs7({ certificates: both }),
      await sealed(ec.certificate.der, {}),
    ];
    for (const form of forms) {
      for (let length = 0; length < form.length; length += 1) {
        expect(await refusalOf(form.subarray(0, length))).toBe("ERR_CMS_CERTIFICATES");
      }
      expect(await refusalOf(Buffer.concat([form, Buffer.alloc(1)]))).toBe("ERR_CMS_CERTIFICATES");
    }
    const text = writePkcs7Pem({ certificates: both });
    for (const bad of [text.slice(0, -10), text + text, `${text}more`, text.replace("MII", "M*I")]) {
      expect(await refusalOf(bad)).toBe("ERR_CMS_CERTIFICATES");
    }
    const { pem: single } = rsa.certificate;
    for (const bad of [single.slice(0, -10), single.replace("MII", "MI*")]) {
      expect(await refusalOf(bad)).toBe("ERR_CMS_CERTIFICATES");
    }
  });

  test("what is too large, or has too many, without being read", async () => {
    const large = Buffer.concat([rsa.certificate.der, Buffer.alloc(MAX_CERTIFICATES_BYTES)]);
    expect(await refusalOf(large)).toBe("ERR_CMS_LIMIT");
    const comment = `${"x".repeat(MAX_CERTIFICATES_BYTES - rsa.certificate.pem.length - 1)}\n`;
    expect(await refusalOf(comment + rsa.certificate.pem)).toBe("1 certificates");
    expect(await refusalOf(`x${comment}${rsa.certificate.pem}`)).toBe("ERR_CMS_LIMIT");

    const many = await Promise.all(
      Array.from({ length: MAX_CERTIFICATES + 1 }, (_, index) => newIdentity(`${index}`, { type: "ec" })),
    );
    const certificates = many.map(({ certificate }) => certificate);
    for (const [list, expected] of [
      [certificates, "ERR_CMS_LIMIT"],
      [certificates.slice(1), `${MAX_CERTIFICATES} certificates`],
    ] as const) {
      expect(await refusalOf(list.map((one) => one.pem).join(""))).toBe(expected);
      expect(await refusalOf(writePkcs7({ certificates: list }))).toBe(expected);
      expect(await refusalOf(await sealed(writePkcs7({ certificates: list }), {}))).toBe(expected);
    }
  });

  test("a bomb is not inflated", async () => {
    const bomb = await sealed(Buffer.alloc(100_000_000), { compress: { level: 9 } });
    expect(bomb.length).toBeLessThan(MAX_CERTIFICATES_BYTES);
    const started = performance.now();
    expect(await refusalOf(bomb)).toBe("ERR_CMS_CERTIFICATES");
    expect(await refusalOf(await sealed(bomb, {}))).toBe("ERR_CMS_CERTIFICATES");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("anything at all, with an error of this package", async () => {
    const form = writePkcs7({ certificates: both });
    for (let index = 0; index < 400; index += 1) {
      const changed = Buffer.concat([form.subarray(0, index), testBytes(3), form.subarray(index + 2)]);
      expect(await refusalOf(changed)).toMatch(
        /^ERR_CMS_(CERTIFICATES|LIMIT|PRIVATE_KEY)$|^\d certificates$/,
      );
    }
  });
});

describeWithPeers("files that openssl makes", [peers.openssl], () => {
  let peer: OpensslPeer;
  beforeAll(async () => {
    peer = await OpensslPeer.start(rsa);
    await writeFile(peer.path("both.pem"), both.map((certificate) => certificate.pem).join(""));
  });
  afterAll(() => peer?.stop());

  test.each(["DER", "PEM"])("crl2pkcs7 in %s, and a message of type data around it", async (form) => {
    const out = peer.path(`certificates.${form}`);
    const files = ["-certfile", peer.path("both.pem"), "-outform", form, "-out", out];
    await peer.openssl(["crl2pkcs7", "-nocrl", ...files]);
    const file = await readFile(out);
    expect(thumbprints(await certificatesIn(file))).toEqual(thumbprints(both));
    const message = await peer.run(["-data_create"], file);
    expect(thumbprints(await certificatesIn(message))).toEqual(thumbprints(both));
  });

  test("x509 in DER and PEM, its own label included", async () => {
    for (const args of [["-outform", "DER"], ["-outform", "PEM"], ["-trustout"], ["-text"]]) {
      const out = peer.path("one");
      await peer.openssl(["x509", "-in", peer.path("certificate.pem"), ...args, "-out", out]);
      expect(thumbprints(await certificatesIn(await readFile(out)))).toEqual(thumbprints([rsa.certificate]));
    }
  });

  test("a PKCS #12 and a key with its certificate are refused", async () => {
    const key = ["-inkey", peer.path("key.pem"), "-in", peer.path("certificate.pem")];
    for (const password of ["pass:", "pass:secret"]) {
      const out = ["-out", peer.path("p12"), "-passout", password];
      await peer.openssl(["pkcs12", "-export", ...key, ...out]);
      expect(await refusalOf(await readFile(peer.path("p12")))).toBe("ERR_CMS_PRIVATE_KEY");
    }
    const joined = await Promise.all(["key.pem", "certificate.pem"].map((name) => readFile(peer.path(name))));
    expect(await refusalOf(Buffer.concat(joined))).toBe("ERR_CMS_PRIVATE_KEY");
    expect(parseCertificate(Buffer.concat(joined)).subject.text).toBe(rsa.certificate.subject.text);
  });
});
