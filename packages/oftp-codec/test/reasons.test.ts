import { expect, test } from "@jest/globals";
import {
  answerReasons,
  answerReasonText,
  endSessionReasons,
  endSessionReasonText,
  negativeResponseReasonOf,
  negativeResponseReasonOfEnd,
  negativeResponseReasons,
  negativeResponseReasonText,
} from "../src/index.js";

const codesOf = (reasons: Record<string, { code: number }>) => Object.values(reasons).map(({ code }) => code);

test("every reason code of RFC 5024 has a name", () => {
  const answers = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 99];
  expect(codesOf(answerReasons)).toEqual(answers);
  expect(codesOf(endSessionReasons)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99]);
  const responses = [3, 4, 9, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30];
  expect(codesOf(negativeResponseReasons)).toEqual([...responses, 31, 32, 33, 34, 35, 36, 50, 90, 99]);
});

test("a NERP says why a file was refused", () => {
  // RFC 5024 section 5.3.14: for 01 to 06 and 10 to 20 it is ten more.
  for (const code of [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]) {
    expect(negativeResponseReasonOf(code)).toBe(code + 10);
  }
  expect([21, 22, 23, 99, 77].map(negativeResponseReasonOf)).toEqual([31, 33, 32, 99, 99]);
  expect([3, 4, 99, 8].map(negativeResponseReasonOfEnd)).toEqual([3, 4, 9, 99]);
});

test("reasons have texts, also those that no one listed", () => {
  expect(answerReasonText(13)).toBe("Duplicate file");
  expect(endSessionReasonText(7)).toBe("Exchange buffer size error");
  expect(negativeResponseReasonText(34)).toBe("File processing failed");
  expect(answerReasonText(77)).toBe("Unknown reason 77");
});
