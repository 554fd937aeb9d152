import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import type { QueuedFile, SessionContext, StationEvents } from "@waybill/oftp-session";
import { TransferView } from "./transfer-view.js";

const session: SessionContext = {
  id: "1",
  role: "initiator",
  partner: undefined,
  remoteAddress: undefined,
  tls: undefined,
};
const sfid = { datasetName: "evil\u001b[2J", fileSize: 4 } as StationEvents["receiveStarted"][0]["sfid"];
const file = { key: "1", path: "/elsewhere/a.bin", datasetName: "A.BIN" } as QueuedFile;
const outgoing = { size: 2048 } as StationEvents["sendStarted"][0]["outgoing"];

function watch(isTTY: boolean, quiet = false) {
  const written: string[] = [];
  const source = new EventEmitter<StationEvents>();
  const view = new TransferView(
    { isTTY, columns: 100, write: (text: string) => written.push(text) },
    { quiet },
  );
  view.watch(source);
  return { source, view, text: () => written.join("").replaceAll("\r", "<").replaceAll("\u001b[K", "|") };
}

function transfer(source: EventEmitter<StationEvents>): void {
  source.emit("sendStarted", { session, file, outgoing });
  source.emit("progress", { session, direction: "sent", sfid, octets: 1024 });
  source.emit("progress", { session, direction: "sent", sfid, octets: 2048 });
  source.emit("fileSent", { session, file, octets: 2048 });
}

test("on a terminal: a bar that gives way to a line", () => {
  const { source, text } = watch(true);
  transfer(source);
  expect(text()).toMatch(
    /^<sending A\.BIN +\[#{10} {10}\] +50% .*<\|sent \/elsewhere\/a\.bin as A\.BIN: 2048 bytes, /,
  );
  expect(text().endsWith(", the first 1024 in an earlier session\n")).toBe(true);
});

test("elsewhere only lines, and nothing at all when it is to be quiet", () => {
  const { source, text } = watch(false);
  transfer(source);
  expect(text()).toMatch(/^sent .*\n$/);
  const quiet = watch(true, true);
  transfer(quiet.source);
  quiet.view.line("text");
  expect(quiet.text()).toBe("");
});

test("the bar is taken away before an error is told, and names of partners cannot touch the screen", () => {
  const { source, text } = watch(true);
  source.emit("receiveStarted", { session, sfid });
  source.emit("progress", { session, direction: "received", sfid, octets: 1024 });
  source.emit("receiveRefused", { session, sfid, reason: 6, text: "too big" });
  expect(text()).toMatch(/^<receiving evil\?\[2J +\[#{5} {15}\].*<\|$/);
});
