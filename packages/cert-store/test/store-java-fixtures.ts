import { copyFile, readFile } from "node:fs/promises";
import { peerPath, peers } from "@waybill/testing";
import { DER_TAG, derParts, encodeDer, readDer } from "../src/der.js";
import { errorSource } from "../src/error-source.js";
import { JAVA_PASSWORD, KEY_PASSWORD, LEAVES, openssl, run, type TestPki } from "./store-fixtures.js";

/**
 * A PKCS#12 file with the keys of all leaves, since openssl puts only one in a file: the parts of five files without a
 * MAC are parts of one as well.
 */
export async function makeJointPkcs12(pki: TestPki): Promise<string> {
  const source = errorSource(undefined);
  const parts = await Promise.all(
    LEAVES.map(async ({ name }) => {
      const out = pki.path(`${name}-single.p12`);
      const files = [
        "-inkey",
        pki.path(`${name}.key`),
        "-in",
        pki.path(`${name}.pem`),
        "-certfile",
        pki.path("chain.pem"),
      ];
      const protect = ["-nomac", "-passout", `pass:${JAVA_PASSWORD}`];
      await openssl("pkcs12", "-export", ...files, "-name", name, ...protect, "-out", out);
      const [version, authSafe] = derParts(readDer(await readFile(out), source), source);
      const [type, content] = derParts(authSafe!, source);
      const safes = readDer(readDer(content!.contents, source).contents, source);
      return { version, type, safes: safes.contents };
    }),
  );
  const octets = encodeDer(
    DER_TAG.octetString,
    encodeDer(DER_TAG.sequence, ...parts.map((part) => part.safes)),
  );
  const [first] = parts;
  const authSafe = encodeDer(DER_TAG.sequence, first!.type!.raw, encodeDer(DER_TAG.context0, octets));
  return pki.write("joint.p12", encodeDer(DER_TAG.sequence, first!.version!.raw, authSafe));
}

const bouncyCastleArgs = () => [
  "-providerclass",
  "org.bouncycastle.jce.provider.BouncyCastleProvider",
  "-providerpath",
  peerPath(peers.bouncyCastle),
];

const storeArgs = (pki: TestPki, format: string) => [
  "-keystore",
  pki.path(`store.${format}`),
  "-storetype",
  format.toUpperCase(),
  "-storepass",
  JAVA_PASSWORD,
  ...(format === "bcfks" ? bouncyCastleArgs() : []),
];

/** All leaves in a store of keytool's, `store.FORMAT`. */
async function importLeaves(pki: TestPki, joint: string, format: string): Promise<void> {
  const from = ["-srckeystore", joint, "-srcstoretype", "PKCS12", "-srcstorepass", JAVA_PASSWORD];
  const to = ["-destkeystore", pki.path(`store.${format}`), "-deststoretype", format.toUpperCase()];
  // keytool's default is 200,000, half a second for each key.
  const cheap = format === "jceks" ? ["-J-Djdk.jceks.iterationCount=10000"] : [];
  const provider = format === "bcfks" ? bouncyCastleArgs() : cheap;
  await run(peers.keytool, [
    "-importkeystore",
    "-noprompt",
    ...from,
    ...to,
    "-deststorepass",
    JAVA_PASSWORD,
    ...provider,
  ]);
}

const importRoot = (pki: TestPki, format: string) =>
  run(peers.keytool, [
    "-importcert",
    "-noprompt",
    "-alias",
    "anchor",
    "-file",
    pki.path("root.pem"),
    ...storeArgs(pki, format),
  ]);

/**
 * Makes `store.pkcs12`, `store.jks`, `store.jceks` and `store.bcfks` with every leaf; in JKS and BCFKS the root as
 * `anchor`, in JCEKS a secret key; `own-password.jks`, where the key `rsa` has KEY_PASSWORD.
 */
export async function makeJavaStores(pki: TestPki): Promise<void> {
  const joint = await makeJointPkcs12(pki);
  const secret = ["-genseckey", "-alias", "a-secret", "-keyalg", "AES", "-keysize", "128"];
  const jks = async () => {
    await importLeaves(pki, joint, "jks");
    await importRoot(pki, "jks");
    await copyFile(pki.path("store.jks"), pki.path("own-password.jks"));
    const passwords = ["-keypass", JAVA_PASSWORD, "-new", KEY_PASSWORD, "-storepass", JAVA_PASSWORD];
    await run(peers.keytool, [
      "-keypasswd",
      "-alias",
      "rsa",
      ...passwords,
      "-keystore",
      pki.path("own-password.jks"),
    ]);
  };
  const jceks = async () => {
    await importLeaves(pki, joint, "jceks");
    await run(peers.keytool, [...secret, ...storeArgs(pki, "jceks")]);
  };
  const bcfks = async () => {
    await importLeaves(pki, joint, "bcfks");
    await importRoot(pki, "bcfks");
  };
  // Two at a time: a JVM keeps a processor busy.
  await Promise.all([jks().then(() => importLeaves(pki, joint, "pkcs12")), jceks().then(bcfks)]);
}
