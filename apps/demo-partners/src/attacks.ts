import { readFile } from "node:fs/promises";
import { FileRefusedByPartner, type OftpClient } from "@waybill/oftp-client";
import {
  answerReasons,
  answerReasonText,
  endSessionReasons,
  endSessionReasonText,
} from "@waybill/oftp-codec";
import { SessionEndError } from "@waybill/oftp-session";
import { changingRelay } from "./changing-relay.js";
import { type KnownCompany, withIdentity } from "./identities.js";
import type { Report } from "./report.js";
import { call, inboxFile, portOf, startStation } from "./stations.js";

const ORDER = "<order><item amount='10'>pallet of apples</item></order>\n";
const [TEN, NINETY] = ["'10'", "'90'"] as const;

/** Somebody on the way changes one octet of an order: of one that is not signed, and of one that is. */
export async function changeOnTheWay(
  alder: KnownCompany,
  birch: KnownCompany,
  folder: string,
  report: Report,
): Promise<void> {
  report.chapter("4. What it is good for: somebody on the way writes '90' where the order says '10'");
  const station = await startStation(birch, alder, folder);
  const somebody = await changingRelay(portOf(station), TEN, NINETY);
  try {
    const client = await call(alder, birch, folder, somebody.port);
    const plain = await client.send({ data: ORDER, datasetName: "PLAIN.XML" });
    const refusal = await refusalOf(client, "SIGNED.XML");
    await client.logoff();

    const there = await readFile(inboxFile(birch, alder, folder, "PLAIN.XML"), "utf8").catch(() => "");
    report.check(
      there === ORDER.replace(TEN, NINETY) && client.receipt(plain.file)?.kind === "EERP",
      `not signed: ${birch.name} has ${NINETY}, ${alder.name} has a receipt, and nobody notices`,
    );
    const signed = await readFile(inboxFile(birch, alder, folder, "SIGNED.XML")).catch(() => undefined);
    report.check(
      refusal?.reason === answerReasons.invalidSignature.code && signed === undefined,
      `signed: ${birch.name} does not take it, ${refusal === undefined ? "or does it?" : `${refusal.command} ${refusal.reason}, ${answerReasonText(refusal.reason)}`}`,
    );
  } finally {
    await somebody.close();
    await station.close();
  }
}

async function refusalOf(client: OftpClient, datasetName: string) {
  try {
    await client.send({ data: ORDER, datasetName, security: { sign: true } });
    return undefined;
  } catch (error) {
    if (error instanceof FileRefusedByPartner) return error.refusal;
    throw error;
  }
}

/** Somebody answers in the place of a company: with its code and its password, but without its key. */
export async function answerInItsPlace(
  alder: KnownCompany,
  birch: KnownCompany,
  folder: string,
  report: Report,
): Promise<void> {
  report.chapter(`5. Somebody with ${birch.name}'s password, but not its key, answers in its place`);
  const impostor = await withIdentity({ ...birch, name: "impostor" });
  const station = await startStation(impostor, { ...alder, authentication: "allowed" }, folder);
  try {
    const ended = await endOf(call(alder, birch, folder, portOf(station)));
    report.check(
      ended?.reason === endSessionReasons.invalidChallengeResponse.code,
      `there is no session: ${ended === undefined ? "or is there?" : `ESID ${ended.reason}, ${endSessionReasonText(ended.reason)}`}`,
    );
    // As with partners that cannot do secure authentication.
    const unproven: KnownCompany = { ...birch, authentication: "allowed" };
    let invalid: string | undefined;
    const client = await call(alder, unproven, folder, portOf(station), (made) => {
      made.on("endResponseInvalid", ({ error }) => {
        invalid = error.code;
      });
    });
    const security = { sign: true, signedReceipt: true };
    const { file } = await client.send({ data: ORDER, datasetName: "ORDER.XML", security });
    await client.logoff();
    const [state] = await client.sentStates([file]);
    report.check(
      invalid === "ERR_CMS_RECEIPT_SIGNER" && state === "waiting",
      `without secure authentication there is one, but no valid receipt: ${invalid ?? "or is there?"}`,
    );
  } finally {
    await station.close();
  }
}

async function endOf(calling: Promise<OftpClient>): Promise<SessionEndError | undefined> {
  try {
    await (await calling).close();
    return undefined;
  } catch (error) {
    if (error instanceof SessionEndError) return error;
    throw error;
  }
}
