import { describe, expect, test } from "@jest/globals";
import { ProgressMeter, type ScpProgress } from "./progress.js";

const subject = { direction: "upload", path: "a", localPath: "a", remotePath: "b", totalBytes: 200 } as const;

describe("ProgressMeter", () => {
  test("tells the start, each step that is due, and the end", () => {
    const told: ScpProgress[] = [];
    const meter = new ProgressMeter(subject, 0, (progress) => told.push(progress));
    meter.advance(50);
    meter.advance(150);
    meter.end();
    expect(told.map(({ state, bytes, percent }) => [state, bytes, percent])).toEqual([
      ["start", 0, 0],
      ["progress", 50, 25],
      ["progress", 200, 100],
      ["end", 200, 100],
    ]);
    expect(told.at(-1)).toMatchObject(subject);
  });

  test("keeps quiet between", () => {
    const told: string[] = [];
    const meter = new ProgressMeter(subject, 60_000, ({ state }) => told.push(state));
    for (let index = 0; index < 200; index++) meter.advance(1);
    meter.end();
    expect(told).toEqual(["start", "end"]);
  });

  test("an empty file is whole at once", () => {
    const told: number[] = [];
    new ProgressMeter({ ...subject, totalBytes: 0 }, 0, ({ percent }) => told.push(percent)).end();
    expect(told).toEqual([100, 100]);
  });
});
