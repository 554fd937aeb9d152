import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import type { FileFormat, ProtocolLevel } from "@waybill/oftp-codec";
import { MemoryMonitor, outgoing } from "./support/memory-monitor.js";
import { sessionPair } from "./support/session-pair.js";

const SIZES = [0, 1, 62, 63, 64, 1023, 1024, 1025, 4096, 100_000];

/** Content of a size that fits the format. */
function contentOf(format: FileFormat, size: number, maxRecordSize: number): Buffer {
  const bytes = size % 2 === 0 ? randomBytes(size) : Buffer.alloc(size, "runs of equal octets    ");
  if (format === "F") return bytes.subarray(0, size - (size % maxRecordSize));
  if (format !== "V") return bytes;
  const records: Buffer[] = [];
  for (let at = 0, length = 0; at < size; at += length) {
    length = Math.min((at * 7) % (maxRecordSize + 1), size - at);
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(length);
    records.push(prefix, bytes.subarray(at, at + length));
    if (length === 0) at += 1;
  }
  return Buffer.concat(records);
}

const cases = ([1, 2, 4, 5] as const).flatMap((level: ProtocolLevel) =>
  (["U", "T", "F", "V"] as const).flatMap((format) =>
    [false, true].map((compression) => [level, format, compression] as const),
  ),
);

describe("two stations exchange files", () => {
  test.each(cases)("level %i, format %s, compression %s", async (level, format, compression) => {
    const maxRecordSize = format === "F" || format === "V" ? 80 : 0;
    const constants = { level, capCompression: compression, maxBufSize: 1000, maxWindow: 3 };
    const alice = new MemoryMonitor({ code: "OALICE" });
    const bob = new MemoryMonitor({ code: "OBOB" });
    const files = [alice, bob].map((monitor, side) =>
      SIZES.map((size) => {
        const content = contentOf(format, size, maxRecordSize);
        monitor.outbox.push(outgoing({ name: `S${side}.${size}`, content, format, maxRecordSize }));
        return content;
      }),
    );
    const pair = await sessionPair(
      { monitor: alice, identity: alice.identity, constants },
      { monitor: bob, constants },
    );
    expect(await pair.ended).toEqual([{ error: undefined }, { error: undefined }]);
    expect(alice.negotiated).toMatchObject({ level, compression, bufferSize: 1000, credit: 3 });
    for (const [side, monitor] of [bob, alice].entries()) {
      expect(monitor.received.map(({ sink }) => sink.content.toString("hex"))).toEqual(
        files[side]!.map((content) => content.toString("hex")),
      );
    }
    for (const monitor of [alice, bob]) {
      expect(monitor.sent).toHaveLength(SIZES.length);
      expect(monitor.responses.map(({ datasetName }) => datasetName)).toEqual(
        monitor.sent.map(({ file }) => file.datasetName),
      );
      expect(monitor.owed).toEqual([]);
    }
  });
});
