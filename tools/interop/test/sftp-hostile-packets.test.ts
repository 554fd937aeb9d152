import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import { connectSsh, type SshClient } from "@waybill/ssh-core";
import { framed, misframed, mutatedPacket, randomPacket } from "../src/hostile-packets.js";
import { openFiles, residentBytes } from "../src/process-usage.js";
import { RawSftpSession } from "../src/raw-sftp-session.js";
import { SeededRandom } from "../src/seeded-random.js";
import { MIB } from "../src/test-files.js";
import { until } from "../src/until.js";
import { testWith, useWaybillServer } from "../src/waybill-server.js";

const MAX_FILE_BYTES = 16 * MIB;
/** Packets of a session that is kept in step: each has its length in front and gets its answer. */
const PACKETS_PER_SESSION = 100;
/** Packets of a session that gets out of step: usually the first one ends it already. */
const MISFRAMED_PER_SESSION = 10;
const MAX_GROWTH_BYTES = 32 * MIB;

const KINDS = [
  ["random", randomPacket],
  ["mutated", mutatedPacket],
] as const;

const stats = new Map<string, number>();
describe("hostile packets", () => {
  let client: SshClient | undefined;
  // Before the server is told to end, which would wait for its client.
  afterAll(() => client?.close());
  // So that a write far behind the end of a file is refused and does not fill the disk of the machine.
  const server = useWaybillServer({
    wrapper: ["prlimit", `--fsize=${MAX_FILE_BYTES}`],
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

  function openSession(options?: { initialise: boolean }): Promise<RawSftpSession> {
    if (client === undefined) throw new Error("nobody is logged in");
    return RawSftpSession.open(client, options);
  }

  /** Runs `work`; a failure tells the seed to repeat it with. */
  async function reproducibly(random: SeededRandom, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw new Error(`WAYBILL_FUZZ_SEED=${random.seed} npm test repeats this`, { cause: error });
    }
  }

  /** A session in which packets come one by one in good order: each must be answered, once, and the session goes on. */
  async function attackInStep(
    random: SeededRandom,
    make: (typeof KINDS)[number][1],
    count: number,
  ): Promise<void> {
    const session = await openSession();
    const handles = await openHandles(session);
    const answered = session.replies.length;
    const packets = Array.from({ length: count }, () => framed(make(random, handles)));
    for (const packet of packets) void session.send(packet);
    await session.waitForReplies(answered + count);
    await expectAnswer(session);
    expect(session.replies).toHaveLength(answered + count + 1);
    await session.end();
    for (const r of session.replies) { const k = r.kind === "status" ? "status "+r.code+" "+r.message.slice(0,45) : r.kind; stats.set(k, (stats.get(k) ?? 0)+1); }
    await expectAnswer(bystander);
  }

  /** A session in which lengths are wrong: the server may end it, and must when we do. */
  async function attackOutOfStep(
    random: SeededRandom,
    make: (typeof KINDS)[number][1],
    count: number,
  ): Promise<void> {
    const session = await openSession({ initialise: random.chance(80) });
    for (let sent = 0; sent < count; sent += 1) {
      await session.send(misframed(random, make(random, ["no handle"])));
    }
    await session.end();
    await expectAnswer(bystander);
  }

  async function attack(
    random: SeededRandom,
    make: (typeof KINDS)[number][1],
    packets: number,
  ): Promise<void> {
    const outOfStep = packets / 10;
    for (let sent = 0; sent < packets - outOfStep; sent += PACKETS_PER_SESSION) {
      await attackInStep(random, make, PACKETS_PER_SESSION);
    }
    for (let sent = 0; sent < outOfStep; sent += MISFRAMED_PER_SESSION) {
      await attackOutOfStep(random, make, MISFRAMED_PER_SESSION);
    }
  }

  test("a warm-up leaves no file open", async () => {
    const before = await openFiles(server().pid);
    const random = new SeededRandom(seed);
    await reproducibly(random, async () => {
      for (const [, make] of KINDS) await attack(random, make, 2000);
    });
    await until(
      "the files to be closed",
      async () => (await openFiles(server().pid)).length <= before.length,
    );
    expect(await openFiles(server().pid)).toEqual(before);
  });

  for (const [kind, make] of KINDS) {
    test(`10,000 ${kind} packets: every one is answered or ends its session, and memory and files come back`, async () => {
      const filesBefore = await openFiles(server().pid);
      const bytesBefore = await residentBytes(server().pid);
      const random = new SeededRandom(seed + (kind === "random" ? 1 : 2));
      await reproducibly(random, () => attack(random, make, 10_000));
      await until(
        "the files to be closed",
        async () => (await openFiles(server().pid)).length <= filesBefore.length,
      );
      expect(await openFiles(server().pid)).toEqual(filesBefore);
      process.stderr.write(JSON.stringify([...stats].sort((a,b)=>b[1]-a[1]),null,1)); stats.clear();
      process.stderr.write(`RSS ${bytesBefore / MIB} -> ${(await residentBytes(server().pid)) / MIB}\n`);
      await until(
        "the memory to come back",
        async () => (await residentBytes(server().pid)) < bytesBefore + MAX_GROWTH_BYTES,
      );
    });
  }

  test("afterwards a new client works as ever", async () => {
    const other = await login();
    const session = await RawSftpSession.open(other);
    const path = "/after the storm";
    const created = await session.request({ kind: "open", id: 1, path, flags: 0x1b, attributes: {} });
    const handle = created.kind === "handle" ? created.handle : "";
    const data = Buffer.from("calm");
    await session.request({ kind: "write", id: 2, handle, offset: 0, data: [data], length: data.length });
    expect(await session.request({ kind: "read", id: 3, handle, offset: 0, length: 10 })).toEqual({
      kind: "data",
      id: 3,
      data,
    });
    expect(await session.request({ kind: "close", id: 4, handle })).toMatchObject({
      kind: "status",
      code: 0,
    });
    await session.end();
    await other.close();
  });
});

/** A file and a folder, open. */
async function openHandles(session: RawSftpSession): Promise<string[]> {
  const file = await session.request({ kind: "open", id: 1, path: "/fuzzed", flags: 0x0b, attributes: {} });
  const folder = await session.request({ kind: "opendir", id: 2, path: "/" });
  const handles = [file, folder].map((reply) => (reply.kind === "handle" ? reply.handle : undefined));
  return handles.filter((handle) => handle !== undefined).concat("no handle");
}

async function expectAnswer(session: RawSftpSession): Promise<void> {
  expect(await session.request({ kind: "realpath", id: 77, path: "." })).toMatchObject({
    kind: "name",
    id: 77,
  });
}
