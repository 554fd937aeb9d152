import { describe, expect, test } from "@jest/globals";
import { Turn } from "./turn.js";

/** Whether a promise is settled already. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("decisions that come while the session is at work", () => {
  test("something to send: the session looks again", async () => {
    const turn = new Turn();
    turn.look();
    expect(await turn.idle()).toBe("look");
    expect(turn.state).toBe("working");
  });

  test("the turn is given once everything is sent, and the promise waits until it is back", async () => {
    const turn = new Turn();
    const idle = turn.idle();
    turn.look();
    await idle;
    const back = turn.give();
    turn.look();
    expect(await turn.idle()).toBe("look");
    expect(await turn.idle()).toBe("give");
    expect(turn.state).toBe("partner");
    expect(await isSettled(back)).toBe(false);
    void turn.idle();
    expect(await isSettled(back)).toBe(true);
    expect(turn.state).toBe("waiting");
  });
});

test("a turn that the partner has is not given twice", async () => {
  const turn = new Turn();
  void turn.idle();
  const first = turn.give();
  const second = turn.give();
  void turn.idle();
  expect(await isSettled(Promise.all([first, second]))).toBe(true);
  expect(turn.state).toBe("waiting");
});

test("the end of the session settles everything", async () => {
  const turn = new Turn();
  const idle = turn.idle();
  const back = turn.give();
  turn.end();
  expect(await idle).toBe("give");
  await back;
  await turn.own();
  await turn.give();
  expect(await turn.idle()).toBe("give");
  expect(turn.state).toBe("ended");
});
