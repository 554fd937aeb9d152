import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
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
const UNSECURED: QueuedFile["security"] = {
  securityLevel: 0,
  cipherSuite: 0,
  compressed: false,
  enveloped: false,
  signedReceipt: false,
};
const file = {
  key: "1",
  path: "/elsewhere/a.bin",
  datasetName: "A.BIN",
  security: UNSECURED,
} as QueuedFile;
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

test("a file that is sealed has a bar of its own, which goes away when it is done", () => {
  const { source, text } = watch(true);
  source.emit("sealing", { file, octets: 1024, size: 2048 });
  source.emit("sealing", { file, octets: 2048, size: 2048 });
  expect(text()).toMatch(/^<sealing A\.BIN +\[#{10} {10}\] +50% .*<\|$/);
  transfer(source);
  expect(text()).toMatch(/sealing[^|]*\|<sending[^|]*\|sent /);
  const elsewhere = watch(false);
  elsewhere.source.emit("sealing", { file, octets: 2048, size: 2048 });
  expect(elsewhere.text()).toBe("");
});

test("what is sealed beside a transfer leaves its bar alone", () => {
  const { source, text } = watch(true);
  source.emit("sendStarted", { session, file, outgoing });
  source.emit("sealing", { file: { ...file, key: "2", datasetName: "OTHER" }, octets: 1, size: 1 });
  source.emit("progress", { session, direction: "sent", sfid, octets: 1024 });
  source.emit("fileSent", { session, file, octets: 2048 });
  expect(text()).toMatch(/^<sending A\.BIN[^|]*\|sent .*, the first 1024 in an earlier session\n$/);
});

test("what files came in and go out in, and what receipts prove", async () => {
  const key = await generateKeyPair({ type: "ec" });
  const certificate = await createSelfSignedCertificate({ key, subject: "CN=acme" });
  const short = `${certificate.thumbprint("sha256").slice(0, 16)}…`;
  const { source, text } = watch(false);
  const security = { ...UNSECURED, securityLevel: 3, compressed: true, signedReceipt: true } as const;
  const secured: QueuedFile = { ...file, security };
  source.emit("fileSent", { session, file: secured, octets: 2048 });
  const response = {
    kind: "EERP",
    datasetName: "A.BIN",
  } as StationEvents["endResponseReceived"][0]["response"];
  const proven = { session, response, file: secured, signer: certificate };
  source.emit("endResponseReceived", proven);
  source.emit("endResponseReceived", { session, response, file });
  source.emit("fileReceived", {
    session,
    file: {
      key: "2",
      sfid: { ...sfid, datasetName: "B" },
      path: "/elsewhere/b",
      octets: 4,
      security: {
        encrypted: true,
        compressed: false,
        signer: certificate.thumbprint("sha256"),
        signedReceipt: false,
      },
    },
  });
  const received = { partner: "acme", exchange: "deliver", certificate } as const;
  source.emit("certificateReceived", { ...received, accepted: true, text: "" });
  source.emit("certificateReceived", { ...received, accepted: false, text: "no thanks" });
  expect(text().split("\n")).toEqual([
    "sent /elsewhere/a.bin as A.BIN: 2048 bytes, 0.0 s, encrypted, signed, compressed",
    `receipt for A.BIN: EERP, it has arrived, signed by CN=acme (${short}), verified`,
    "receipt for A.BIN: EERP, it has arrived",
    `received B as /elsewhere/b: 4 bytes, 0.0 s, encrypted, signed by ${short}`,
    `certificate CN=acme (${short}) of acme: accepted`,
    `certificate CN=acme (${short}) of acme: not accepted, no thanks`,
    "",
  ]);
});
