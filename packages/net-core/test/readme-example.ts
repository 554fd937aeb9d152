import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { dial, listen, RateLimiter } from "@waybill/net-core";

// 1 MB/s for all connections together.
const limiter = new RateLimiter(1_000_000);

const listener = await listen(
  { port: 0, allow: ["127.0.0.0/8"], maxConnections: 100, idleTimeoutMs: 60_000 },
  (socket) => pipeline(Readable.from(["hello ", "partner"]), limiter.stream(), socket),
);

const socket = await dial({ host: listener.host, port: listener.port, connectTimeoutMs: 5_000 });
assert.equal(await text(socket), "hello partner");

await listener.close({ graceMs: 1_000 });
