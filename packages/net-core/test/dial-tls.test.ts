import { getEventListeners, once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type DialTlsOptions, dial, dialTls, type TlsPeer, tlsPeerOf } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { activeTimers, closed, deferred, lookupOf, refusingPort, testListener } from "./socket-helpers.js";
import { closeTls, Issuer, nextText, openTls, startServer, type TestCertificate } from "./tls-helpers.js";

const FINGERPRINT = /\(SHA-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}\)/;

let folder: TemporaryFolder;
let issuer: Issuer;
let ca: TestCertificate;
let otherCa: TestCertificate;
let own: TestCertificate;
let named: TestCertificate;
let expired: TestCertificate;
let client: TestCertificate;

describeWithPeers("dialTls", [peers.openssl], () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    issuer = new Issuer(folder.path);
    [ca, otherCa] = await Promise.all([issuer.authority("The CA"), issuer.authority("Another CA")]);
    [own, named, expired, client] = await Promise.all([
      issuer.issue(ca, "localhost", { san: "DNS:localhost,IP:127.0.0.1" }),
      issuer.issue(ca, "partner", { san: "DNS:partner.test,DNS:*.wild.test" }),
      issuer.issue(ca, "old", { san: "IP:127.0.0.1", days: -1 }),
      issuer.issue(ca, "client"),
    ]);
  });
  afterAll(() => folder.remove());
  afterEach(closeTls);

  describe("a connection", () => {
    test("carries bytes both ways, ends with close_notify, and knows its peer", async () => {
      const server = await openTls({ certificates: [own], alpn: ["oftp"] });
      const socket = await server.dial({
        trust: [ca.certificate],
        alpn: ["other", "oftp"],
        serverName: "localhost",
      });
      const accepted = await server.next();
      accepted.once("data", (chunk: Buffer) => accepted.end(`got ${chunk.toString()}`));
      socket.write("hello");
      expect(await text(socket)).toBe("got hello");
      expect(tlsPeerOf(socket)).toMatchObject({
        protocol: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
        certificate: expect.any(Buffer),
        authorized: true,
        authorizationError: undefined,
        alpnProtocol: "oftp",
        serverName: "localhost",
      });
      expect(tlsPeerOf(accepted)).toMatchObject({
        certificate: undefined,
        chain: [],
        authorized: false,
        authorizationError: undefined,
        alpnProtocol: "oftp",
        serverName: "localhost",
      });
    });

    test("that is idle is destroyed with ERR_IDLE_TIMEOUT", async () => {
      const { listener } = await openTls({ certificates: [own] });
      const { port } = listener;
      const socket = await dialTls({
        host: "127.0.0.1",
        port,
        idleTimeoutMs: 30,
        tls: { trust: [ca.certificate] },
      });
      expect(await closed(socket)).toMatchObject({ code: "ERR_IDLE_TIMEOUT" });
    });

    test("stays open while there is traffic, whatever the idle timeout", async () => {
      const { listener, next } = await openTls({ certificates: [own] });
      const { port } = listener;
      const socket = await dialTls({
        host: "127.0.0.1",
        port,
        idleTimeoutMs: 300,
        tls: { trust: [ca.certificate] },
      });
      const accepted = await next();
      const until = performance.now() + 700;
      const pump = setInterval(() => {
        if (performance.now() > until) accepted.end("x");
        else accepted.write("x");
      }, 20);
      const all = await text(socket);
      clearInterval(pump);
      expect(all.length).toBeGreaterThan(3);
    });

    test("whose error nobody listens to does not end the process", async () => {
      const { dial: connect, next } = await openTls({ certificates: [own] });
      const socket = await connect({ trust: [ca.certificate] });
      const accepted = await next();
      const gone = new Promise((resolve) => socket.once("close", resolve));
      accepted.destroy(new Error("broken"));
      socket.resume();
      await gone;
    });

    test("leaves no timer and no listener behind, and is not touched by the signal once it is there", async () => {
      const { listener, next } = await openTls({ certificates: [own] });
      const controller = new AbortController();
      const { signal } = controller;
      const before = activeTimers();
      const options = { host: "127.0.0.1", port: listener.port, signal };
      const tls = { trust: [ca.certificate], handshakeTimeoutMs: 120_000 };
      const socket = await dialTls({ ...options, tls });
      const accepted = await next();
      // Other things of the process come and go; the handshake's timer would stay beyond the end of this test.
      while (activeTimers() > before) await new Promise((resolve) => setImmediate(resolve));
      expect(getEventListeners(signal, "abort")).toEqual([]);
      controller.abort();
      accepted.end("still here");
      expect(await text(socket)).toBe("still here");
    });

    test("is refused like a plain one when nobody listens", async () => {
      const { port, release } = await refusingPort();
      await expect(dialTls({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "ERR_DIAL_REFUSED" });
      await release();
    });
  });

  describe("the server's certificate", () => {
    const openAs = async (certificate: TestCertificate) => openTls({ certificates: [certificate] });

    test("by default must lead to a root that Node trusts", async () => {
      const { dial: connect } = await openAs(own);
      await expect(connect({})).rejects.toMatchObject({ code: "ERR_TLS_UNTRUSTED" });
    });

    test("must lead to what is trusted; the error says which, why, and its fingerprint", async () => {
      const { dial: connect, listener } = await openAs(own);
      const error: unknown = await connect({ trust: [otherCa.certificate] }).catch(
        (failure: unknown) => failure,
      );
      expect(error).toMatchObject({
        code: "ERR_TLS_UNTRUSTED",
        message: expect.stringMatching(FINGERPRINT),
        details: { target: `127.0.0.1:${listener.port}`, subject: "CN=localhost", issuer: "CN=The CA" },
      });
      expect(String(error)).toContain(`the certificate "CN=localhost" of 127.0.0.1:${listener.port}`);
    });

    test("may be trusted itself", async () => {
      const { dial: connect } = await openAs(own);
      await connect({ trust: [otherCa.certificate + own.certificate] });
      await expect(connect({ trust: [] })).rejects.toMatchObject({ code: "ERR_TLS_UNTRUSTED" });
    });

    test("must be in date", async () => {
      const { dial: connect } = await openAs(expired);
      await expect(connect({ trust: [ca.certificate] })).rejects.toMatchObject({
        code: "ERR_TLS_UNTRUSTED",
        message: expect.stringContaining("it has expired"),
        details: { reason: "CERT_HAS_EXPIRED", subject: "CN=old" },
      });
    });

    test("must not be revoked when there are revocation lists", async () => {
      const { dial: connect } = await openAs(own);
      const [none, revoked, foreign] = await Promise.all([
        issuer.crl(ca, []),
        issuer.crl(ca, [own]),
        issuer.crl(otherCa, []),
      ]);
      const trust = [ca.certificate];
      await connect({ trust, crls: [foreign + none] });
      await expect(connect({ trust, crls: [revoked] })).rejects.toMatchObject({
        details: { reason: "CERT_REVOKED" },
      });
      await expect(connect({ trust, crls: [foreign] })).rejects.toMatchObject({
        details: { reason: "UNABLE_TO_GET_CRL" },
      });
    });

    test("must have the name", async () => {
      const { dial: connect } = await openAs(named);
      const trust = [ca.certificate];
      await connect({ trust, serverName: "partner.test" });
      await connect({ trust, serverName: "partner.test." });
      await connect({ trust, serverName: "one.wild.test" });
      await connect({ trust, serverName: "any.thing", verifyName: false });
      const anyway = await connect({ trust, verify: () => true });
      expect(tlsPeerOf(anyway)).toMatchObject({ authorized: false, authorizationError: "NAME_MISMATCH" });
      expect(anyway.authorized).toBe(false);
      for (const serverName of ["partner.example", "two.one.wild.test", "127.0.0.1", undefined]) {
        await expect(connect({ trust, serverName })).rejects.toMatchObject({
          code: "ERR_TLS_NAME",
          message: expect.stringMatching(FINGERPRINT),
          details: { name: serverName ?? "127.0.0.1", names: "DNS:partner.test, DNS:*.wild.test" },
        });
      }
    });

    test("is asked for by the name that was dialled", async () => {
      const { listener, next } = await openAs(named);
      const options: DialTlsOptions = {
        host: "partner.test",
        port: listener.port,
        lookup: lookupOf("127.0.0.1"),
      };
      const socket = await dialTls({ ...options, tls: { trust: [ca.certificate] } });
      expect(tlsPeerOf(await next())).toMatchObject({ serverName: "partner.test" });
      socket.destroy();
    });
  });

  describe("the verify hook", () => {
    test("sees the peer and replaces the default, both ways", async () => {
      const chain = { ...expired, certificate: expired.certificate + ca.certificate };
      const { dial: connect } = await openTls({ certificates: [chain] });
      const seen: TlsPeer[] = [];
      await connect({ trust: [otherCa.certificate], verify: (peer) => seen.push(peer) === 1 });
      expect(seen).toMatchObject([{ authorized: false, protocol: "TLSv1.3", serverName: "127.0.0.1" }]);
      expect(seen[0]?.chain.map((one) => one.toString("base64"))).toEqual([bare(expired), bare(ca)]);
      expect(seen[0]?.certificate?.toString("base64")).toBe(bare(expired));
      await expect(connect({ trust: [ca.certificate], verify: async () => false })).rejects.toMatchObject({
        code: "ERR_TLS_REFUSED",
        message: expect.stringMatching(FINGERPRINT),
      });
    });

    test("learns of a wrong name too", async () => {
      const { dial: connect } = await openTls({ certificates: [named] });
      const verify = ({ authorized }: TlsPeer) => authorized;
      await expect(connect({ trust: [ca.certificate], verify })).rejects.toMatchObject({
        code: "ERR_TLS_REFUSED",
      });
      await connect({ trust: [ca.certificate], verify, serverName: "partner.test" });
    });

    test("refuses by throwing, and by any answer but true", async () => {
      const { dial: connect } = await openTls({ certificates: [own] });
      const cause = new Error("the list is not there");
      const fails = connect({ verify: () => Promise.reject(cause) });
      await expect(fails).rejects.toMatchObject({ code: "ERR_TLS_REFUSED", cause });
      const truthy = connect({ verify: () => "yes" as unknown as boolean });
      await expect(truthy).rejects.toMatchObject({ code: "ERR_TLS_REFUSED" });
    });

    test("comes before any byte of the application, which waits", async () => {
      const server = await openTls({ certificates: [own] });
      const answer = deferred<boolean>();
      const asked = deferred<void>();
      const connecting = server.dial({
        verify: () => {
          asked.resolve();
          return answer.promise;
        },
      });
      const accepted = await server.next();
      accepted.end("early words");
      await asked.promise;
      answer.resolve(true);
      expect(await text(await connecting)).toBe("early words");
      expect(accepted.bytesRead).toBe(0);
    });

    test("has as long as the handshake may take", async () => {
      const { dial: connect } = await openTls({ certificates: [own] });
      const late = connect({ handshakeTimeoutMs: 40, verify: () => new Promise<boolean>(() => {}) });
      await expect(late).rejects.toMatchObject({
        code: "ERR_TLS_TIMEOUT",
        message: expect.stringContaining("the verify hook did not decide"),
      });
    });

    test("may let in a peer that is gone already: the socket ends", async () => {
      const server = await openTls({ certificates: [own] });
      const answer = deferred<boolean>();
      const connecting = server.dial({ verify: () => answer.promise });
      const accepted = await server.next();
      const gone = closed(accepted);
      accepted.destroy();
      await gone;
      answer.resolve(true);
      expect(await text(await connecting)).toBe("");
    });
  });

  describe("a server that does not do its part", () => {
    let server: Server;
    afterEach(() => new Promise<unknown>((resolve) => server.close(resolve)));

    const serve = async (onConnection: (socket: Socket) => void) => {
      server = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("close", () => socket.destroy());
        onConnection(socket);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      return { host: "127.0.0.1", port };
    };

    test.each([
      ["SSH-2.0-other\r\n"],
      ["\x10\0\0\x17IODETTE FTP READY \r"],
      ["HTTP/1.1 400 Bad Request\r\n\r\n"],
    ])("one that speaks plain text is named as such: %j", async (greeting) => {
      const target = await serve((socket) => socket.resume().end(greeting, "latin1"));
      await expect(dialTls(target)).rejects.toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining(`127.0.0.1:${target.port} does not speak TLS`),
      });
    });

    test("one that hangs up", async () => {
      const target = await serve((socket) => socket.destroy());
      await expect(dialTls(target)).rejects.toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("closed the connection before the TLS handshake was done"),
      });
    });

    test("one that says nothing", async () => {
      const target = await serve((socket) => socket.resume());
      await expect(dialTls({ ...target, tls: { handshakeTimeoutMs: 30 } })).rejects.toMatchObject({
        code: "ERR_TLS_TIMEOUT",
        message: `127.0.0.1:${target.port} sent nothing (perhaps it does not speak TLS) within 30 ms`,
      });
    });

    test("is left when the signal says so, and nothing stays open", async () => {
      const controller = new AbortController();
      const gone = deferred<void>();
      const target = await serve((socket) => {
        socket.once("data", () => controller.abort("enough")).once("close", () => gone.resolve());
      });
      const timers = activeTimers();
      const tls = { handshakeTimeoutMs: 120_000 };
      await expect(dialTls({ ...target, tls, signal: controller.signal })).rejects.toMatchObject({
        code: "ERR_ABORTED",
        cause: "enough",
      });
      await gone.promise;
      while (activeTimers() > timers) await new Promise((resolve) => setImmediate(resolve));
    });
  });

  describe("against openssl s_server", () => {
    test.each([
      ["-tls1_2", "TLSv1.2"],
      ["-tls1_3", "TLSv1.3"],
    ])("%s", async (version, protocol) => {
      const { port } = await startServer(own, [version]);
      const socket = await dialTls({ host: "127.0.0.1", port, tls: { trust: [ca.certificate] } });
      expect(tlsPeerOf(socket)).toMatchObject({ protocol, authorized: true });
      socket.write("hello\n");
      expect(await nextText(socket)).toBe("olleh\n");
      socket.destroy();
    });

    test("versions that do not meet", async () => {
      const { port } = await startServer(own, ["-tls1_2"]);
      const failed = dialTls({ host: "127.0.0.1", port, tls: { minimumVersion: "TLSv1.3" } });
      await expect(failed).rejects.toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("protocol version"),
      });
    });

    test("suites that do not meet", async () => {
      const { port } = await startServer(own, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
      const cipherSuites = ["ECDHE-ECDSA-AES256-GCM-SHA384"];
      await expect(dialTls({ host: "127.0.0.1", port, tls: { cipherSuites } })).rejects.toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("handshake failure"),
      });
    });

    const demanding = () => ["-Verify", "1", "-verify_return_error", "-CAfile", ca.certificateFile];

    test.each(["-tls1_2", "-tls1_3"])("our certificate is shown when it is demanded, %s", async (version) => {
      const { port, printed } = await startServer(own, [version, ...demanding()]);
      const tls = { trust: [ca.certificate], certificates: [client] };
      const socket = await dialTls({ host: "127.0.0.1", port, tls });
      socket.write("hello\n");
      expect(await nextText(socket)).toBe("olleh\n");
      await printed(/Peer certificate: CN = client/);
      socket.destroy();
    });

    test("we have none, TLS 1.2: the handshake fails", async () => {
      const { port } = await startServer(own, ["-tls1_2", ...demanding()]);
      await expect(
        dialTls({ host: "127.0.0.1", port, tls: { trust: [ca.certificate] } }),
      ).rejects.toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("it may demand a certificate of ours"),
      });
    });

    test("we have none, TLS 1.3: the socket says so", async () => {
      const { port } = await startServer(own, ["-tls1_3", ...demanding()]);
      const socket = await dialTls({ host: "127.0.0.1", port, tls: { trust: [ca.certificate] } });
      expect(await closed(socket)).toMatchObject({
        code: "ERR_TLS_CERTIFICATE_REQUIRED",
        message: expect.stringContaining("demands a certificate of ours"),
      });
    });

    test.each(["-tls1_2", "-tls1_3"])("ours is not trusted there: %s says why", async (version) => {
      const wrong = await issuer.issue(otherCa, "client");
      const { port } = await startServer(own, [version, ...demanding()]);
      const tls = { trust: [ca.certificate], certificates: [wrong] };
      const error: unknown = await dialTls({ host: "127.0.0.1", port, tls }).then(
        closed,
        (failure: unknown) => failure,
      );
      expect(error).toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("does not accept our certificate"),
      });
    });
  });

  test("a TLS client of a plain port gets no further, and the plain port neither", async () => {
    const plain = await testListener();
    const connecting = dialTls({
      host: "127.0.0.1",
      port: plain.listener.port,
      tls: { handshakeTimeoutMs: 1000 },
    });
    const accepted = await plain.next();
    accepted.end("plain");
    await expect(connecting).rejects.toMatchObject({ code: "ERR_TLS_HANDSHAKE" });
    expect((await buffer(accepted))[0]).toBe(22);
    await plain.listener.close();
    await expect(dial({ host: "127.0.0.1", port: plain.listener.port })).rejects.toBeDefined();
  });
});

function bare({ certificate }: TestCertificate): string {
  return certificate.replaceAll(/-----.*?-----|\s/g, "");
}
