import { once } from "node:events";
import { connect as connectTcp, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { dial, dialTls, type TlsPeer, tlsPeerOf } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { activeTimers, closed, deferred, emptied } from "./socket-helpers.js";
import { closeTls, Issuer, openTls, startOpenssl, type TestCertificate } from "./tls-helpers.js";

let folder: TemporaryFolder;
let ca: TestCertificate;
let otherCa: TestCertificate;
let own: TestCertificate;
let renewed: TestCertificate;
let client: TestCertificate;
let foreign: TestCertificate;
let expired: TestCertificate;

describeWithPeers("listenTls", [peers.openssl], () => {
  beforeAll(async () => {
    folder = await temporaryFolder();
    const issuer = new Issuer(folder.path);
    [ca, otherCa] = await Promise.all([issuer.authority("The CA"), issuer.authority("Another CA")]);
    const san = "DNS:localhost,IP:127.0.0.1";
    [own, renewed, client, foreign, expired] = await Promise.all([
      issuer.issue(ca, "first", { san }),
      issuer.issue(ca, "second", { san }),
      issuer.issue(ca, "client"),
      issuer.issue(otherCa, "foreign"),
      issuer.issue(ca, "old", { days: -1 }),
    ]);
  });
  afterAll(() => folder.remove());
  afterEach(closeTls);

  const trusting = () => ({ trust: [ca.certificate] });
  const demanding = () => ({
    certificates: [own],
    clientCertificates: "required" as const,
    trust: [ca.certificate],
  });

  describe("client certificates", () => {
    test.each(["TLSv1.2", "TLSv1.3"] as const)("required, %s: the right one is let in", async (version) => {
      const server = await openTls({ ...demanding(), minimumVersion: version, maximumVersion: version });
      const socket = await server.dial({ ...trusting(), certificates: [client] });
      const accepted = await server.next();
      expect(tlsPeerOf(accepted)).toMatchObject({ authorized: true, protocol: version });
      expect(accepted).toMatchObject({ authorized: true, authorizationError: null });
      expect(tlsPeerOf(accepted)?.certificate).toEqual(tlsPeerOf(accepted)?.chain[0]);
      accepted.end("welcome");
      expect(await text(socket)).toBe("welcome");
    });

    test("required, TLS 1.3: who has none learns so on the socket", async () => {
      const server = await openTls(demanding());
      const socket = await server.dial(trusting());
      expect(await closed(socket)).toMatchObject({ code: "ERR_TLS_CERTIFICATE_REQUIRED" });
      expect(await server.failure()).toMatchObject({
        code: "ERR_TLS_CERTIFICATE_REQUIRED",
        message: expect.stringMatching(/^127\.0\.0\.1:\d+ presented no certificate, and one is required$/),
      });
    });

    test("required, TLS 1.2: who has none fails in the handshake", async () => {
      const server = await openTls({ ...demanding(), maximumVersion: "TLSv1.2" });
      await expect(server.dial(trusting())).rejects.toMatchObject({ code: "ERR_TLS_HANDSHAKE" });
      expect(await server.failure()).toMatchObject({ code: "ERR_TLS_CERTIFICATE_REQUIRED" });
    });

    test("required: the hook cannot do without one either", async () => {
      const server = await openTls({ ...demanding(), verify: () => true });
      expect(await closed(await server.dial(trusting()))).toMatchObject({
        code: "ERR_TLS_CERTIFICATE_REQUIRED",
      });
      expect(await server.failure()).toMatchObject({ code: "ERR_TLS_CERTIFICATE_REQUIRED" });
    });

    test.each<["required" | "optional", () => TestCertificate, string]>([
      ["required", () => foreign, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
      ["optional", () => foreign, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
      ["required", () => expired, "CERT_HAS_EXPIRED"],
    ])("%s: one that is not trusted is refused", async (clientCertificates, shown, reason) => {
      const server = await openTls({ ...demanding(), clientCertificates });
      const socket = await server.dial({ ...trusting(), certificates: [shown()] });
      await closed(socket);
      const failure = await server.failure();
      expect(failure).toMatchObject({
        code: "ERR_TLS_UNTRUSTED",
        message: expect.stringContaining("(SHA-256 "),
      });
      expect(["UNABLE_TO_VERIFY_LEAF_SIGNATURE", reason]).toContain(failure.details.reason);
    });

    test("optional: none is fine, and not authorized", async () => {
      const server = await openTls({ ...demanding(), clientCertificates: "optional" });
      await server.dial(trusting());
      expect(tlsPeerOf(await server.next())).toMatchObject({
        certificate: undefined,
        authorized: false,
        authorizationError: undefined,
      });
    });

    test("none: a client is not asked for what it has", async () => {
      const server = await openTls({ certificates: [own] });
      await server.dial({ ...trusting(), certificates: [client] });
      expect(tlsPeerOf(await server.next())?.certificate).toBeUndefined();
    });

    test("the hook decides in place of OpenSSL", async () => {
      const seen: TlsPeer[] = [];
      const answers = [true, false];
      const server = await openTls({
        ...demanding(),
        trust: [],
        verify: async (peer) => {
          seen.push(peer);
          return answers.shift() ?? false;
        },
      });
      await server.dial({ ...trusting(), certificates: [foreign] });
      await server.next();
      await closed(await server.dial({ ...trusting(), certificates: [client] }));
      expect(await server.failure()).toMatchObject({ code: "ERR_TLS_REFUSED" });
      expect(seen).toMatchObject([{ authorized: false }, { authorized: false }]);
    });

    test("nothing is handed over or written before the hook has decided", async () => {
      const answer = deferred<boolean>();
      const server = await openTls({ certificates: [own], verify: () => answer.promise });
      const socket = await server.dial(trusting());
      socket.write("early words");
      expect([server.listener.sockets.size, server.listener.connections]).toEqual([0, 1]);
      answer.resolve(true);
      const accepted = await server.next();
      socket.end();
      expect(await text(accepted)).toBe("early words");
    });

    test("a session is not resumed where certificates are checked, and is elsewhere", async () => {
      for (const [tls, reused] of [
        [demanding(), false],
        [{ certificates: [own] }, true],
      ] as const) {
        const server = await openTls({ ...tls, maximumVersion: "TLSv1.2" });
        const options = {
          ...{ host: "127.0.0.1", port: server.listener.port, ca: ca.certificate },
          ...{ cert: client.certificate, key: client.privateKey },
        };
        const first = connectTls(options);
        await once(first, "secureConnect");
        const session = first.getSession();
        const second = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
        await once(second, "secureConnect");
        expect(second.isSessionReused()).toBe(reused);
        first.destroy();
        second.destroy();
      }
    });
  });

  describe("certificates at run time", () => {
    const nameOf = (socket: TLSSocket) => socket.getPeerX509Certificate()?.subject;

    test("are replaced for new connections, open ones go on", async () => {
      const server = await openTls({ certificates: [own] });
      const before = await server.dial(trusting());
      const accepted = await server.next();
      server.listener.setCertificates([renewed]);
      expect([nameOf(before), nameOf(await server.dial(trusting()))]).toEqual(["CN=first", "CN=second"]);
      accepted.end("still here");
      expect(await text(before)).toBe("still here");
    });

    test("stay when the new ones are wrong", async () => {
      const server = await openTls({ certificates: [own] });
      const wrong = [[], [{ ...renewed, privateKey: own.privateKey }]];
      for (const certificates of wrong) {
        expect(() => server.listener.setCertificates(certificates)).toThrow(
          expect.objectContaining({ code: "ERR_TLS_SETTINGS" }),
        );
      }
      expect(nameOf(await server.dial(trusting()))).toBe("CN=first");
    });

    test("trust too", async () => {
      const server = await openTls(demanding());
      server.listener.setTrust([otherCa.certificate]);
      await server.dial({ ...trusting(), certificates: [foreign] });
      expect(tlsPeerOf(await server.next())).toMatchObject({ authorized: true });
      await closed(await server.dial({ ...trusting(), certificates: [client] }));
      expect(await server.failure()).toMatchObject({ code: "ERR_TLS_UNTRUSTED" });
    });
  });

  describe("limits and admission", () => {
    test("a client that never starts the handshake counts, and is cut off", async () => {
      const { listener, failure } = await openTls(
        { certificates: [own], handshakeTimeoutMs: 60 },
        { maxConnections: 1 },
      );
      const socket = await dial({ host: "127.0.0.1", port: listener.port });
      const second = await dial({ host: "127.0.0.1", port: listener.port });
      expect(await closed(second)).toBeUndefined();
      expect(listener.connections).toBe(1);
      await closed(socket);
      expect(await failure()).toMatchObject({
        code: "ERR_TLS_TIMEOUT",
        message: expect.stringContaining("sent nothing (perhaps it does not speak TLS) within 60 ms"),
      });
      await emptied(listener);
    });

    test("one that dawdles is cut off all the same", async () => {
      const { listener, failure } = await openTls({ certificates: [own], handshakeTimeoutMs: 80 });
      const socket = await dial({ host: "127.0.0.1", port: listener.port });
      // The start of a ClientHello, an octet at a time.
      const drip = setInterval(() => socket.write(Buffer.from([22])), 10);
      socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 0xfc]));
      await closed(socket);
      clearInterval(drip);
      expect(await failure()).toMatchObject({
        code: "ERR_TLS_TIMEOUT",
        message: expect.stringContaining("did not finish the TLS handshake"),
      });
    });

    test("one that hangs up leaves nothing behind", async () => {
      const { listener, failure } = await openTls({ certificates: [own], handshakeTimeoutMs: 120_000 });
      const timers = activeTimers();
      (await dial({ host: "127.0.0.1", port: listener.port })).end();
      expect(await failure()).toMatchObject({ code: "ERR_TLS_HANDSHAKE" });
      await emptied(listener);
      // Other things of the process come and go; the handshake's timer would stay beyond the end of this test.
      while (activeTimers() > timers) await new Promise((resolve) => setImmediate(resolve));
    });

    test("one whose hook takes too long is cut off", async () => {
      const verify = () => new Promise<boolean>(() => {});
      const {
        dial: connect,
        listener,
        failure,
      } = await openTls({
        certificates: [own],
        handshakeTimeoutMs: 200,
        verify,
      });
      await connect(trusting());
      expect(await failure()).toMatchObject({
        code: "ERR_TLS_TIMEOUT",
        message: expect.stringContaining("the verify hook did not decide"),
      });
      await emptied(listener);
    });

    test.each(["SSRM hello\r\n", "GET / HTTP/1.1\r\n\r\n", "\x10\0\0\x17IODETTE FTP READY \r"])(
      "one that speaks plain text is named as such: %j",
      async (greeting) => {
        const { listener, failure } = await openTls({ certificates: [own] });
        const socket = await dial({ host: "127.0.0.1", port: listener.port });
        socket.write(greeting, "latin1");
        await closed(socket);
        expect(await failure()).toMatchObject({
          code: "ERR_TLS_HANDSHAKE",
          message: expect.stringContaining("does not speak TLS, perhaps plain text"),
        });
      },
    );

    test("what the client sends while admit thinks is not lost", async () => {
      const answer = deferred<boolean>();
      const { listener, next } = await openTls({ certificates: [own] }, { admit: () => answer.promise });
      const { port } = listener;
      const connecting = dialTls({ host: "127.0.0.1", port, tls: trusting() });
      // The ClientHello of another connection has come and gone by then.
      await new Promise((resolve) => setImmediate(resolve));
      setTimeout(answer.resolve, 50, true);
      const socket = await connecting;
      const accepted = await next();
      accepted.end("let in");
      expect(await text(socket)).toBe("let in");
    });

    test("who is not admitted gets no handshake", async () => {
      const { listener, failures } = await openTls({ certificates: [own] }, { block: ["127.0.0.1"] });
      const { port } = listener;
      const refused = dialTls({ host: "127.0.0.1", port, tls: trusting() });
      await expect(refused).rejects.toMatchObject({ code: "ERR_TLS_HANDSHAKE" });
      expect(failures).toEqual([]);
    });

    test("what is no TLS after the handshake ends the connection, with an error of ours", async () => {
      const { listener, next } = await openTls({ certificates: [own] });
      const relay = createServer((from) => {
        const to = connectTcp(listener.port, "127.0.0.1");
        for (const socket of [from, to]) socket.on("error", () => {});
        from.pipe(to).pipe(from);
        relay.once("inject", () => to.write("no TLS at all"));
      }).listen(0, "127.0.0.1");
      await once(relay, "listening");
      const { port } = relay.address() as { port: number };
      try {
        const socket = await dialTls({ host: "127.0.0.1", port, tls: trusting() });
        const gone = closed(socket);
        const accepted = closed(await next());
        relay.emit("inject");
        expect(await accepted).toMatchObject({
          code: "ERR_TLS_HANDSHAKE",
          // OpenSSL 3.0 and 3.5 have different words for it.
          message: expect.stringMatching(/wrong version number|bad record type/),
        });
        await gone;
      } finally {
        relay.close();
      }
    });

    test("thirty at once all come in", async () => {
      const { dial: connect, next, listener } = await openTls(demanding());
      const all = Array.from({ length: 30 }, () => connect({ ...trusting(), certificates: [client] }));
      const connected = await Promise.all(all);
      for (const _ of connected) (await next()).end("x");
      expect((await Promise.all(connected.map((socket) => text(socket)))).join("")).toBe("x".repeat(30));
      await emptied(listener);
      expect(listener.sockets.size).toBe(0);
    });

    test("an idle client is destroyed", async () => {
      const { dial: connect, next } = await openTls({ certificates: [own] }, { idleTimeoutMs: 40 });
      const gone = closed(await connect(trusting()));
      expect(await closed(await next())).toMatchObject({ code: "ERR_IDLE_TIMEOUT" });
      await gone;
    });
  });

  describe("closing", () => {
    test("ends handshakes and connections at once, without calling them failures", async () => {
      const { listener, dial: connect, next, failures } = await openTls({ certificates: [own] });
      const half = await dial({ host: "127.0.0.1", port: listener.port });
      const socket = await connect(trusting());
      await next();
      await listener.close();
      await Promise.all([closed(half), closed(socket)]);
      expect([listener.connections, listener.sockets.size, failures.length]).toEqual([0, 0, 0]);
    });

    test("gracefully: connections may finish, handshakes may not", async () => {
      const { listener, dial: connect, next } = await openTls({ certificates: [own] });
      const half = await dial({ host: "127.0.0.1", port: listener.port });
      const socket = await connect(trusting());
      const accepted = await next();
      const done = listener.close({ graceMs: 60_000 });
      await closed(half);
      expect(accepted.destroyed).toBe(false);
      accepted.resume().end("the last words");
      expect(await text(socket)).toBe("the last words");
      await done;
    });
  });

  describe("against openssl s_client", () => {
    const startClient = (port: number, args: readonly string[]) =>
      startOpenssl(["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", ca.certificateFile, ...args]);
    const showing = (one: TestCertificate) => ["-cert", one.certificateFile, "-key", one.keyFile];

    test.each(["-tls1_2", "-tls1_3"])("%s: bytes both ways, close_notify at the end", async (version) => {
      const server = await openTls(demanding());
      const strict = ["-verify_return_error", "-verify_ip", "127.0.0.1"];
      const other = startClient(server.listener.port, [version, ...strict, ...showing(client)]);
      const accepted = await server.next();
      other.child.stdin.write("hello from openssl\n");
      const [words] = (await once(accepted, "data")) as [Buffer];
      expect(words.toString()).toBe("hello from openssl\n");
      accepted.end("and back\n");
      await other.printed(/and back/);
      // It prints "closed" for close_notify, and an error for an end without it.
      expect(await other.ended).toMatch(/\nclosed\n/);
    });

    test("a version below the minimum", async () => {
      const server = await openTls({ certificates: [own], minimumVersion: "TLSv1.3" });
      const other = startClient(server.listener.port, ["-tls1_2"]);
      expect(await other.ended).toContain("alert protocol version");
      expect(await server.failure()).toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("unsupported protocol"),
      });
    });

    test("a client without a certificate is told so", async () => {
      const server = await openTls(demanding());
      expect(await startClient(server.listener.port, ["-tls1_3"]).ended).toContain(
        "alert certificate required",
      );
      expect(await server.failure()).toMatchObject({ code: "ERR_TLS_CERTIFICATE_REQUIRED" });
    });

    test("a client that does not trust us says so", async () => {
      const server = await openTls({ certificates: [own] });
      const port = String(server.listener.port);
      const args = [
        "-connect",
        `127.0.0.1:${port}`,
        "-CAfile",
        otherCa.certificateFile,
        "-verify_return_error",
      ];
      const other = startOpenssl(["s_client", ...args]);
      await other.ended;
      expect(await server.failure()).toMatchObject({
        code: "ERR_TLS_HANDSHAKE",
        message: expect.stringContaining("does not accept our certificate: "),
      });
    });

    test("TLS 1.2 clients cannot renegotiate", async () => {
      const server = await openTls({ certificates: [own] });
      const other = startClient(server.listener.port, ["-tls1_2"]);
      const accepted = await server.next();
      await other.printed(/Verify return code/);
      other.child.stdin.write("R\n");
      await other.printed(/no renegotiation/);
      accepted.destroy();
      await other.ended;
    });
  });
});
