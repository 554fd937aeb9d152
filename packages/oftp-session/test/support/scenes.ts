import { expect } from "@jest/globals";
import type { Command } from "@waybill/oftp-codec";
import type { OftpSession, SessionEnd, SessionOptions } from "@waybill/oftp-session";
import { MemoryMonitor, outgoing } from "./memory-monitor.js";
import { calledByInitiator, callResponder, dataOf, type RawPeer, sfidOf } from "./raw-peer.js";

/** What tests compare of an end. */
export function endOf({ error }: SessionEnd) {
  return error && { code: error.code, reason: error.reason, origin: error.origin };
}

export const timeOut = { code: "ERR_OFTP_TIMEOUT", reason: 9, origin: "local" };

/** Has files of these sizes to send. */
export function monitorWith(...sizes: number[]): MemoryMonitor {
  const monitor = new MemoryMonitor({ code: "OOURS" });
  for (const size of sizes)
    monitor.outbox.push(outgoing({ name: `F${size}`, content: Buffer.alloc(size, "x") }));
  return monitor;
}

export interface Scene {
  readonly monitor: MemoryMonitor;
  readonly session: OftpSession;
  readonly peer: RawPeer;
}

export type Scenario = readonly [name: string, set: (options: Partial<SessionOptions>) => Promise<Scene>];

export async function responding(monitor: MemoryMonitor, options: Partial<SessionOptions>): Promise<Scene> {
  return { monitor, ...(await callResponder({ monitor, ...options })) };
}

export async function initiating(monitor: MemoryMonitor, options: Partial<SessionOptions>): Promise<Scene> {
  const { identity } = monitor;
  return { monitor, ...(await calledByInitiator({ monitor, identity, ...options })) };
}

const secure = () => new MemoryMonitor({ code: "OOURS", authentication: true });
const authenticator = {
  challenge: async () => ({ challenge: new Uint8Array(20), envelope: new Uint8Array(30) }),
  answer: async () => new Uint8Array(20),
};

/** Our session in each state in which it waits for its partner. */
export const waiting: readonly Scenario[] = [
  ["I_WF_RM", (options) => initiating(monitorWith(), options)],
  [
    "I_WF_SSID",
    async (options) => {
      const scene = await initiating(monitorWith(), options);
      scene.peer.send({ kind: "SSRM" });
      await scene.peer.receive("SSID");
      return scene;
    },
  ],
  [
    "A_NC_ONLY",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.receive("SSRM");
      return scene;
    },
  ],
  [
    "WF_SECD",
    async (options) => {
      const scene = await responding(secure(), { ...options, authenticator });
      await scene.peer.call({ authentication: true });
      return scene;
    },
  ],
  [
    "WF_AUCH",
    async (options) => {
      const scene = await initiating(secure(), { ...options, authenticator });
      await scene.peer.answer({ authentication: true });
      await scene.peer.receive("SECD");
      return scene;
    },
  ],
  [
    "WF_AURP",
    async (options) => {
      const scene = await responding(secure(), { ...options, authenticator });
      await scene.peer.call({ authentication: true });
      scene.peer.send({ kind: "SECD" });
      await scene.peer.receive("AUCH");
      return scene;
    },
  ],
  [
    "IDLELI",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.call();
      return scene;
    },
  ],
  [
    "IDLELICD",
    async (options) => {
      const scene = await initiating(monitorWith(), options);
      await scene.peer.answer();
      await scene.peer.receive("CD");
      return scene;
    },
  ],
  [
    "OPOP",
    async (options) => {
      const scene = await initiating(monitorWith(100), options);
      await scene.peer.answer();
      await scene.peer.receive("SFID");
      return scene;
    },
  ],
  [
    "OPOWFC",
    async (options) => {
      const scene = await initiating(monitorWith(100_000), options);
      await scene.peer.answer({ credit: 1 });
      await scene.peer.receive("SFID");
      scene.peer.send({ kind: "SFPA", restartPosition: 0 });
      await scene.peer.receive("DATA");
      return scene;
    },
  ],
  [
    "CLOP",
    async (options) => {
      const scene = await initiating(monitorWith(10), options);
      await scene.peer.answer();
      await scene.peer.receive("SFID");
      scene.peer.send({ kind: "SFPA", restartPosition: 0 });
      await scene.peer.receive("DATA");
      await scene.peer.receive("EFID");
      return scene;
    },
  ],
  [
    "WF_RTR",
    async (options) => {
      const monitor = monitorWith();
      await monitor.receive(sfidOf());
      monitor.received.length = 0;
      const scene = await initiating(monitor, options);
      await scene.peer.answer();
      await scene.peer.receive("EERP");
      return scene;
    },
  ],
  [
    "OPI",
    async (options) => {
      const scene = await responding(monitorWith(), options);
      await scene.peer.call();
      scene.peer.send(sfidOf());
      await scene.peer.receive("SFPA");
      scene.peer.send(dataOf(Buffer.from("begun"), false));
      return scene;
    },
  ],
  [
    "WF_CD",
    async (options) => {
      const monitor = monitorWith(10);
      monitor.wantsTurn = () => true;
      const scene = await responding(monitor, options);
      await scene.peer.call();
      scene.peer.send(sfidOf());
      await scene.peer.receive("SFPA");
      scene.peer.send({ kind: "EFID", recordCount: 0, unitCount: 0 });
      expect(await scene.peer.receive("EFPA")).toMatchObject({ changeDirection: true });
      return scene;
    },
  ],
];

export function settledOnce({ monitor }: Scene): void {
  for (const { sink } of monitor.received) {
    const ends = sink.events.filter((event) => !event.startsWith("begin"));
    expect(ends).toHaveLength(1);
  }
  const offered = new Set([...monitor.interrupted, ...monitor.sent].map(({ file }) => file));
  expect(offered.size).toBe(monitor.interrupted.length + monitor.sent.length);
}

/** Everything but the ESID is not of interest. */
export async function esidOf(peer: RawPeer) {
  for (;;) {
    const command: Command | undefined = await peer.next();
    if (command === undefined || command.kind === "ESID") return command;
  }
}
