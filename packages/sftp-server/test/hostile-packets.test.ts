import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  encodeRequest,
  localFileSystem,
  OpenFlag,
  PacketType,
  type Request,
  type SftpSessionOptions,
  StatusCode,
} from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { anyRequest } from "./support/arbitraries.js";
import { openFilesBelow } from "./support/open-files.js";
import { Random } from "./support/random.js";
import { handleOf, TestClient } from "./support/test-client.js";

const PACKETS = 10_000;
const MIB = 1024 * 1024;
const seed = Number(process.env.SFTP_TEST_SEED ?? Date.now() % 2 ** 31);

let folder: TemporaryFolder;
let options: SftpSessionOptions;

beforeEach(async () => {
  folder = await temporaryFolder();
  options = { fileSystem: await localFileSystem(folder.path) };
});

afterEach(() => folder.remove());

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of this process that are in use. */
async function memoryInUse(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Sends all packets in one session, which must answer each of them, and then still work. */
async function survives(client: TestClient, packets: readonly Buffer[]): Promise<void> {
  const before = client.replies.length;
  for (let at = 0; at < packets.length; at += 100) {
    const part = Buffer.concat(packets.slice(at, at + 100));
    if (!client.channel.write(part)) await new Promise((resolve) => client.channel.once("drain", resolve));
  }
  // Answered after everything before it, because it changes paths.
  expect(await client.request({ kind: "rmdir", path: "/not there" })).toMatchObject({
    code: StatusCode.NO_SUCH_FILE,
  });
  expect({ seed, replies: client.replies.length - before }).toEqual({ seed, replies: packets.length + 1 });
}

function framed(type: number, body: Uint8Array): Buffer {
  const packet = Buffer.concat([Buffer.alloc(4), Buffer.of(type), body]);
  packet.writeUInt32BE(packet.length - 4);
  return packet;
}

const TYPES = Object.values(PacketType).filter((type) => type !== PacketType.INIT);

/** Half of them of types that exist, with a body of any bytes. */
function randomPacket(random: Random): Buffer {
  const type = random.below(2) === 0 ? random.pick(TYPES) : random.below(254) + 2;
  return framed(type, random.bytes(4 + random.below(87)));
}

/** The packet with bytes overwritten, cut off or added; the length in front is right. */
function mutated(packet: Buffer, random: Random): Buffer {
  const cut = random.below(3) === 0 ? random.below(20) : 0;
  const added = random.bytes(random.below(3) === 0 ? random.below(20) : 0);
  const body = Buffer.concat([packet.subarray(4, Math.max(packet.length - cut, 9)), added]);
  overwriteSome(body, random);
  if (body[0] === PacketType.INIT) body[0] = PacketType.OPEN;
  return framed(body[0]!, body.subarray(1));
}

function overwriteSome(bytes: Buffer, random: Random): void {
  for (let count = random.below(5); count > 0; count -= 1)
    bytes[random.below(bytes.length)] = random.below(256);
}

/** Requests that all succeed, or nearly. Nothing that could work for hours on a file that a mutation made huge. */
async function validPackets(client: TestClient): Promise<Buffer[]> {
  await client.putFile("/file", Buffer.alloc(50_000, 1));
  await client.request({ kind: "mkdir", path: "/folder", attributes: {} });
  await client.request({ kind: "symlink", target: "file", path: "/link" });
  const handle = await client.openFile("/file", OpenFlag.READ | OpenFlag.WRITE);
  const folderHandle = handleOf(await client.request({ kind: "opendir", path: "/" }));
  const data = Buffer.from("some data to write");
  const attributes = { size: 40_000, permissions: 0o644, times: { accessed: 1, modified: 2 } };
  const requests: Request[] = [
    { kind: "open", id: 1, path: "/file", flags: OpenFlag.READ, attributes: {} },
    { kind: "open", id: 1, path: "/new", flags: OpenFlag.WRITE | OpenFlag.CREAT, attributes },
    { kind: "read", id: 2, handle, offset: 100, length: 1000 },
    { kind: "write", id: 3, handle, offset: 200, data: [data], length: data.length },
    { kind: "fstat", id: 4, handle },
    { kind: "fsetstat", id: 5, handle, attributes },
    { kind: "readdir", id: 6, handle: folderHandle },
    { kind: "fstatvfs", id: 7, handle },
    { kind: "fsync", id: 8, handle },
    { kind: "stat", id: 9, path: "/link" },
    { kind: "lstat", id: 10, path: "/link" },
    { kind: "setstat", id: 11, path: "/file", attributes },
    { kind: "lsetstat", id: 12, path: "/link", attributes: { times: attributes.times } },
    { kind: "opendir", id: 13, path: "/folder" },
    { kind: "mkdir", id: 14, path: "/made", attributes: { permissions: 0o755 } },
    { kind: "rmdir", id: 15, path: "/made" },
    { kind: "rename", id: 16, from: "/new", to: "/folder/new" },
    { kind: "posix-rename", id: 17, from: "/folder/new", to: "/newer" },
    { kind: "remove", id: 18, path: "/newer" },
    { kind: "symlink", id: 19, target: "../file", path: "/folder/link" },
    { kind: "hardlink", id: 20, existing: "/file", path: "/hard" },
    { kind: "readlink", id: 21, path: "/link" },
    { kind: "realpath", id: 22, path: "/folder/../link" },
    { kind: "expand-path", id: 23, path: "~/folder" },
    { kind: "statvfs", id: 24, path: "/" },
    { kind: "limits", id: 25 },
    { kind: "home-directory", id: 26, user: "" },
    { kind: "users-groups-by-id", id: 27, users: [0, 1, 2], groups: [0, 5] },
    {
      kind: "copy-data",
      id: 28,
      source: handle,
      sourceOffset: 0,
      length: 10,
      target: handle,
      targetOffset: 0,
    },
    { kind: "unknown-extension", id: 29, name: "x@y", data },
  ];
  return requests.map(encodeRequest);
}

describe(`a running session (seed ${seed})`, () => {
  test(`survives ${PACKETS} random packets`, async () => {
    const random = new Random(seed);
    const wellFormed = fc.sample(anyRequest, { seed, numRuns: 2000 }).filter(({ kind }) => kind !== "init");
    const packets = wellFormed.map(encodeRequest);
    while (packets.length < PACKETS) packets.push(randomPacket(random));
    const warmUp = await TestClient.open(options);
    await survives(warmUp, packets.slice(-1000));
    await warmUp.end();
    const before = await memoryInUse();
    const client = await TestClient.open(options);
    await survives(client, packets);
    await client.end();
    client.replies.length = 0;
    expect((await memoryInUse()) - before).toBeLessThan(16 * MIB);
    expect(openFilesBelow(folder.path)).toEqual([]);
  });

  test(`survives ${PACKETS} mutated packets`, async () => {
    const client = await TestClient.open(options);
    const valid = await validPackets(client);
    const random = new Random(seed);
    const packets = Array.from({ length: PACKETS }, () => mutated(random.pick(valid), random));
    const before = await memoryInUse();
    await survives(client, packets);
    await client.end();
    client.replies.length = 0;
    expect((await memoryInUse()) - before).toBeLessThan(16 * MIB);
    expect(openFilesBelow(folder.path)).toEqual([]);
  });

  test("ends, and nothing else, when the lengths of packets are wrong too", async () => {
    const valid = await (async () => {
      const client = await TestClient.open(options);
      const packets = await validPackets(client);
      await client.end();
      return packets;
    })();
    const random = new Random(seed);
    for (let round = 0; round < 300; round += 1) {
      const packets = Array.from({ length: 1 + random.below(5) }, () => random.pick(valid));
      const bytes = Buffer.concat([...packets, random.bytes(random.below(20))]);
      overwriteSome(bytes, random);
      const client = await TestClient.open(options);
      client.channel.end(bytes);
      await client.served.catch((error: unknown) =>
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_SFTP_/) }),
      );
    }
    expect(openFilesBelow(folder.path)).toEqual([]);
  });
});
