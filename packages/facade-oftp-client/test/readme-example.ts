import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "@waybill/net-core";
import { connectOftp } from "@waybill/oftp-client";
import { memoryStateStore, OftpStation, partnerDirectory } from "@waybill/oftp-session";

const folder = await mkdtemp(join(tmpdir(), "waybill-example-"));

// Somebody to call: with @waybill/oftp-server it would be a server of its own.
const acme = await OftpStation.open({
  ssid: "O0013000000ACME",
  password: "THEIRS",
  partners: partnerDirectory([{ name: "us", ssid: "O0013000000WAYBILL", password: "SECRET" }]),
  inbox: join(folder, "acme"),
  work: folder,
  store: memoryStateStore(),
});
const listener = await listen({ port: 0 }, (socket) => void acme.answer(socket));

// The client: `state` remembers what is owed and what was begun, `inbox` gets what comes.
const client = await connectOftp({
  ssid: "O0013000000WAYBILL",
  password: "SECRET",
  inbox: join(folder, "inbox"),
  state: join(folder, "state"),
  partner: {
    name: "acme",
    ssid: "O0013000000ACME",
    password: "THEIRS",
    address: { host: "127.0.0.1", port: listener.port },
  },
});
const { file, octets } = await client.send({ data: "10 pallets of apples", datasetName: "ORDER" });
assert.equal(octets, 20); // the partner has it on disk

await client.receive(); // gives the turn to the partner, which sends what it has
assert.equal(client.receipt(file)?.kind, "EERP"); // it has arrived where it was to go

await client.logoff();
await listener.close();
await rm(folder, { recursive: true });
