import { expect } from "@jest/globals";

/** The only line of a text. A text of more lines, or of none, fails the test. */
export function oneLine(text: string): string {
  expect(text).toMatch(/^[^\n]+\n$/);
  return text.trimEnd();
}
