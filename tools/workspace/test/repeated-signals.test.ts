import { EventEmitter } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { oneSignalPerKeypress } from "../repeated-signals.mjs";

function processWithClock() {
  const target = new EventEmitter() as unknown as NodeJS.Process;
  const clock = { now: 1000 };
  const received: string[] = [];
  oneSignalPerKeypress(target, () => clock.now);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    target.on(signal, () => received.push(signal));
  }
  return { target, clock, received };
}

describe("oneSignalPerKeypress", () => {
  test("drops the echo that npm sends", () => {
    const { target, clock, received } = processWithClock();
    target.emit("SIGINT", "SIGINT");
    clock.now += 40;
    target.emit("SIGINT", "SIGINT");
    expect(received).toEqual(["SIGINT"]);
  });

  test("lets a second keypress through", () => {
    const { target, clock, received } = processWithClock();
    target.emit("SIGINT", "SIGINT");
    clock.now += 300;
    target.emit("SIGINT", "SIGINT");
    expect(received).toEqual(["SIGINT", "SIGINT"]);
  });

  test("takes signals of different kinds for themselves and leaves other events alone", () => {
    const { target, received } = processWithClock();
    target.emit("SIGINT", "SIGINT");
    target.emit("SIGTERM", "SIGTERM");
    target.emit("SIGHUP", "SIGHUP");
    target.emit("SIGHUP", "SIGHUP");
    expect(received).toEqual(["SIGINT", "SIGTERM", "SIGHUP", "SIGHUP"]);
  });
});
