import { createPrivateKey } from "node:crypto";
import { peers } from "@waybill/testing";
import {
  type BcfksChoices,
  bcfksContent,
  withStoreDigest,
  writeBcfks,
  writeJceks,
  writeJks,
} from "./java-store-writer.js";
import { type Edit, mutate, mutatePem } from "./mutations.js";
import { macContent, withContent, withPbmac1 } from "./pkcs12-writer.js";
import {
  JAVA_PASSWORD,
  keyAndChain,
  makeCheapPkcs12,
  makePkcs12,
  openssl,
  run,
  type TestPki,
} from "./store-fixtures.js";

const SALT = Buffer.from("0102030405060708", "hex");
const CHEAP: BcfksChoices = { kdf: "pbkdf2", cipher: "none", hash: "sha512", iterations: 1 };

export type Change = (bytes: Buffer, changes: readonly Edit[]) => Buffer;
/** Sound stores of a format, and ways to change a file: anywhere, and below what protects it, which is then made to fit. */
export interface Corpus {
  readonly files: readonly Buffer[];
  readonly ways?: readonly Change[];
  /** Passwords that are tried, by turns. */
  readonly passwords?: readonly (string | undefined)[];
}

export const MUTATED_FORMATS = [
  "pkcs12",
  "pkcs12 in the clear",
  "jks",
  "jceks",
  "bcfks",
  "pem",
  "pem with encrypted keys",
  "der",
  "pkcs7",
  "ppk",
  "openssh",
  "rfc4716",
  "jwk",
  "xml",
] as const;
export type MutatedFormat = (typeof MUTATED_FORMATS)[number];

/** Changes what a JKS or JCEKS store holds, and gives it the digest that belongs to it. */
const withDigest: Change = (content, changes) => withStoreDigest(mutate(content, changes), JAVA_PASSWORD);
/** Changes the whole of it, so that the digest shows it. */
const besideDigest: Change = (content, changes) => mutate(withStoreDigest(content, JAVA_PASSWORD), changes);

/** Makes the stores of one format. Those with passwords take one iteration, so that what lies below is reached. */
export async function makeCorpus(format: MutatedFormat, pki: TestPki): Promise<Corpus> {
  const key = await keyAndChain(pki);
  const corpora: Record<MutatedFormat, () => Promise<Corpus>> = {
    pkcs12: async () => ({
      files: [await makeCheapPkcs12(pki)],
      ways: [
        mutate,
        (file, changes) =>
          withPbmac1(withContent(file, mutate(macContent(file), changes)), JAVA_PASSWORD, "sha1", 1),
      ],
      passwords: [JAVA_PASSWORD],
    }),
    "pkcs12 in the clear": async () => {
      const clear = ["-certpbe", "NONE", "-keypbe", "NONE", "-nomac", "-passout", "pass:"];
      await makePkcs12(pki, "ed25519", "clear.p12", clear);
      return { files: [await pki.read("clear.p12")] };
    },
    jks: async () => ({
      files: [writeJks(key, JAVA_PASSWORD).subarray(0, -20)],
      ways: [withDigest, withDigest, besideDigest],
      passwords: [JAVA_PASSWORD],
    }),
    jceks: async () => ({
      files: [false, true].map((withSecret) =>
        writeJceks(key, JAVA_PASSWORD, SALT, 1, withSecret).subarray(0, -20),
      ),
      ways: [withDigest, withDigest, besideDigest],
      passwords: [JAVA_PASSWORD],
    }),
    bcfks: async () => ({
      files: [bcfksContent(key, JAVA_PASSWORD, CHEAP)],
      ways: [
        (content, changes) => writeBcfks(mutate(content, changes), JAVA_PASSWORD, CHEAP),
        (content, changes) =>
          mutate(writeBcfks(content, JAVA_PASSWORD, { ...CHEAP, cipher: "ccm" }), changes),
      ],
      passwords: [JAVA_PASSWORD],
    }),
    pem: async () => {
      const names = ["p256.key", "p256.pem", "middle.pem", "ed25519.key"];
      const bundle = Buffer.concat(await Promise.all(names.map((name) => pki.read(name))));
      return { files: [bundle], ways: [mutate, mutatePem] };
    },
    "pem with encrypted keys": async () => {
      const args = ["-in", pki.path("p256.key"), "-passout", `pass:${JAVA_PASSWORD}`];
      const texts = [
        await openssl("pkcs8", "-topk8", ...args, "-iter", "1"),
        await openssl("ec", "-aes128", ...args),
      ];
      return {
        files: texts.map((text) => Buffer.from(text)),
        ways: [mutate, mutatePem],
        passwords: [JAVA_PASSWORD],
      };
    },
    der: async () => ({ files: [key.pkcs8, ...key.chain.slice(0, 1)] }),
    pkcs7: async () => {
      const certificates = ["-certfile", pki.path("p256.pem"), "-certfile", pki.path("chain.pem")];
      await openssl("crl2pkcs7", "-nocrl", ...certificates, "-outform", "DER", "-out", pki.path("m.p7b"));
      const signer = [
        "-signer",
        pki.path("p256.pem"),
        "-inkey",
        pki.path("p256.key"),
        "-in",
        pki.path("p256.pem"),
      ];
      await openssl(
        "cms",
        "-sign",
        "-stream",
        "-nodetach",
        ...signer,
        "-outform",
        "DER",
        "-out",
        pki.path("m.p7m"),
      );
      return { files: [await pki.read("m.p7b"), await pki.read("m.p7m")] };
    },
    ppk: async () => {
      const files: Buffer[] = [];
      const path = await sshKey(pki, format);
      for (const version of ["version=2", "version=3"]) {
        await run(peers.puttygen, [path, "-O", "private", "--ppk-param", version, "-o", pki.path("m.ppk")]);
        files.push(await pki.read("m.ppk"));
      }
      return { files };
    },
    openssh: async () => {
      await sshKey(pki, format);
      return {
        files: [await pki.read("ssh-openssh"), await pki.read("ssh-openssh.pub")],
        ways: [mutate, mutatePem],
      };
    },
    rfc4716: async () => ({
      files: [Buffer.from(await run(peers.sshKeygen, ["-e", "-f", `${await sshKey(pki, format)}.pub`]))],
    }),
    jwk: async () => {
      const jwk = createPrivateKey(await pki.read("rsa.key")).export({ format: "jwk" });
      const small = createPrivateKey(await pki.read("p256.key")).export({ format: "jwk" });
      const x5c = key.chain.map((der) => der.toString("base64"));
      return { files: [Buffer.from(JSON.stringify({ keys: [{ ...small, x5c, kid: "a" }, jwk] }))] };
    },
    xml: async () => {
      const jwk = createPrivateKey(await pki.read("rsa.key")).export({ format: "jwk" });
      const field = (name: string, value = "") =>
        `<${name}>${Buffer.from(value, "base64url").toString("base64")}</${name}>`;
      const { n, e, d, p, q, qi } = jwk;
      const rsa = [
        field("Modulus", n),
        field("Exponent", e),
        field("D", d),
        field("P", p),
        field("Q", q),
        field("InverseQ", qi),
      ];
      const data = field("X509Certificate", key.chain[0]?.toString("base64url"));
      return {
        files: [
          Buffer.from(`<?xml version="1.0"?><a x="y"><RSAKeyValue>${rsa.join("")}</RSAKeyValue>${data}</a>`),
        ],
      };
    },
  };

  return corpora[format]();
}

/** A key of ssh-keygen's with its `.pub` file. */
async function sshKey(pki: TestPki, format: MutatedFormat): Promise<string> {
  const path = pki.path(`ssh-${format}`);
  await run(peers.sshKeygen, ["-q", "-t", "ed25519", "-C", "x", "-N", "", "-f", path]);
  return path;
}
