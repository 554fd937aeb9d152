import { describe, expect, test } from "@jest/globals";
import { fileStateStore } from "../src/storage/file-state-store.js";
import type { OverwriteRule } from "../src/storage/final-name.js";
import { inboxSink } from "../src/storage/inbox-sink.js";
import type { LockAuthority } from "../src/storage/process-lock.js";
import { receivedFileKey } from "../src/storage/received-file-key.js";
import { recoverInbox } from "../src/storage/recover-inbox.js";
import type { StorageEnvironment } from "../src/storage/storage-environment.js";
import type { FileSink } from "../src/user-monitor.js";
import { CrashingFileSystem } from "./storage-support/crashing-file-system.js";
import { storeLedger } from "./storage-support/ledger.js";
import { patterned, seededRandom, sfidOf } from "./storage-support/sfid.js";

const CONTENT = patterned(5000);
const CUT = 3000;
const OLD = Buffer.from("somebody else's");
const sfid = sfidOf();
const key = receivedFileKey(sfid);

/** A machine whose processes have a number each. */
class Machine {
  readonly fileSystem: CrashingFileSystem;
  process = 1;
  readonly overwrite: OverwriteRule;

  constructor(overwrite: OverwriteRule, seed: number) {
    this.overwrite = overwrite;
    this.fileSystem = new CrashingFileSystem(seededRandom(seed));
  }

  get environment(): StorageEnvironment {
    const pid = this.process;
    const authority: LockAuthority = {
      owner: async () => ({ scope: "0123456789ab", pid, start: "1" }),
      isAlive: async (owner) => owner.pid === this.process,
    };
    return { fileSystem: this.fileSystem, authority };
  }

  async ledger() {
    return storeLedger(await fileStateStore("/state", {}, this.fileSystem));
  }

  async sink(): Promise<FileSink> {
    return inboxSink(
      {
        inboxFolder: "/inbox",
        partialFolder: "/partial",
        sfid,
        fileName: "INVOICE.DAT",
        overwrite: this.overwrite,
        ledger: await this.ledger(),
      },
      this.environment,
    );
  }

  /** One session: from where the last one stopped to `end`. */
  async session(end: number): Promise<void> {
    let sink: FileSink | undefined;
    try {
      sink = await this.sink();
      const { octets } = await sink.begin(sink.restartPosition);
      expect(octets).toBeLessThanOrEqual(CONTENT.length);
      for (let at = octets; at < end; at += 1500)
        await sink.write(CONTENT.subarray(at, Math.min(at + 1500, end)));
      if (end === CONTENT.length) await sink.finish({ records: 0, octets: end });
      else await sink.interrupt();
    } finally {
      // After a crash: only what this process held in memory.
      await sink?.interrupt();
    }
  }

  async prepare(): Promise<void> {
    for (const folder of ["/", "/inbox", "/partial", "/state", "/state/received"]) {
      await this.fileSystem.makeFolder(folder);
    }
    if (this.overwrite === "never") return;
    const file = await this.fileSystem.open("/inbox/INVOICE.DAT", "create");
    await file.write(OLD, 0);
    await file.sync();
    await this.fileSystem.syncFolder("/inbox");
  }

  crash(power: boolean): void {
    this.process += 1;
    this.fileSystem.restart(power);
  }
}

async function sessions(machine: Machine): Promise<void> {
  await machine.session(CUT);
  await machine.session(CONTENT.length);
}

async function countCalls(overwrite: OverwriteRule): Promise<number> {
  const machine = new Machine(overwrite, 0);
  await machine.prepare();
  machine.fileSystem.calls = [];
  await sessions(machine);
  return machine.fileSystem.calls.length;
}

function requireOneFile(machine: Machine, path: string | undefined): void {
  const inbox = machine.fileSystem.contents("/inbox");
  const expected = {
    never: { "INVOICE.DAT": "new" },
    rename: { "INVOICE.DAT": "old", "INVOICE-1.DAT": "new" },
    replace: { "INVOICE.DAT": "new" },
  }[machine.overwrite];
  const named = (content: Buffer) =>
    content.equals(CONTENT) ? "new" : content.equals(OLD) ? "old" : "damaged";
  expect(Object.fromEntries([...inbox].map(([name, content]) => [name, named(content)]))).toEqual(expected);
  expect(path).toBe(machine.overwrite === "rename" ? "/inbox/INVOICE-1.DAT" : "/inbox/INVOICE.DAT");
  expect([...machine.fileSystem.contents("/partial").keys()]).toEqual([]);
}

describe.each(["never", "rename", "replace"] as const)("overwrite: %s", (overwrite) => {
  test.each([
    ["the process is killed", false, 1],
    ["the power fails", true, 6],
  ] as const)("whenever %s, the file arrives once", async (_, power, seeds) => {
    const calls = await countCalls(overwrite);
    expect(calls).toBeGreaterThan(40);
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      for (let seed = 1; seed <= seeds; seed++) {
        const machine = new Machine(overwrite, crashAt * 100 + seed);
        await machine.prepare();
        machine.fileSystem.restart(false);
        machine.fileSystem.crashAt = crashAt;
        await sessions(machine).catch(() => {});
        machine.crash(power);

        const visible = machine.fileSystem.contents("/inbox");
        for (const [name, content] of visible) {
          // Never half a file under a name that is not hidden.
          if (!name.startsWith(".")) expect(content.equals(OLD) || content.equals(CONTENT)).toBe(true);
        }
        const recorded = (await (await machine.ledger()).path(key)) !== undefined;
        const seen = [...visible.values()].some((content) => content.equals(CONTENT));
        // Nobody sees it before the record says so.
        if (seen) expect(recorded).toBe(true);

        await recoverInbox(
          { partialFolder: "/partial", overwrite, ledger: await machine.ledger() },
          machine.environment,
        );
        if (!recorded) await machine.session(CONTENT.length);
        requireOneFile(machine, await (await machine.ledger()).path(key));
      }
    }
  });

  test("a second crash during the recovery does no harm", async () => {
    const calls = await countCalls(overwrite);
    for (let crashAt = calls - 22; crashAt < calls; crashAt++) {
      for (let second = 0; second < 14; second++) {
        const machine = new Machine(overwrite, crashAt * 1000 + second);
        await machine.prepare();
        machine.fileSystem.restart(false);
        machine.fileSystem.crashAt = crashAt;
        await sessions(machine).catch(() => {});
        machine.crash(true);
        machine.fileSystem.crashAt = second;
        const recover = async () =>
          recoverInbox(
            { partialFolder: "/partial", overwrite, ledger: await machine.ledger() },
            machine.environment,
          );
        await recover().catch(() => {});
        machine.crash(true);
        await recover();
        const recorded = (await (await machine.ledger()).path(key)) !== undefined;
        if (!recorded) await machine.session(CONTENT.length);
        requireOneFile(machine, await (await machine.ledger()).path(key));
      }
    }
  });
});

describe("the simulation notices a forgotten sync:", () => {
  test.each([
    ["of the content", /^sync .*\.part$/],
    ["of the inbox", /^sync folder \/inbox$/],
    ["of the record", /^sync folder \/state\/received$/],
  ])("%s", async (_, withoutSync) => {
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new Machine("never", seed);
      await machine.prepare();
      machine.fileSystem.restart(false);
      machine.fileSystem.withoutSync = withoutSync;
      await machine.session(CONTENT.length);
      machine.crash(true);
      await recoverInbox({ partialFolder: "/partial", ledger: await machine.ledger() }, machine.environment);
      const content = machine.fileSystem.contents("/inbox").get("INVOICE.DAT");
      const recorded = (await (await machine.ledger()).path(key)) !== undefined;
      if (!recorded || content?.equals(CONTENT) !== true) lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });
});

describe("a call that fails without a crash", () => {
  const full = () => Object.assign(new Error("no space"), { code: "ENOSPC" });

  test("refuses the file and leaves nothing, whichever call it is", async () => {
    const calls = await countCalls("rename");
    let refused = 0;
    for (let failAt = 0; failAt < calls; failAt++) {
      const machine = new Machine("rename", 1);
      await machine.prepare();
      machine.fileSystem.restart(false);
      let count = 0;
      machine.fileSystem.failing = (call) => {
        const hit = count++ === failAt && /^(write|sync|open create|link|rename)/.test(call);
        return hit ? full() : undefined;
      };
      let sink: FileSink | undefined;
      try {
        sink = await machine.sink();
        await sink.begin(0);
        await sink.write(CONTENT);
        await sink.finish({ records: 0, octets: CONTENT.length });
      } catch (error) {
        refused += 1;
        expect(error).toMatchObject({ code: "ERR_OFTP_FILE_REFUSED", reason: 12, retry: true });
        await sink?.discard();
        machine.fileSystem.failing = undefined;
        expect([...machine.fileSystem.contents("/partial").keys()]).toEqual([]);
        expect(Object.fromEntries(machine.fileSystem.contents("/inbox"))).toEqual({ "INVOICE.DAT": OLD });
        expect(await (await machine.ledger()).path(key)).toBeUndefined();
        await machine.session(CONTENT.length);
      }
      requireOneFile(machine, await (await machine.ledger()).path(key));
    }
    expect(refused).toBeGreaterThan(8);
  });
});

describe("the state store", () => {
  test("has each record whole or not at all, and what was acknowledged, wherever the power fails", async () => {
    for (let crashAt = 0; crashAt < 60; crashAt++) {
      for (let seed = 1; seed <= 5; seed++) {
        const fileSystem = new CrashingFileSystem(seededRandom(crashAt * 10 + seed));
        await fileSystem.makeFolder("/");
        await fileSystem.makeFolder("/state");
        fileSystem.restart(false);
        fileSystem.crashAt = crashAt;
        const done = { a: 0, b: false, removed: false };
        try {
          const store = await fileStateStore("/state", {}, fileSystem);
          await store.put("t", "a", 1);
          done.a = 1;
          done.b = await store.create("t", "b", "made");
          await store.put("t", "a", 2);
          done.a = 2;
          await store.remove("t", "b");
          done.removed = true;
        } catch {}
        fileSystem.restart(true);
        const store = await fileStateStore("/state", {}, fileSystem);
        const [a, b] = [await store.get("t", "a"), await store.get("t", "b")];
        expect([undefined, 1, 2]).toContain(a);
        expect(Number(a ?? 0)).toBeGreaterThanOrEqual(done.a);
        if (done.removed) expect(b).toBeUndefined();
        else if (done.b && done.a < 2) expect(b).toBe("made");
      }
    }
  });
});
