import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { errorCode, errorMessage, TransferError } from "@waybill/net-core";
import type { ProtocolLevel } from "@waybill/oftp-codec";
import { type Command, Option } from "commander";
import { isRawCapture, parseTrailLine, readRawCapture } from "./trail-file.js";
import { TrailText } from "./trail-text.js";

interface TrailOptions {
  readonly raw?: boolean;
  readonly level: string;
}

/** What is read of a raw capture: it is held whole. */
const MAX_RAW_OCTETS = 256 * 1024 * 1024;

export function addTrailCommand(oftp: Command): void {
  oftp
    .command("trail")
    .description(
      "Print a captured session: a file that --trail wrote, or the octets of one direction of a connection.",
    )
    .argument("<file>", "the capture")
    .option("--raw", "show the octets of each command too")
    .addOption(
      new Option("--level <level>", "of a raw capture that has no SSID")
        .choices(["1", "2", "4", "5"])
        .default("5"),
    )
    .action(async (file: string, options: TrailOptions) => printTrail(file, options));
}

async function printTrail(file: string, options: TrailOptions): Promise<void> {
  const lines: string[] = [];
  const flush = () => {
    if (lines.length > 0) process.stdout.write(`${lines.splice(0).join("\n")}\n`);
  };
  const text = new TrailText(
    (line) => {
      lines.push(line);
      if (lines.length >= 500) flush();
    },
    { raw: options.raw === true },
  );
  try {
    const start = await beginning(file);
    if (isRawCapture(start)) {
      const level = Number(options.level) as ProtocolLevel;
      for (const captured of readRawCapture(await whole(file), level)) text.add(captured);
    } else {
      let number = 0;
      for await (const line of createInterface({
        input: createReadStream(file),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        number += 1;
        if (line.trim() !== "") text.add(parseTrailLine(line, file, number));
      }
    }
  } finally {
    text.end();
    flush();
  }
}

async function beginning(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const reason = errorCode(error) === "ENOENT" ? "it is not there" : errorMessage(error);
    throw new TransferError("ERR_TRAIL_FILE", `cannot read the trail ${file}: ${reason}`, { cause: error });
  }
}

async function whole(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { end: MAX_RAW_OCTETS - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
