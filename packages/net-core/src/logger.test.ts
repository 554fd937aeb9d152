import { describe, expect, test } from "@jest/globals";
import { createLogger, type LogRecord, MASK } from "./logger.js";

describe("createLogger", () => {
  test("masks secrets at any depth and keeps the rest", () => {
    const records: LogRecord[] = [];
    const logger = createLogger("info", (record) => records.push(record)).child({ session: 1 });
    logger.info({ user: "ann", password: "x", key: { passphrase: "y", bits: 256 } }, "login");
    logger.debug("not written");
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      level: "info",
      message: "login",
      fields: { session: 1, user: "ann", password: MASK, key: { passphrase: MASK, bits: 256 } },
    });
  });
});
