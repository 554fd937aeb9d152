import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listenOftp } from "@waybill/oftp-server";

const folder = await mkdtemp(join(tmpdir(), "waybill-example-"));

// Two servers, so that one has somebody to call.
const ours = await listenOftp({
  ssid: "O0013000000WAYBILL",
  password: "SECRET",
  partners: [{ name: "acme", ssid: "O0013000000ACME", password: "THEIRS" }],
  inbox: join(folder, "our", "inbox"), // files land in inbox/acme
  outbox: join(folder, "our", "outbox"), // files in outbox/acme are sent when acme calls
  state: join(folder, "our", "state"), // what survives a crash
  listen: [{ host: "127.0.0.1", port: 0 }],
  hooks: {
    acceptFile: ({ sfid }) =>
      sfid.fileSize > 1_000_000 ? { accept: false, reason: 6, retry: false } : { accept: true },
  },
});
const received: string[] = [];
ours.station.on("fileReceived", ({ file }) => received.push(file.sfid.datasetName));

const [{ host, port } = { host: "", port: 0 }] = ours.addresses;
const theirs = await listenOftp({
  ssid: "O0013000000ACME",
  password: "THEIRS",
  partners: [{ name: "us", ssid: "O0013000000WAYBILL", password: "SECRET", address: { host, port } }],
  inbox: join(folder, "their", "inbox"),
  outbox: join(folder, "their", "outbox"),
  state: join(folder, "their", "state"),
  listen: [],
});

await mkdir(join(folder, "their", "outbox", "us"), { recursive: true });
await writeFile(join(folder, "their", "outbox", "us", "ORDER"), "10 pallets of apples");
const session = await theirs.call("us");
assert.equal((await session.ended).error, undefined);

assert.deepEqual(received, ["ORDER"]);
const [sent] = await theirs.station.sent();
assert.equal(sent?.state, "acknowledged"); // the EERP came

await theirs.close();
await ours.close({ graceMs: 10_000 }); // sessions under way get ten seconds
await rm(folder, { recursive: true });
