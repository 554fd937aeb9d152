import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export type Route = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
) => void | Promise<void>;

/** A web server on the loopback interface whose pages the tests change. */
export class TestServer {
  readonly routes = new Map<string, Route>();
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? "";
      this.asked.push(path);
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const route = this.routes.get(path);
        if (route === undefined) response.writeHead(404).end();
        else {
          Promise.resolve(route(request, response, Buffer.concat(chunks))).catch((error: unknown) => {
            response.writeHead(500).end(String(error));
          });
        }
      });
    });
  }

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  url(path: string): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server does not listen");
    return `http://127.0.0.1:${address.port}${path}`;
  }

  /** Answers with these bytes. */
  serve(path: string, bytes: Uint8Array): void {
    this.routes.set(path, (_, response) => {
      response.end(bytes);
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
