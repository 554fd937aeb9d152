import { describe, expect, test } from "@jest/globals";
import { outgoing } from "./support/memory-monitor.js";
import { dataOf, sfidOf, ssidOf } from "./support/raw-peer.js";
import {
  endOf,
  esidOf,
  initiating,
  monitorWith,
  responding,
  type Scenario,
  settledOnce,
  timeOut,
  waiting,
} from "./support/scenes.js";
import { until } from "./support/until.js";

describe("a partner that says nothing", () => {
  test.each(waiting)("in %s: 09", async (name, set) => {
    const scene = await set({ inactivityTimeoutMs: 60, localTimeoutMs: 20_000 });
    const esid = await esidOf(scene.peer);
    // Before its SSRM there is no partner yet who could be told.
    if (name !== "I_WF_RM") expect(esid).toMatchObject({ reason: 9 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });

  test("one that does not even read: 09", async () => {
    const monitor = monitorWith(64 * 1024 * 1024);
    const scene = await initiating(monitor, { inactivityTimeoutMs: 200, constants: { maxWindow: 999 } });
    await scene.peer.answer({ bufferSize: 32_768, credit: 999 });
    // The credit is not what stops us.
    await scene.peer.receive("SFID");
    scene.peer.send({ kind: "SFPA", restartPosition: 0 });
    scene.peer.socket.pause();
    await until(() => monitor.interrupted.length > 0);
    scene.peer.destroy();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    expect(monitor.interrupted).toHaveLength(1);
  });

  test("the partner's silence counts as such after this station has taken its time", async () => {
    const monitor = monitorWith(10);
    const { nextWork } = monitor;
    monitor.nextWork = async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return nextWork.call(monitor);
    };
    const scene = await initiating(monitor, { inactivityTimeoutMs: 60, localTimeoutMs: 20_000 });
    await scene.peer.answer();
    await scene.peer.receive("SFID");
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
  });

  test("silence is measured from the last move, whatever was waited for before", async () => {
    const monitor = monitorWith();
    const scene = await responding(monitor, { inactivityTimeoutMs: 150, localTimeoutMs: 20_000 });
    await scene.peer.call();
    scene.peer.send(sfidOf());
    await scene.peer.receive("SFPA");
    const begun = performance.now();
    for (let sent = 0; sent < 6; sent += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      scene.peer.send(dataOf(Buffer.from("x"), false));
    }
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9 });
    expect(performance.now() - begun).toBeGreaterThan(430);
    await scene.peer.close();
    await scene.session.ended;
  });
});

describe("this station takes too long", () => {
  const limits = { localTimeoutMs: 60, inactivityTimeoutMs: 20_000 };
  const slow: readonly Scenario[] = [
    [
      "to admit",
      async (options) => {
        const monitor = monitorWith();
        let admit: () => void = () => {};
        monitor.admit = () =>
          new Promise((resolve) => {
            admit = () => resolve({ accept: true, identity: monitor.identity });
          });
        const scene = await responding(monitor, options);
        await scene.peer.receive("SSRM");
        scene.peer.send(ssidOf());
        void scene.peer.socket.once("close", () => admit());
        return scene;
      },
    ],
    [
      "to take a file",
      async (options) => {
        const monitor = monitorWith();
        const scene = await responding(monitor, options);
        monitor.acceptFile = (_sfid, sink) => {
          sink.onBegin = () => new Promise((resolve) => scene.peer.socket.once("close", () => resolve()));
          return { accept: true, sink };
        };
        await scene.peer.call();
        scene.peer.send(sfidOf());
        return scene;
      },
    ],
    [
      "to store what came",
      async (options) => {
        const monitor = monitorWith();
        const scene = await responding(monitor, options);
        monitor.acceptFile = (_sfid, sink) => {
          sink.onFinish = () => new Promise((resolve) => scene.peer.socket.once("close", () => resolve()));
          return { accept: true, sink };
        };
        await scene.peer.call();
        scene.peer.send(sfidOf());
        await scene.peer.receive("SFPA");
        scene.peer.send({ kind: "EFID", recordCount: 0, unitCount: 0 });
        return scene;
      },
    ],
    [
      "to read what it sends",
      async (options) => {
        const scene = await initiating(monitorWith(), options);
        const open = async () =>
          (async function* () {
            await new Promise<void>((resolve) => scene.peer.socket.once("close", () => resolve()));
            yield Buffer.from("late");
          })();
        const totals = { records: 0, octets: 4 };
        scene.monitor.outbox.push(
          outgoing({ name: "LATE", content: Buffer.alloc(0), overrides: { totals, open } }),
        );
        await scene.peer.answer();
        await scene.peer.receive("SFID");
        scene.peer.send({ kind: "SFPA", restartPosition: 0 });
        return scene;
      },
    ],
  ];
  test.each(slow)("%s: 09", async (_what, set) => {
    const scene = await set(limits);
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9 });
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });

  test("maximumMs ends a session that is busy", async () => {
    const monitor = monitorWith();
    const scene = await responding(monitor, { maximumMs: 80 });
    await scene.peer.call();
    scene.peer.send(sfidOf());
    await scene.peer.receive("SFPA");
    const busy = setInterval(() => scene.peer.send(dataOf(Buffer.from("x"), false)), 5);
    expect(await esidOf(scene.peer)).toMatchObject({ reason: 9, text: "the session may take 80 ms" });
    clearInterval(busy);
    await scene.peer.close();
    expect(endOf(await scene.session.ended)).toEqual(timeOut);
    settledOnce(scene);
  });
});
