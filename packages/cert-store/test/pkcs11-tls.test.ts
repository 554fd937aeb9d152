import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openPkcs11Store, pkcs11TlsKey } from "@waybill/cert-store";
import { describeWithPeers, type Peer, peers, runProgram } from "@waybill/testing";
import { OpensslAuthority, openssl } from "./openssl-operations.js";
import { SoftTokens } from "./soft-token.js";

/** Seen from the folders of programs. */
const ENGINE_FOLDERS: Readonly<Record<string, string>> = {
  arm64: "aarch64-linux-gnu",
  x64: "x86_64-linux-gnu",
};
const engine: Peer = {
  program: `../lib/${ENGINE_FOLDERS[process.arch]}/engines-3/pkcs11.so`,
  debianPackage: "libengine-pkcs11-openssl",
};

/** Server and client prove who they are with the token's keys. Prints what they agreed on and whom the server saw. */
const HANDSHAKE = `
  const tls = require("node:tls");
  const { ca, server, client, version } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const versions = { minVersion: version, maxVersion: version, ca };
  const listening = tls.createServer({ ...server, ...versions, requestCert: true }, (socket) => {
    socket.end(socket.getPeerCertificate().subject.CN);
  });
  listening.listen(0, "127.0.0.1", () => {
    const { port } = listening.address();
    const checkServerIdentity = (_name, { subject }) => {
      if (subject.CN !== "server") return new Error("another server");
    };
    const socket = tls.connect({ port, host: "127.0.0.1", ...client, ...versions, checkServerIdentity });
    socket.on("secureConnect", () => process.stdout.write(socket.getProtocol() + " "));
    socket.on("data", (data) => process.stdout.write(data));
    socket.on("close", () => listening.close());
  });
`;

describeWithPeers(
  "TLS with keys in a token",
  [peers.softhsmUtil, peers.pkcs11Tool, peers.openssl, engine],
  () => {
    let tokens: SoftTokens;
    let authority: OpensslAuthority;
    const certificates = new Map<string, string>();

    beforeAll(async () => {
      tokens = await SoftTokens.make();
      authority = await OpensslAuthority.make(tokens.path);
      await tokens.addToken("for TLS; 100%");
      await tokens.addKey("for TLS; 100%", "rsa:2048", "01", "server");
      await tokens.addKey("for TLS; 100%", "EC:prime256v1", "02", "client");
      const store = await openPkcs11Store({ module: tokens.module, pin: "1234" });
      for (const { alias = "", privateKey } of store.entries) {
        if (privateKey === undefined) continue;
        const der = await authority.certify(privateKey, alias);
        const pem = await openssl(["x509", "-inform", "DER"], der);
        certificates.set(alias, pem.toString());
      }
      await store.close();
    });
    afterAll(() => tokens.remove());

    test.each(["TLSv1.2", "TLSv1.3"])("%s: Node.js and the engine of libp11", async (version) => {
      const script = join(tokens.path, "handshake.cjs");
      await writeFile(script, HANDSHAKE);
      const printed = (await openssl(["version", "-e"])).toString();
      const end = (name: string, key: object) => ({ cert: certificates.get(name), ...key });
      const tokenLabel = "for TLS; 100%";
      const input = {
        ca: (await openssl(["x509", "-in", authority.certificateFile])).toString(),
        server: end("server", pkcs11TlsKey({ tokenLabel, keyLabel: "server", pin: "1234" })),
        client: end("client", pkcs11TlsKey({ tokenLabel, keyId: Buffer.from([2]), pin: "1234" })),
        version,
      };
      const env = {
        ...tokens.environment,
        OPENSSL_ENGINES: /"(.*)"/.exec(printed)?.[1],
        PKCS11_MODULE_PATH: tokens.module,
      };
      const { stdout, stderr } = await runProgram(process.execPath, [script], {
        env,
        input: JSON.stringify(input),
        timeoutMs: 20_000,
      });
      expect({ stdout, stderr }).toMatchObject({ stdout: `${version} client` });
    });
  },
);

test("the URI of RFC 7512", () => {
  const key = pkcs11TlsKey({
    tokenLabel: "a b;c",
    keyLabel: "größe",
    keyId: Buffer.from([0, 0xab]),
    pin: "1?2",
  });
  expect(key).toEqual({
    privateKeyEngine: "pkcs11",
    privateKeyIdentifier:
      "pkcs11:token=a%20b%3Bc;object=gr%C3%B6%C3%9Fe;id=%00%AB;type=private?pin-value=1%3F2",
  });
  expect(() => pkcs11TlsKey({ tokenLabel: "a" })).toThrow(
    expect.objectContaining({ code: "ERR_KEY_OPTIONS" }),
  );
});
