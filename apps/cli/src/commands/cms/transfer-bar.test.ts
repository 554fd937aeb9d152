import { expect, jest, test } from "@jest/globals";
import { TransferBar } from "./transfer-bar.js";

function shown(isTTY: boolean, isShown: boolean, steps: readonly number[]): string[] {
  const written: string[] = [];
  let now = 1000;
  const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
  const output = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  const bar = new TransferBar(output, { name: "order.xml", totalBytes: 1000, isShown });
  for (const step of steps) {
    now += step;
    bar.add(100);
  }
  bar.remove();
  clock.mockRestore();
  return written;
}

test("a long file has a bar, which goes away at the end", () => {
  const written = shown(true, true, [499, 1, 50, 50, 20]);
  expect(written).toHaveLength(3);
  expect(written[0]).toMatch(/^\rorder\.xml .* 20% /);
  expect(written[1]).toMatch(/^\rorder\.xml .* 40% /);
  expect(written[2]).toBe("\r\u001b[K");
});

test("a short file has none, nor has anything that is no terminal, or is quiet", () => {
  expect(shown(true, true, [100, 100, 100])).toEqual([]);
  expect(shown(false, true, [1000, 1000])).toEqual([]);
  expect(shown(true, false, [1000, 1000])).toEqual([]);
});
