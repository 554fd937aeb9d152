import assert from "node:assert/strict";
import {
  DataBufferDecoder,
  DataBufferEncoder,
  decodeCommand,
  describeCommand,
  encodeCommand,
  frameExchangeBuffer,
  StreamBufferDecoder,
} from "@waybill/oftp-codec";

const level = 5; // release 2.0

// The speaker: data exchange buffers come with their stream transmission header, commands get one.
const encoder = new DataBufferEncoder({ bufferSize: 32768, format: "U", compression: true });
encoder.write(Buffer.from("an invoice"));
encoder.end();
const stream: Uint8Array[] = [];
for (let next = encoder.next(); next; next = encoder.next()) stream.push(next);
const efid = encodeCommand({ kind: "EFID", recordCount: 0, unitCount: encoder.unitCount }, level);
stream.push(frameExchangeBuffer(efid));

// The listener: chunks of any size in, exchange buffers out.
const buffers = new StreamBufferDecoder({ maxBufferSize: 32768 });
const file = new DataBufferDecoder({ format: "U" });
const received: string[] = [];
for (const chunk of stream) {
  buffers.push(chunk);
  for (let next = buffers.next(); next; next = buffers.next()) {
    const command = decodeCommand(next, level);
    if (command.kind === "DATA") received.push(file.decode(command.payload).toString());
    if (command.kind === "EFID") assert.equal(command.unitCount, file.unitCount);
    for (const { name, value } of describeCommand(command, level)) assert.ok(`${name}: ${value}`);
  }
}
assert.deepEqual(received, ["an invoice"]);
