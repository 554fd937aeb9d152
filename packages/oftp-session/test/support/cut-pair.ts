import type { Socket } from "node:net";
import { socketPair } from "./socket-pair.js";

/** Which octets are counted: those that the near end sends, or those that the far end sends. */
export type Direction = "near" | "far";

export interface CutPair {
  readonly near: Socket;
  readonly far: Socket;
  /** Octets that have passed so far. */
  readonly passed: Readonly<Record<Direction, number>>;
  readonly wasCut: boolean;
}

/** Two ends of a connection that breaks once so many octets have passed in one direction. */
export async function cutPair(direction: Direction, octets: number): Promise<CutPair> {
  const [first, second] = [await socketPair(), await socketPair()];
  const passed = { near: 0, far: 0 };
  let wasCut = false;
  const cut = () => {
    wasCut = true;
    for (const socket of [first.far, second.near]) socket.destroy();
  };
  const relay = (from: Socket, to: Socket, its: Direction) => {
    from.on("data", (chunk: Buffer) => {
      if (wasCut) return;
      const left = its === direction ? octets - passed[its] : Number.POSITIVE_INFINITY;
      passed[its] += Math.min(left, chunk.length);
      if (chunk.length < left) {
        if (!to.write(chunk)) from.pause();
      } else {
        to.write(chunk.subarray(0, left), cut);
      }
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
    from.on("error", () => {});
    from.on("close", () => to.destroy());
  };
  relay(first.far, second.near, "near");
  relay(second.near, first.far, "far");
  return {
    near: first.near,
    far: second.far,
    passed,
    get wasCut() {
      return wasCut;
    },
  };
}
