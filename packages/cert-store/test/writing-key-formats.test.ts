import { createPrivateKey, createPublicKey, type JsonWebKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  createSelfSignedCertificate,
  GENERATED_KEY_KINDS,
  generatePrivateKey,
  jwkThumbprint,
  parsePrivateKey,
  type SoftwarePrivateKey,
  writeJwk,
  writeJwkSet,
  writeOpenSsh,
  writePpk,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { COMMENT, PASSPHRASE, passphraseFile, runPeer } from "./key-fixtures.js";
import { heldKey } from "./making-held-key.js";

const keys = new Map<string, SoftwarePrivateKey>();
const key = (kind: string) => keys.get(kind) as SoftwarePrivateKey;
beforeAll(async () => {
  for (const kind of GENERATED_KEY_KINDS) {
    keys.set(
      kind,
      await generatePrivateKey(kind, { comment: COMMENT, ...(kind === "rsa" && { bits: 2048 }) }),
    );
  }
});

const FAST = { memoryKib: 64, passes: 1 };

describe("writePpk", () => {
  test.each(GENERATED_KEY_KINDS)("%s is read back", async (kind) => {
    for (const passphrase of [undefined, PASSPHRASE]) {
      const text = await writePpk({ key: key(kind), passphrase, ...FAST });
      const back = await parsePrivateKey(text, { passphrase: passphrase ?? "" });
      expect(back.keyObject.equals(key(kind).keyObject)).toBe(true);
      expect(back.comment).toBe(COMMENT);
    }
  });

  test("a comment stays on its line", async () => {
    const text = await writePpk({ key: key("ed25519"), comment: "a\nEncryption: none\r\0b" });
    expect(text).toContain("\nComment: a Encryption: none b\n");
    expect((await parsePrivateKey(text)).comment).toBe("a Encryption: none b");
  });

  test("what cannot be written", async () => {
    const write = (options: Partial<Parameters<typeof writePpk>[0]>) =>
      writePpk({ key: key("ed25519"), ...options });
    await expect(write({ key: heldKey(key("rsa")) })).rejects.toMatchObject({
      code: "ERR_KEY_NOT_EXPORTABLE",
    });
    await expect(write({ passphrase: "" })).rejects.toMatchObject({ code: "ERR_CERT_OPTIONS" });
    await expect(write({ passphrase: "x", passes: 1.5 })).rejects.toMatchObject({ code: "ERR_CERT_OPTIONS" });
    await expect(write({ passphrase: "x", memoryKib: 2 ** 31 })).rejects.toMatchObject({
      code: "ERR_KEY_UNSUPPORTED",
    });
  });
});

describeWithPeers(
  "puttygen and ssh-keygen and the keys that we write",
  [peers.puttygen, peers.sshKeygen],
  () => {
    let folder: TemporaryFolder;
    beforeAll(async () => {
      folder = await temporaryFolder();
    });
    afterAll(() => folder.remove());

    test.each(GENERATED_KEY_KINDS)("%s", async (kind) => {
      const secret = ["--old-passphrase", await passphraseFile(folder.path)];
      const empty = `${folder.path}/empty`;
      await writeFile(empty, "");
      for (const passphrase of [undefined, PASSPHRASE]) {
        const path = `${folder.path}/${kind}-${passphrase === undefined ? "clear" : "encrypted"}.ppk`;
        await writeFile(path, await writePpk({ key: key(kind), passphrase, ...(kind !== "rsa" && FAST) }));
        const arguments_ = passphrase === undefined ? [] : secret;
        expect((await runPeer("puttygen", [path, "-L", ...arguments_])).split(" ")[1]).toBe(
          key(kind).publicKey.blob.toString("base64"),
        );
        // The private key is right, too: what puttygen makes of it, ssh-keygen takes.
        const converted = `${path}.openssh`;
        await runPeer("puttygen", [
          path,
          "-O",
          "private-openssh-new",
          "-o",
          converted,
          "--new-passphrase",
          empty,
          ...arguments_,
        ]);
        expect((await runPeer("sshKeygen", ["-y", "-P", "", "-f", converted])).split(" ")[1]).toBe(
          key(kind).publicKey.blob.toString("base64"),
        );
      }
    });
  },
);

describe("writeOpenSsh", () => {
  test("is read back, unless the key never leaves", async () => {
    const text = await writeOpenSsh({ key: key("ecdsa-p384"), passphrase: PASSPHRASE, rounds: 1 });
    const back = await parsePrivateKey(text, { passphrase: PASSPHRASE });
    expect(back.keyObject.equals(key("ecdsa-p384").keyObject)).toBe(true);
    await expect(writeOpenSsh({ key: heldKey(key("rsa")) })).rejects.toMatchObject({
      code: "ERR_KEY_NOT_EXPORTABLE",
    });
  });
});

describe("writeJwk", () => {
  test.each(GENERATED_KEY_KINDS)("%s is read back by node:crypto", (kind) => {
    const jwk = JSON.parse(JSON.stringify(writeJwk({ privateKey: key(kind) }))) as JsonWebKey;
    expect(createPrivateKey({ key: jwk, format: "jwk" }).equals(key(kind).keyObject)).toBe(true);
    const shown = writeJwk({ privateKey: heldKey(key(kind)) }, { publicOnly: true });
    expect(shown).not.toHaveProperty("d");
    expect(
      createPublicKey({ key: shown as JsonWebKey, format: "jwk" }).equals(key(kind).publicKey.keyObject),
    ).toBe(true);
  });

  test("with its certificate", async () => {
    const certificate = await createSelfSignedCertificate({ key: key("ecdsa-p256"), subject: "CN=x" });
    const set = JSON.parse(
      writeJwkSet([
        { alias: "mine", certificate, privateKey: key("ecdsa-p256") },
        { certificate },
        { publicKey: key("rsa").publicKey },
      ]),
    ) as { keys: Record<string, unknown>[] };
    const x5t = Buffer.from(certificate.thumbprint(), "hex").toString("base64url");
    expect(set.keys).toMatchObject([
      {
        kid: "mine",
        kty: "EC",
        x5c: [certificate.der.toString("base64")],
        "x5t#S256": x5t,
        d: expect.any(String),
      },
      { kid: expect.stringMatching(/^[\w-]{43}$/), kty: "EC" },
      { kty: "RSA" },
    ]);
    expect(set.keys[1]).not.toHaveProperty("d");
  });

  test("the thumbprint of RFC 7638 section 3.1 and of RFC 8037 appendix A.3", () => {
    const n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    expect(jwkThumbprint({ kty: "RSA", n, e: "AQAB", alg: "RS256", kid: "2011-04-29" })).toBe(
      "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    );
    expect(
      jwkThumbprint({ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
    ).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });

  test("what cannot be written", () => {
    const error = (code: string) => expect.objectContaining({ code });
    expect(() => writeJwk({ privateKey: heldKey(key("rsa")) })).toThrow(error("ERR_KEY_NOT_EXPORTABLE"));
    expect(() => writeJwk({})).toThrow(error("ERR_CERT_OPTIONS"));
    expect(() => writeJwkSet([])).toThrow(error("ERR_CERT_OPTIONS"));
  });
});
