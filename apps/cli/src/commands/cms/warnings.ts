import type { Certificate } from "@waybill/cert-store";
import { createLogger, type Logger } from "@waybill/net-core";
import { printable } from "../../printable.js";
import { stateText } from "../cert/entry-facts.js";

/** One line on the standard error; nothing is broken off. */
export function warn(text: string): void {
  process.stderr.write(`waybill: warning: ${printable(text)}\n`);
}

/** Shows warnings of the packages in the same way. */
export function warningLogger(): Logger {
  return createLogger("warn", ({ message, fields }) => {
    warn(typeof fields.subject === "string" ? `${message} (${fields.subject})` : message);
  });
}

/** Warns of certificates that are not valid now: they work, but whoever gets the file may refuse it. */
export function warnOfValidity(certificates: readonly Certificate[]): void {
  const now = new Date();
  for (const certificate of certificates) {
    if (certificate.notBefore <= now && now <= certificate.notAfter) continue;
    warn(`the certificate of ${certificate.subject.text}: ${stateText(certificate, now)}`);
  }
}
