import { describe, expect, test } from "@jest/globals";
import { encodeRequest, type FileHandle, OpenFlag, type Request, serveSftp } from "@waybill/sftp-server";
import { ControlledFileSystem, settled } from "./support/controlled-file-system.js";
import { duplexPair } from "./support/duplex-pair.js";
import { MemoryFileSystem } from "./support/memory-file-system.js";
import { TestClient } from "./support/test-client.js";

const MIB = 1024 * 1024;
const BLOCK = 255 * 1024;
const HANDLE_BYTES = 36;

/** A file without end, which counts what is read of it. */
class EndlessFileSystem extends MemoryFileSystem {
  bytesRead = 0;

  override async open(): Promise<FileHandle> {
    return {
      identity: "endless",
      read: async (buffers) => {
        const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
        this.bytesRead += bytes;
        return bytes;
      },
      write: async () => {},
      stat: async () => ({}),
      setstat: async () => {},
      close: async () => {},
    };
  }
}

describe("a client that does not read", () => {
  test("makes the server stop, and gets everything when it goes on", async () => {
    const fileSystem = new EndlessFileSystem();
    const [client, server] = duplexPair();
    const served = serveSftp(server, { fileSystem });
    const packets: Buffer[] = [
      encodeRequest({ kind: "init", version: 3, extensions: [] }),
      encodeRequest({ kind: "open", id: 0, path: "/f", flags: OpenFlag.READ, attributes: {} }),
    ];
    client.write(Buffer.concat(packets));
    // VERSION and HANDLE come in two packets; the handle is the end of what is there.
    let head = Buffer.alloc(0);
    while (head.subarray(-HANDLE_BYTES - 13, -HANDLE_BYTES - 8).toString("hex") !== "0000002d66") {
      const chunk: Buffer | null = client.read();
      if (chunk === null) await new Promise((resolve) => client.once("readable", resolve));
      else head = Buffer.concat([head, chunk]);
    }
    const handle = head.subarray(-HANDLE_BYTES).toString("latin1");
    const count = 400;
    for (let id = 1; id <= count; id += 1) {
      const request: Request = { kind: "read", id, handle, offset: (id - 1) * BLOCK, length: BLOCK };
      client.write(encodeRequest(request));
    }
    await settled();
    await settled();
    const stoppedAt = fileSystem.bytesRead;
    expect(stoppedAt).toBeGreaterThan(MIB);
    expect(stoppedAt).toBeLessThan(10 * MIB);
    expect(server.writableLength).toBeLessThan(8 * MIB);
    let received = 0;
    const all = new Promise<void>((resolve) => {
      client.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received === count * (BLOCK + 13)) resolve();
      });
    });
    await all;
    client.end();
    await served;
  });
});

describe("a file system that is slow to write", () => {
  test("makes the server stop reading from the client", async () => {
    const controlled = new ControlledFileSystem();
    const client = await TestClient.open({ fileSystem: controlled.fileSystem });
    const handle = await client.openFile("/f", OpenFlag.WRITE | OpenFlag.CREAT);
    controlled.hold = true;
    const data = [Buffer.alloc(BLOCK, 1)];
    const drafts = Array.from(
      { length: 60 },
      (_, index) => ({ kind: "write", handle, offset: index * BLOCK, data, length: BLOCK }) as const,
    );
    // One write each, so that the channel can tell how many of them were taken.
    const replies = drafts.flatMap((draft) => client.requestAll([draft]));
    await controlled.held(1);
    await settled();
    expect(client.channel.writableLength).toBeGreaterThan(60 * BLOCK - 6 * MIB);
    controlled.release();
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ kind: "status", code: 0 });
    await client.end();
  });
});
