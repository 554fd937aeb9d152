import { describe, expect, test } from "@jest/globals";
import { BackgroundWork } from "./background-work.js";

function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("BackgroundWork", () => {
  test("settled waits for all of it, also for what is added meanwhile", async () => {
    const background = new BackgroundWork();
    const { open, opened } = gate();
    const done: string[] = [];
    background.add(async () => {
      await opened;
      done.push("first");
      background.add(async () => void done.push("second"));
    });
    const settled = background.settled().then(() => done.push("settled"));
    open();
    await settled;
    expect(done).toEqual(["first", "second", "settled"]);
  });

  test("room waits when much of it is under way", async () => {
    const background = new BackgroundWork();
    const { open, opened } = gate();
    for (let count = 0; count < 15; count += 1) background.add(() => opened);
    await background.room();
    background.add(() => opened);
    let waited = true;
    const room = background.room().then(() => {
      waited = false;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(waited).toBe(true);
    open();
    await room;
  });

  test("a failure is told once, to whoever asks next", async () => {
    const background = new BackgroundWork();
    const failure = new Error("the disk is gone");
    background.add(() => Promise.reject(failure));
    await expect(background.settled()).rejects.toBe(failure);
    await background.settled();
    await background.room();
  });
});
