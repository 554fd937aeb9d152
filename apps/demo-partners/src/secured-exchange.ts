import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DescribedLayer, describeMessage, verifyReceipt } from "@waybill/cms-security";
import type { Eerp } from "@waybill/oftp-codec";
import type { QueuedFile, ReceivedFile } from "@waybill/oftp-session";
import { drawing } from "./drawing.js";
import { type KnownCompany, printOf } from "./identities.js";
import type { Report } from "./report.js";
import { call, inboxFile, portOf, startStation } from "./stations.js";
import { Story } from "./story.js";

const NAME = "COIL.STP";

/** The commands that are other ones than for a file that goes as it is. */
const TOLD = ["AUCH", "AURP", "SFID", "EFPA", "EERP"] as const;

/** A file that is signed, compressed and encrypted; it is opened on arrival, and its receipt is signed. */
export async function securedExchange(
  alder: KnownCompany,
  birch: KnownCompany,
  folder: string,
  report: Report,
): Promise<void> {
  report.chapter(`3. A drawing that only ${birch.name} can read, and a receipt that proves that it came`);
  const content = drawing();
  const path = join(folder, NAME);
  await writeFile(path, content);
  const station = await startStation(birch, alder, folder);
  let arrived: ReceivedFile | undefined;
  station.station.on("fileReceived", ({ file }) => {
    arrived = file;
  });
  const queued: QueuedFile[] = [];
  let receipt: Eerp | undefined;
  try {
    const story = new Story((line) => report.line(line, 2), alder.name, birch.name, TOLD);
    const client = await call(alder, birch, folder, portOf(station), async (made) => {
      made.on("trail", ({ entry }) => story.add(entry));
      // Comes only when the signature holds; else it would be `endResponseInvalid`.
      made.on("endResponseReceived", ({ response }) => {
        if (response.kind === "EERP") receipt = response;
      });
      const security = { sign: true, compress: true, encrypt: true, cipherSuite: 6, signedReceipt: true };
      const file = await made.queue({ path, security });
      queued.push(file);
      await showMessage(file, alder, birch, content.length, report);
      report.line(`${alder.name} calls ${birch.name}; what is new in this session:`);
    });
    await client.resend(queued);
    await client.logoff();
  } finally {
    await station.close();
  }
  const received = await readFile(inboxFile(birch, alder, folder, NAME)).catch(() => undefined);
  report.check(
    received?.equals(content) === true && arrived?.octets === content.length,
    `${birch.name} has ${NAME} decrypted and unpacked, ${count(content.length)} octets as they were`,
  );
  report.check(
    arrived?.security.signer === alder.identity.certificate.thumbprint("sha256"),
    `its signature holds: it is ${alder.name}'s, SHA-256 ${printOf(alder.identity)}`,
  );
  await showReceipt(receipt, queued[0], birch, report);
}

/** What goes over the wire in place of the file, looked into with the key of the one who gets it. */
async function showMessage(
  { transmitted, datasetName }: QueuedFile,
  alder: KnownCompany,
  birch: KnownCompany,
  octets: number,
  report: Report,
): Promise<void> {
  const source = createReadStream(transmitted?.path ?? "");
  const { layers, sealedBytes, contentBytes } = await describeMessage(source, { keys: [birch.identity] });
  report.line(
    `${alder.name} signs, compresses and encrypts ${datasetName}: ${count(octets)} octets become ${count(sealedBytes)}`,
  );
  report.check(
    layers.map(({ kind }) => kind).join() === "encrypted,compressed,signed" && contentBytes === octets,
    `three envelopes (CMS), cipher suite 06; ${birch.name}'s key shows them from the outside in:`,
  );
  for (const layer of layers) report.line(`${layer.kind.padEnd(10)}  ${layerText(layer)}`, 3);
  report.line(`${"content".padEnd(10)}  ${datasetName}, ${count(contentBytes ?? 0)} octets`, 3);
}

function layerText(layer: DescribedLayer): string {
  switch (layer.kind) {
    case "encrypted": {
      const transport = layer.recipients.map(({ algorithm }) => algorithm).join(", ");
      return `${layer.cipher}, its key for ${layer.recipient?.subject.text ?? "nobody here"} with ${transport}`;
    }
    case "compressed":
      return layer.algorithm;
    case "signed":
      return layer.signers.map(({ signature, hash }) => `${signature} of ${hash ?? "?"}`).join(", ");
    default:
      return "";
  }
}

/** The station has verified it already: this is what anybody can do who has the receipt, the hash and the certificate. */
async function showReceipt(
  receipt: Eerp | undefined,
  file: QueuedFile | undefined,
  { name, identity }: KnownCompany,
  report: Report,
): Promise<void> {
  if (receipt === undefined || file === undefined) {
    report.check(false, "there is no receipt whose signature holds");
    return;
  }
  const sent = Object.entries(file.transmitted?.hashes ?? {});
  const proof = await verifyReceipt(receipt, {
    file,
    hashes: Object.fromEntries(sent.map(([hash, digest]) => [hash, Buffer.from(digest, "base64")])),
    signers: [identity.certificate],
  });
  const digest = Buffer.from(receipt.hash).toString("hex").slice(0, 16);
  report.check(
    proof.hash === "sha512",
    `the receipt has the hash of the octets that were sent: ${proof.hash ?? "none"} ${digest}…`,
  );
  report.check(
    proof.signed && proof.signer !== undefined,
    `its signature holds: it is ${name}'s, SHA-256 ${proof.signer === undefined ? "?" : printOf({ certificate: proof.signer })}`,
  );
}

/** Groups of three digits. */
function count(octets: number): string {
  return octets.toLocaleString("en-US").replaceAll(",", " ");
}
