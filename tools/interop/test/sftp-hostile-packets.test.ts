import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { chown, readdir, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "@jest/globals";
import { type Reply, StatusCode } from "@waybill/sftp-server";
import { connectSsh, type SshClient } from "@waybill/ssh-core";
import { describeWithPeers } from "@waybill/testing";
import { framed, misframed, mutatedPacket, randomPacket, rightPacket } from "../src/hostile-packets.js";
import { prlimit, withFileSizeLimit } from "../src/limited-disk.js";
import { openFiles, residentBytes } from "../src/process-usage.js";
import { RawSftpSession } from "../src/raw-sftp-session.js";
import { SeededRandom } from "../src/seeded-random.js";
import { MIB } from "../src/test-files.js";
import { until } from "../src/until.js";
import { testWith, useWaybillServer } from "../src/waybill-server.js";

const MAX_FILE_BYTES = 16 * MIB;
/** Packets of a session that is kept in step: each has its length in front and gets its answer. */
const PACKETS_PER_SESSION = 100;
/** After so many of them comes a right request, so that there is something to break. */
const PACKETS_PER_RIGHT_REQUEST = 10;
/** Packets of a session that gets out of step: usually the first one ends it already. */
const MISFRAMED_PER_SESSION = 10;
/** The memory in use varies by 2 MiB; a session that left 100 KiB behind would show. */
const MAX_GROWTH_BYTES = 16 * MIB;

type PacketMaker = typeof randomPacket;

describeWithPeers("hostile packets", [prlimit], () => {
  let client: SshClient | undefined;
  // Before the server is told to end, which would wait for its client.
  afterAll(() => client?.close());
  // Limited so that a write far behind the end of a file is refused and does not fill the disk of the machine.
  const server = useWaybillServer({
    wrap: (command) => withFileSizeLimit(command, MAX_FILE_BYTES),
    args: ["--log-level", "warn"],
  });
  const test = testWith(server);
  const seed = Number(process.env.WAYBILL_FUZZ_SEED ?? randomInt(2 ** 32));
  let bystander: RawSftpSession;

  beforeAll(async () => {
    client = await login();
    bystander = await openSession();
  });

  function login(): Promise<SshClient> {
    const { host, port, user, hostKey } = server().access;
    return connectSsh({ host, port, user, hostKey: { keys: [hostKey] }, privateKeys: [server().userKey] });
  }

  function openSession(options?: { readonly initialise: boolean }): Promise<RawSftpSession> {
    if (client === undefined) throw new Error("nobody is logged in");
    return RawSftpSession.open(client, options);
  }

  /** So many packets, in many sessions. Resolves to the answers. A failure tells the seed to repeat it with. */
  async function attack(make: PacketMaker, packets: number, seedOffset: number): Promise<Reply[]> {
    const random = new SeededRandom(seed + seedOffset);
    const outOfStep = packets / 10;
    const replies: Reply[] = [];
    try {
      for (let sent = 0; sent < packets - outOfStep; sent += PACKETS_PER_SESSION) {
        replies.push(...(await attackInStep(random, make)));
      }
      for (let sent = 0; sent < outOfStep; sent += MISFRAMED_PER_SESSION) {
        await attackOutOfStep(random, make);
      }
    } catch (error) {
      if (error instanceof Error) error.message = `with WAYBILL_FUZZ_SEED=${seed}: ${error.message}`;
      throw error;
    }
    return replies;
  }

  /** A session in which packets come one by one: each must be answered, once, and the session goes on. */
  async function attackInStep(random: SeededRandom, make: PacketMaker): Promise<Reply[]> {
    await resetRoot();
    const session = await openSession();
    const handles = await openHandles(session);
    const answered = session.replies.length;
    const packets: Buffer[] = [];
    for (let count = 1; count <= PACKETS_PER_SESSION; count += 1) {
      packets.push(framed(make(random, handles)));
      if (count % PACKETS_PER_RIGHT_REQUEST === 0) packets.push(framed(rightPacket(random, handles)));
    }
    for (const packet of packets) void session.send(packet);
    await session.waitForReplies(answered + packets.length);
    await expectAnswer(session);
    expect(session.replies).toHaveLength(answered + packets.length + 1);
    await session.end();
    await expectAnswer(bystander);
    return session.replies.slice(answered);
  }

  /** What a session did to modes and owners would keep the next ones from doing anything. */
  async function resetRoot(): Promise<void> {
    const { root } = server();
    const { uid, gid } = userInfo();
    await chown(root, uid, gid);
    await promisify(execFile)("chmod", ["-R", "u=rwX", root]);
    for (const name of await readdir(root)) await rm(join(root, name), { recursive: true, force: true });
  }

  /** A session in which lengths are wrong: the server may end it, and must when we do. */
  async function attackOutOfStep(random: SeededRandom, make: PacketMaker): Promise<void> {
    const session = await openSession({ initialise: random.chance(80) });
    for (let sent = 0; sent < MISFRAMED_PER_SESSION; sent += 1) {
      await session.send(misframed(random, make(random, ["no handle"])));
    }
    await session.end();
    await expectAnswer(bystander);
  }

  /** Only the bystander's session may be there afterwards, and the memory must be back where it was. */
  async function expectBackToNormal(filesBefore: string[], bytesBefore: number): Promise<void> {
    const files = () => openFiles(server().pid);
    await until("the files to be closed", async () => (await files()).length <= filesBefore.length);
    expect(await files()).toEqual(filesBefore);
    await until(
      "the memory to come back",
      async () => (await residentBytes(server().pid)) < bytesBefore + MAX_GROWTH_BYTES,
    );
  }

  test("a warm-up leaves no file open", async () => {
    const files = await openFiles(server().pid);
    await attack(randomPacket, 2000, 0);
    await attack(mutatedPacket, 2000, 0);
    await expectBackToNormal(files, Number.POSITIVE_INFINITY);
  });

  test("10,000 random packets: each is answered or ends its session; memory and files come back", async () => {
    const files = await openFiles(server().pid);
    const bytes = await residentBytes(server().pid);
    await attack(randomPacket, 10_000, 1);
    await expectBackToNormal(files, bytes);
  });

  test("10,000 mutated packets: each is answered or ends its session; memory and files come back", async () => {
    const files = await openFiles(server().pid);
    const bytes = await residentBytes(server().pid);
    const replies = await attack(mutatedPacket, 10_000, 2);
    await expectBackToNormal(files, bytes);
    // They were not all turned away by the decoder: this many were carried out, or failed in the file system.
    const shallow: number[] = [StatusCode.BAD_MESSAGE, StatusCode.OP_UNSUPPORTED];
    const deep = replies.filter((reply) => reply.kind !== "status" || !shallow.includes(reply.code));
    expect(deep.length).toBeGreaterThan(replies.length / 4);
    expect(new Set(replies.map(({ kind }) => kind))).toEqual(
      new Set(["status", "handle", "data", "name", "attributes", "extended"]),
    );
  });

  test("a second INIT, a packet before INIT, one that is too long and one that is too short end the session", async () => {
    const init = framed(Buffer.from([1, 0, 0, 0, 3]));
    const endings: [string, boolean, Buffer][] = [
      ["INIT twice", true, init],
      ["no INIT", false, framed(Buffer.from([16, 0, 0, 0, 1, 0, 0, 0, 1, 0x2e]))],
      ["too long", true, Buffer.from([0x7f, 0xff, 0xff, 0xff, 16, 0, 0, 0, 1])],
      ["too short", true, Buffer.from([0, 0, 0, 4, 16, 0, 0, 0])],
      ["version 2", false, framed(Buffer.from([1, 0, 0, 0, 2]))],
    ];
    for (const [what, initialise, bytes] of endings) {
      const session = await openSession({ initialise });
      await session.send(bytes);
      await until(`the end of the session after: ${what}`, () => session.closed);
    }
    await expectAnswer(bystander);
  });

  test("afterwards a new client works as ever", async () => {
    await resetRoot();
    const other = await login();
    const session = await RawSftpSession.open(other);
    const path = "/after the storm";
    const created = await session.request({ kind: "open", id: 1, path, flags: 0x1b, attributes: {} });
    const handle = created.kind === "handle" ? created.handle : "";
    const data = Buffer.from("calm");
    await session.request({ kind: "write", id: 2, handle, offset: 0, data: [data], length: data.length });
    const read = await session.request({ kind: "read", id: 3, handle, offset: 0, length: 10 });
    expect(read).toEqual({ kind: "data", id: 3, data });
    expect(await session.request({ kind: "close", id: 4, handle })).toMatchObject({
      kind: "status",
      code: 0,
    });
    await session.end();
    await other.close();
  });
});

/** A file and a folder that are open, and a handle that is not. */
async function openHandles(session: RawSftpSession): Promise<string[]> {
  const file = await session.request({ kind: "open", id: 1, path: "/fuzzed", flags: 0x0b, attributes: {} });
  const folder = await session.request({ kind: "opendir", id: 2, path: "/" });
  const handles = [file, file, folder].flatMap((reply) => (reply.kind === "handle" ? [reply.handle] : []));
  return [...handles, "no handle"];
}

async function expectAnswer(session: RawSftpSession): Promise<void> {
  expect(await session.request({ kind: "realpath", id: 77, path: "." })).toMatchObject({
    kind: "name",
    id: 77,
  });
}
