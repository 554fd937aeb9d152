import { describe, expect, test } from "@jest/globals";
import { fileStateStore } from "../src/storage/file-state-store.js";
import type { FileSink } from "../src/user-monitor.js";
import {
  CrashMachine,
  countCalls,
  envelopedScene,
  inspectedScene,
  OLD,
  plainScene,
} from "./storage-support/crash-machine.js";
import { CrashingFileSystem } from "./storage-support/crashing-file-system.js";
import { seededRandom } from "./storage-support/sfid.js";

async function requireOneFile(machine: CrashMachine): Promise<void> {
  const inbox = machine.fileSystem.contents("/inbox");
  const expected = {
    never: { "INVOICE.DAT": "new" },
    rename: { "INVOICE.DAT": "old", "INVOICE-1.DAT": "new" },
    replace: { "INVOICE.DAT": "new" },
  }[machine.overwrite];
  const named = (content: Buffer) =>
    content.equals(machine.scene.expected) ? "new" : content.equals(OLD) ? "old" : "damaged";
  expect(Object.fromEntries([...inbox].map(([name, content]) => [name, named(content)]))).toEqual(expected);
  const path = machine.overwrite === "rename" ? "/inbox/INVOICE-1.DAT" : "/inbox/INVOICE.DAT";
  expect(await machine.recordedPath()).toBe(path);
  expect([...machine.fileSystem.contents("/partial").keys()]).toEqual([]);
}

const SCENES = { plain: plainScene, enveloped: envelopedScene, inspected: inspectedScene };
const cases = Object.entries(SCENES).flatMap(([name, sceneOf]) =>
  (["never", "rename", "replace"] as const).map((overwrite) => [name, overwrite, sceneOf()] as const),
);

describe.each(cases)("%s, overwrite: %s", (name, overwrite, scene) => {
  test.each([
    ["the process is killed", false, 1],
    ["the power fails", true, 6],
  ] as const)("whenever %s, the file arrives once", async (_, power, seeds) => {
    const calls = await countCalls(scene, overwrite);
    expect(calls).toBeGreaterThan(40);
    let sealedLeft = 0;
    let openedLeft = 0;
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      for (let seed = 1; seed <= seeds; seed++) {
        const machine = new CrashMachine(scene, overwrite, crashAt * 100 + seed);
        await machine.prepare();
        machine.fileSystem.crashAt = crashAt;
        await machine.sessions().catch(() => {});
        machine.crash(power);

        const visible = machine.fileSystem.contents("/inbox");
        for (const [name, content] of visible) {
          // Never half a file under a name that is not hidden.
          if (!name.startsWith(".")) expect(content.equals(OLD) || content.equals(scene.expected)).toBe(true);
        }
        const recorded = (await machine.recordedPath()) !== undefined;
        const seen = [...visible.values()].some((content) => content.equals(scene.expected));
        // Nobody sees it before the record says so.
        if (seen) expect(recorded).toBe(true);
        if (machine.partial().includes("opened")) openedLeft += 1;

        await machine.recover();
        if (!recorded) {
          const sealed = machine.partial().includes("sealed");
          expect(machine.partial()).not.toContain("opened");
          const begun = await machine.session();
          // What had been whole is not sent again.
          if (sealed) expect(begun).toBeGreaterThan(scene.transmitted.length - 1024);
          if (sealed) sealedLeft += 1;
        }
        await requireOneFile(machine);
      }
    }
    expect(sealedLeft > 0).toBe(name !== "plain");
    expect(openedLeft > 0).toBe(name !== "plain");
  });

  test("a session that comes before any recovery ends it, or goes on", async () => {
    const calls = await countCalls(scene, overwrite);
    let duplicates = 0;
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      const machine = new CrashMachine(scene, overwrite, crashAt);
      await machine.prepare();
      machine.fileSystem.crashAt = crashAt;
      await machine.sessions().catch(() => {});
      machine.crash(true);
      const recorded = (await machine.recordedPath()) !== undefined;
      // Without one of its files in the partial folder only the station knows that it was received.
      if (recorded && !machine.partial().some((kind) => /whole|sealed|opened/.test(kind))) continue;
      if (recorded) {
        duplicates += 1;
        await expect(machine.session()).rejects.toMatchObject({ reason: 13 });
      } else {
        await machine.session();
      }
      await machine.recover();
      await requireOneFile(machine);
    }
    expect(duplicates).toBeGreaterThan(0);
  });

  test("a second crash during the recovery does no harm", async () => {
    const calls = await countCalls(scene, overwrite);
    for (let crashAt = calls - 30; crashAt < calls; crashAt++) {
      for (let second = 0; second < 18; second++) {
        const machine = new CrashMachine(scene, overwrite, crashAt * 1000 + second);
        await machine.prepare();
        machine.fileSystem.crashAt = crashAt;
        await machine.sessions().catch(() => {});
        machine.crash(true);
        machine.fileSystem.crashAt = second;
        await machine.recover().catch(() => {});
        machine.crash(true);
        await machine.recover();
        if ((await machine.recordedPath()) === undefined) await machine.session();
        await requireOneFile(machine);
      }
    }
  });
});

test("a crash of the session that goes on with a sealed file does no harm", async () => {
  const scene = envelopedScene();
  const calls = await countCalls(scene, "rename");
  let sealed = 0;
  for (let crashAt = calls - 60; crashAt < calls; crashAt++) {
    const machine = new CrashMachine(scene, "rename", crashAt);
    await machine.prepare();
    machine.fileSystem.crashAt = crashAt;
    await machine.sessions().catch(() => {});
    machine.crash(true);
    await machine.recover();
    if (!machine.partial().includes("sealed")) continue;
    sealed += 1;
    if (sealed > 2) break;
    for (let second = 0; second < calls; second++) {
      const again = new CrashMachine(scene, "rename", crashAt);
      await again.prepare();
      again.fileSystem.crashAt = crashAt;
      await again.sessions().catch(() => {});
      again.crash(true);
      again.fileSystem.crashAt = second;
      await again.session().catch(() => {});
      again.crash(true);
      await again.recover();
      if ((await again.recordedPath()) === undefined) await again.session();
      await requireOneFile(again);
    }
  }
  expect(sealed).toBeGreaterThan(1);
});

describe("the simulation notices a forgotten sync:", () => {
  test.each([
    ["of the content", plainScene, /^sync .*\.part$/],
    ["of the inbox", plainScene, /^sync folder \/inbox$/],
    ["of the record", plainScene, /^sync folder \/state\/received$/],
    ["of the opened content", envelopedScene, /^sync .*\.opened$/],
  ])("%s", async (_, sceneOf, withoutSync) => {
    const scene = sceneOf();
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new CrashMachine(scene, "never", seed);
      await machine.prepare();
      machine.fileSystem.withoutSync = withoutSync;
      await machine.session();
      machine.crash(true);
      await machine.recover();
      const content = machine.fileSystem.contents("/inbox").get("INVOICE.DAT");
      const recorded = (await machine.recordedPath()) !== undefined;
      if (!recorded || content?.equals(scene.expected) !== true) lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });

  test("of the name of the opened content", async () => {
    const scene = envelopedScene();
    const calls = await countCalls(scene, "never");
    let lost = 0;
    for (let crashAt = calls - 30; crashAt < calls; crashAt++) {
      for (let seed = 1; seed <= 10; seed++) {
        const machine = new CrashMachine(scene, "never", seed);
        await machine.prepare();
        machine.fileSystem.withoutSync = /^sync folder \/partial$/;
        machine.fileSystem.crashAt = crashAt;
        await machine.sessions().catch(() => {});
        machine.crash(true);
        if ((await machine.recordedPath()) === undefined) continue;
        await machine.recover();
        if (!machine.fileSystem.contents("/inbox").has("INVOICE.DAT")) lost += 1;
      }
    }
    expect(lost).toBeGreaterThan(0);
  });
});

describe("a call that fails without a crash", () => {
  /** Lets each call of a session fail in turn. */
  async function failEach(
    machineOf: () => CrashMachine,
    code: string,
    retry: boolean,
    left: (machine: CrashMachine) => void,
  ): Promise<number> {
    const { scene, overwrite } = machineOf();
    const calls = await countCalls(scene, overwrite);
    let refused = 0;
    for (let failAt = 0; failAt < calls; failAt++) {
      const machine = machineOf();
      await machine.prepare();
      let count = 0;
      machine.fileSystem.failing = (call) => {
        const hit = count++ === failAt && /^(write|sync|open create|link|rename)/.test(call);
        return hit ? Object.assign(new Error(`failed: ${code}`), { code }) : undefined;
      };
      let sink: FileSink | undefined;
      try {
        sink = await machine.sink();
        await sink.begin(0);
        await sink.write(scene.transmitted);
        await sink.finish(scene.totals);
      } catch (error) {
        refused += 1;
        expect(error).toMatchObject({ code: "ERR_OFTP_FILE_REFUSED", reason: 12, retry });
        await sink?.discard();
        machine.fileSystem.failing = undefined;
        left(machine);
        expect(Object.fromEntries(machine.fileSystem.contents("/inbox"))).toEqual({ "INVOICE.DAT": OLD });
        expect(await machine.recordedPath()).toBeUndefined();
        const sealed = machine.partial().includes("sealed");
        const begun = await machine.session();
        expect(begun).toBe(sealed ? 4096 : 0);
      }
      await requireOneFile(machine);
    }
    return refused;
  }

  test("refuses the file and leaves nothing, whichever call it is", async () => {
    const machineOf = () => new CrashMachine(plainScene(), "rename", 1);
    const nothing = (machine: CrashMachine) => expect(machine.partial()).toEqual([]);
    expect(await failEach(machineOf, "ENOSPC", true, nothing)).toBeGreaterThan(8);
    expect(await failEach(machineOf, "EIO", false, nothing)).toBeGreaterThan(8);
  });

  test("a full disk leaves an enveloped file sealed, so that it need not be sent again", async () => {
    const machineOf = () => new CrashMachine(envelopedScene(), "rename", 1);
    let sealed = 0;
    const refused = await failEach(machineOf, "ENOSPC", true, (machine) => {
      const left = machine.partial();
      if (left.length > 0) expect(left).toEqual(["sealed"]);
      sealed += left.length;
    });
    expect(refused).toBeGreaterThan(11);
    expect(sealed).toBeGreaterThan(6);
    const nothing = (machine: CrashMachine) => expect(machine.partial()).toEqual([]);
    expect(await failEach(machineOf, "EIO", false, nothing)).toBe(refused);
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
