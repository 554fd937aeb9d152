import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerInItsPlace, changeOnTheWay } from "./attacks.js";
import { makeIdentities } from "./identities.js";
import { plainExchange } from "./plain-exchange.js";
import { Report } from "./report.js";
import { securedExchange } from "./secured-exchange.js";

/**
 * Two stations on this machine exchange files, first as they are, then signed, compressed and encrypted; each step is shown.
 * Resolves to whether everything came about as it should.
 */
export async function runDemo(print: (line: string) => void): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-demo-"));
  const report = new Report(print);
  try {
    print("Two companies, each with an ODETTE-FTP station of its own: alder and birch.");
    await plainExchange(folder, report);
    const [alder, birch] = await makeIdentities(report);
    await securedExchange(alder, birch, folder, report);
    await changeOnTheWay(alder, birch, folder, report);
    await answerInItsPlace(alder, birch, folder, report);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  print("");
  print(report.good ? "Everything came about as it should." : "Something went wrong: see FAILED.");
  return report.good;
}
