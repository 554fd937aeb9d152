import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fileStateStore, OftpStation, partnerDirectory } from "@waybill/oftp-session";

/** A station whose files are below `folder`. */
async function openStation(folder: string, ssid: string, partner: { name: string; ssid: string }) {
  await mkdir(folder, { recursive: true });
  return OftpStation.open({
    ssid,
    password: "SECRET",
    partners: partnerDirectory([{ ...partner, password: "SECRET" }]),
    inbox: join(folder, "inbox"),
    work: join(folder, "state"),
    store: await fileStateStore(join(folder, "state", "records")),
  });
}

/** Sends an invoice from one station to the other, and says what its sender hears of it. */
export async function exchange(folder: string): Promise<string[]> {
  const acme = await openStation(join(folder, "acme"), "O0013ACME", { name: "zulu", ssid: "O0013ZULU" });
  const zulu = await openStation(join(folder, "zulu"), "O0013ZULU", { name: "acme", ssid: "O0013ACME" });
  const heard: string[] = [];
  zulu.on("fileSent", ({ file, octets }) => heard.push(`${file.datasetName}: ${octets} octets sent`));
  zulu.on("endResponseReceived", ({ response }) => heard.push(`${response.datasetName}: ${response.kind}`));

  await writeFile(join(folder, "invoice.xml"), "<invoice/>");
  await zulu.send("acme", { path: join(folder, "invoice.xml") });

  // Stations take connections as they come; facades dial and listen, plain or with TLS.
  const server = createServer((socket) => acme.answer(socket)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const partner = { name: "acme", ssid: "O0013ACME", password: "SECRET" };
  const session = zulu.initiate(partner, connect({ port, host: "127.0.0.1", noDelay: true }));
  const { error } = await session.ended;
  server.close();
  if (error !== undefined) throw error;
  return heard;
}
