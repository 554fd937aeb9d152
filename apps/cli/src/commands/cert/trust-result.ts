import {
  type Certificate,
  describeCertificate,
  type TrustFailure,
  type TrustResult,
} from "@waybill/cert-store";
import { jsonText } from "../../printable.js";
import { type Fact, factLines, textLines, widthOf } from "../../text-table.js";
import { stateText, timeText } from "./entry-facts.js";

/** What was found, for a person. */
export function resultText(result: TrustResult, warnings: readonly TrustFailure[], at: Date): string {
  const width = widthOf(process.stdout);
  const { path, failures } = result;
  const reason = ({ step, code, depth, message }: TrustFailure): Fact => [
    step,
    [message, `${code}, certificate ${depth}`],
  ];
  const link = (certificate: Certificate, depth: number): Fact => [
    String(depth),
    [certificate.subject.text, `until ${timeText(certificate.notAfter)} (${stateText(certificate, at)})`],
  ];
  const sections: [string, Fact[]][] = [
    ["failed", failures.map(reason)],
    ["warnings", warnings.map(reason)],
    ["chain", path.map(link)],
  ];
  const lines = [
    ...textLines(`${result.trusted ? "trusted" : "NOT TRUSTED"}: ${path[0]?.subject.text ?? ""}`, width),
    ...sections
      .filter(([, facts]) => facts.length > 0)
      .flatMap(([title, facts]) => ["", title, ...factLines(facts, width, "  ")]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The same for machines. */
export function resultJson(result: TrustResult, warnings: readonly TrustFailure[]): string {
  const plain = ({ step, code, certificate, depth, message, revocation }: TrustFailure) => ({
    step,
    code,
    depth,
    subject: certificate.subject.text,
    sha256: certificate.thumbprint("sha256"),
    message,
    ...(revocation !== undefined && { revocation }),
  });
  return jsonText({
    trusted: result.trusted,
    failures: result.failures.map(plain),
    warnings: warnings.map(plain),
    path: result.path.map(describeCertificate),
  });
}
