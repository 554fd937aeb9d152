import { readFile } from "node:fs/promises";
import type { StationEvents } from "@waybill/oftp-session";
import type { Report } from "./report.js";
import { ALDER, BIRCH, type Company, call, inboxFile, portOf, startStation } from "./stations.js";
import { Story } from "./story.js";

const ORDER = Buffer.from("<order><item amount='10'>pallet of apples</item></order>\n");
const DELIVERY = Buffer.from("UNB+UNOC:3+BIRCH+ALDER'UNZ+0'\n");

/** A file each way in one session, as it is, and its receipt: every command is shown. */
export async function plainExchange(folder: string, report: Report): Promise<void> {
  report.chapter("1. An order and the note of a delivery, sent as they are");
  const birch = await startStation(BIRCH, ALDER, folder, { "DELIVERY.EDI": DELIVERY });
  const receipts = new Set<string>();
  const note = ({ response }: StationEvents["endResponseReceived"][0]) => {
    if (response.kind === "EERP") receipts.add(response.datasetName);
  };
  birch.station.on("endResponseReceived", note);
  report.line(`${ALDER.name} calls ${BIRCH.name} at 127.0.0.1:${portOf(birch)}:`);
  try {
    const story = new Story((line) => report.line(line, 2), ALDER.name, BIRCH.name);
    const client = await call(ALDER, BIRCH, folder, portOf(birch), (made) => {
      made.on("trail", ({ entry }) => story.add(entry));
      made.on("endResponseReceived", note);
    });
    await client.send({ data: ORDER, datasetName: "ORDER.XML" });
    await client.logoff();
  } finally {
    await birch.close();
  }
  const arrived = async (from: Company, to: Company, name: string, content: Buffer) => {
    const received = await readFile(inboxFile(to, from, folder, name)).catch(() => undefined);
    report.check(
      received?.equals(content) === true && receipts.has(name),
      `${to.name} has ${name} as it was sent, and ${from.name} has the receipt (EERP)`,
    );
  };
  await arrived(ALDER, BIRCH, "ORDER.XML", ORDER);
  await arrived(BIRCH, ALDER, "DELIVERY.EDI", DELIVERY);
}
