import type { Duplex } from "node:stream";
import {
  decodeReply,
  encodeRequest,
  type FileAttributes,
  FrameSplitter,
  OpenFlag,
  type Reply,
  type Request,
  type SftpSessionOptions,
  StatusCode,
  serveSftp,
} from "@waybill/sftp-server";
import { duplexPair } from "./duplex-pair.js";

type WithoutId<R> = R extends { readonly id: number } ? Omit<R, "id"> : never;
/** A request that gets its id when it is sent. */
export type Draft = WithoutId<Request>;

/** A server session in this process, and a client that speaks to it packet by packet. */
export class TestClient {
  readonly channel: Duplex;
  /** Settles as `serveSftp` does. */
  readonly served: Promise<void>;
  /** Every reply in the order of arrival. */
  readonly replies: Reply[] = [];
  readonly #splitter = new FrameSplitter(1024 * 1024);
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #failed: ((error: Error) => void)[] = [];
  #version: ((reply: Reply) => void) | undefined;
  /** Far from the ids that tests choose themselves. */
  #nextId = 0x4000_0000;

  constructor(options: SftpSessionOptions) {
    const [client, server] = duplexPair();
    this.channel = client;
    this.served = serveSftp(server, options);
    // Tests that expect a rejection look at `served` themselves.
    this.served.catch(() => {});
    client.on("error", () => {});
    client.on("close", () => {
      for (const fail of this.#failed) fail(new Error("the channel closed before the reply came"));
    });
    client.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  static async open(options: SftpSessionOptions): Promise<TestClient> {
    const client = new TestClient(options);
    await client.init();
    return client;
  }

  init(): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => {
      this.#version = resolve;
      this.#failed.push(reject);
    });
    this.channel.write(encodeRequest({ kind: "init", version: 3, extensions: [] }));
    return reply;
  }

  request(draft: Draft): Promise<Reply> {
    return this.requestAll([draft])[0]!;
  }

  /** Sends all at once, before any reply. */
  requestAll(drafts: readonly Draft[]): Promise<Reply>[] {
    const packets: Buffer[] = [];
    const replies = drafts.map((draft) => {
      const id = this.takeId();
      packets.push(encodeRequest({ ...draft, id } as Request));
      return this.expect(id);
    });
    this.channel.write(Buffer.concat(packets));
    return replies;
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** The reply to a request that is sent some other way. */
  expect(id: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#failed.push(reject);
    });
  }

  /** The status code of the reply. */
  async status(draft: Draft): Promise<number> {
    return statusOf(await this.request(draft));
  }

  async openFile(path: string, flags: number, attributes: FileAttributes = {}): Promise<string> {
    return handleOf(await this.request({ kind: "open", path, flags, attributes }));
  }

  async write(handle: string, offset: number, data: Buffer): Promise<number> {
    return this.status({ kind: "write", handle, offset, data: [data], length: data.length });
  }

  /** The data, or the code of the status. */
  async read(handle: string, offset: number, length: number): Promise<Buffer | number> {
    const reply = await this.request({ kind: "read", handle, offset, length });
    return reply.kind === "data" ? Buffer.from(reply.data) : statusOf(reply);
  }

  async putFile(path: string, content: string | Buffer): Promise<void> {
    const handle = await this.openFile(path, OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC);
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; at += 200_000) {
      const code = await this.write(handle, at, bytes.subarray(at, at + 200_000));
      if (code !== StatusCode.OK) throw new Error(`write failed with ${code}`);
    }
    await this.close(handle);
  }

  async getFile(path: string): Promise<Buffer> {
    const handle = await this.openFile(path, OpenFlag.READ);
    const parts: Buffer[] = [];
    for (let offset = 0; ; ) {
      const part = await this.read(handle, offset, 32_768);
      if (typeof part === "number") break;
      parts.push(part);
      offset += part.length;
    }
    await this.close(handle);
    return Buffer.concat(parts);
  }

  async list(path: string): Promise<string[]> {
    const handle = handleOf(await this.request({ kind: "opendir", path }));
    const names: string[] = [];
    for (;;) {
      const reply = await this.request({ kind: "readdir", handle });
      if (reply.kind !== "name") break;
      names.push(...reply.names.map((entry) => entry.name));
    }
    await this.close(handle);
    return names.sort();
  }

  close(handle: string): Promise<number> {
    return this.status({ kind: "close", handle });
  }

  /** Ends the session as a client does, and waits until the server is done. */
  async end(): Promise<void> {
    this.channel.end();
    await this.served;
  }

  #receive(chunk: Buffer): void {
    this.#splitter.push(chunk);
    for (let packet = this.#splitter.next(); packet !== undefined; packet = this.#splitter.next()) {
      const reply = decodeReply(Buffer.concat(packet));
      this.replies.push(reply);
      if (reply.kind === "version") this.#version?.(reply);
      else {
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      }
    }
  }
}

export function statusOf(reply: Reply): number {
  if (reply.kind !== "status") throw new Error(`expected a status, got ${reply.kind}`);
  return reply.code;
}

export function handleOf(reply: Reply): string {
  if (reply.kind !== "handle") throw new Error(`expected a handle, got ${JSON.stringify(reply)}`);
  return reply.handle;
}

export function nameOf(reply: Reply): string {
  if (reply.kind !== "name") throw new Error(`expected a name, got ${JSON.stringify(reply)}`);
  return reply.names[0]!.name;
}

export function attributesOf(reply: Reply): FileAttributes {
  if (reply.kind !== "attributes") throw new Error(`expected attributes, got ${JSON.stringify(reply)}`);
  return reply.attributes;
}
