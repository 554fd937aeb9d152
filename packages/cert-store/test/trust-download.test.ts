import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type DownloadLimits, download, type HttpTransport, revocationSource } from "@waybill/cert-store";
import { TestServer } from "./trust-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

const redirect = (path: string, to: string, status = 302) =>
  server.routes.set(path, (_, response) => {
    response.writeHead(status, { location: to }).end();
  });
const get = (path: string, limits: DownloadLimits = {}) => download({ url: server.url(path) }, limits);

describe("download", () => {
  test("gives the body, of any size up to the limit", async () => {
    server.serve("/x", Buffer.alloc(100_000, 7));
    expect(await get("/x", { maxBytes: 100_000 })).toEqual(Buffer.alloc(100_000, 7));
    await expect(get("/x", { maxBytes: 99_999 })).rejects.toMatchObject({ code: "ERR_DOWNLOAD_TOO_LARGE" });
  });

  test("stops at a body without an end, and closes the connection", async () => {
    let written = 0;
    const closed = new Promise<void>((resolve) => {
      server.routes.set("/x", (_, response) => {
        response.on("close", resolve);
        const more = () => {
          written += 65_536;
          if (!response.destroyed) response.write(Buffer.alloc(65_536), more);
        };
        more();
      });
    });
    await expect(get("/x", { maxBytes: 200_000 })).rejects.toMatchObject({ code: "ERR_DOWNLOAD_TOO_LARGE" });
    await closed;
    expect(written).toBeLessThan(50_000_000);
  });

  test("refuses a length that is too much before the body comes", async () => {
    server.routes.set("/x", (_, response) => {
      response.writeHead(200, { "content-length": "4294967296" }).flushHeaders();
    });
    await expect(get("/x")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_TOO_LARGE" });
  });

  test.each(["no answer", "no body", "a byte now and then"])("gives up a server with %s", async (kind) => {
    let timer: NodeJS.Timeout | undefined;
    server.routes.set("/x", (_, response) => {
      if (kind === "no answer") return;
      response.writeHead(200).flushHeaders();
      if (kind !== "no body") timer = setInterval(() => response.write("x"), 10);
    });
    const start = Date.now();
    await expect(get("/x", { timeoutMs: 150 })).rejects.toMatchObject({ code: "ERR_DOWNLOAD_TIMEOUT" });
    expect(Date.now() - start).toBeLessThan(5_000);
    clearInterval(timer);
  });

  test("gives up a transport that ignores its signal", async () => {
    const fetch: HttpTransport = () => new Promise(() => {});
    await expect(get("/x", { timeoutMs: 20, fetch })).rejects.toMatchObject({ code: "ERR_DOWNLOAD_TIMEOUT" });
  });

  test("ends when it is told to", async () => {
    server.routes.set("/x", () => {});
    const controller = new AbortController();
    const ended = download({ url: server.url("/x"), signal: controller.signal });
    controller.abort();
    await expect(ended).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await expect(download({ url: server.url("/x"), signal: controller.signal })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
  });

  test("follows redirects, relative ones too, and not for ever", async () => {
    redirect("/a", "/b", 301);
    redirect("/b", server.url("/c"), 308);
    server.serve("/c", Buffer.from("here"));
    redirect("/loop", "/loop");
    expect((await get("/a")).toString()).toBe("here");
    await expect(get("/loop")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_REDIRECT" });
    expect(server.asked.filter((path) => path === "/loop")).toHaveLength(6);
    await expect(get("/a", { redirects: "never" })).rejects.toMatchObject({ code: "ERR_DOWNLOAD_REDIRECT" });
  });

  test("a request with a body is sent again as it was, and never turned into a page", async () => {
    redirect("/a", "/b", 307);
    redirect("/see", "/b", 303);
    server.routes.set("/b", (request, response, body) => {
      response.end(`${request.method} ${body.toString()}`);
    });
    const post = (path: string) => download({ url: server.url(path), body: Buffer.from("question") });
    expect((await post("/a")).toString()).toBe("POST question");
    await expect(post("/see")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_REDIRECT" });
  });

  test.each([
    ["same-scheme", "http://a/", "https://b/", "ERR_DOWNLOAD_REDIRECT"],
    ["same-scheme", "https://a/", "http://b/", "ERR_DOWNLOAD_REDIRECT"],
    ["same-scheme", "https://a/", "https://b/", undefined],
    ["always", "https://a/", "http://b/", undefined],
    ["always", "http://a/", "file:///etc/passwd", "ERR_DOWNLOAD_ADDRESS"],
    ["always", "http://a/", "", undefined],
  ] as const)("redirects %s: from %s to %j", async (redirects, from, to, code) => {
    const fetch: HttpTransport = async ({ url }) => ({
      status: url.href === from && to !== "" ? 302 : 200,
      headers: { location: to },
      body: (async function* () {
        yield Buffer.from("ok");
      })(),
    });
    const result = download({ url: from }, { redirects, fetch });
    if (code === undefined) expect((await result).toString()).toBe("ok");
    else await expect(result).rejects.toMatchObject({ code });
  });

  test.each([
    ["file:///etc/passwd", "ERR_DOWNLOAD_ADDRESS"],
    ["ldap://127.0.0.1/", "ERR_DOWNLOAD_ADDRESS"],
    ["no address", "ERR_DOWNLOAD_ADDRESS"],
    ["http://127.0.0.1:1/", "ERR_DOWNLOAD_FAILED"],
  ])("%s: %s", async (url, code) => {
    await expect(download({ url })).rejects.toMatchObject({ code, details: { url } });
  });

  test("takes nothing but a whole body with status 200, as it is", async () => {
    server.routes.set("/error", (_, response) => {
      response.writeHead(500).end("x");
    });
    server.routes.set("/gzip", (_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end("x");
    });
    server.routes.set("/cut", (_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("x", () => response.destroy());
    });
    server.routes.set("/nowhere", (_, response) => {
      response.writeHead(302).end();
    });
    await expect(get("/error")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_FAILED", message: /500/ });
    await expect(get("/gzip")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_FAILED" });
    await expect(get("/cut")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_FAILED" });
    await expect(get("/nowhere")).rejects.toMatchObject({ code: "ERR_DOWNLOAD_REDIRECT" });
  });

  test.each([{ timeoutMs: 0 }, { maxBytes: 0 }, { maxBytes: 2 ** 40 }])("%j is refused", async (limits) => {
    await expect(get("/x", limits)).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
    expect(() => revocationSource(limits)).toThrow(expect.objectContaining({ code: "ERR_OPTION_INVALID" }));
  });
});
