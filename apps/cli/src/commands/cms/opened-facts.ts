import type { LayerReport, OpenResult, SignerReport } from "@waybill/cms-security";
import type { Fact } from "../../text-table.js";
import { timeText } from "../cert/entry-facts.js";
import { identifierText } from "./identifier-text.js";
import type { OpenCircumstances } from "./open-failure.js";
import { warn } from "./warnings.js";

/** What was found while a file was opened, from the outside to the inside. */
export function openedFacts({ layers }: OpenResult, { signers }: OpenCircumstances): Fact[] {
  return layers.flatMap((layer) => layerFacts(layer, signers === "any"));
}

function layerFacts(layer: LayerReport, isAnySigner: boolean): Fact[] {
  switch (layer.kind) {
    case "encrypted":
      return [["encrypted for", `${layer.recipient?.subject.text ?? "us"} (${layer.cipher})`]];
    case "compressed":
      return [["compressed", "zlib"]];
    case "signed":
      return layer.signers
        .filter(({ status }) => status === "verified")
        .map((signer) => ["signed by", signerText(signer, isAnySigner)]);
    case "data":
      return [];
  }
}

function signerText(
  { certificate, hash, signature, signingTime }: SignerReport,
  isAnySigner: boolean,
): string[] {
  const time = signingTime === undefined ? [] : [`on ${timeText(signingTime)}, as the signer says`];
  const thumbprint = isAnySigner
    ? [`certificate in the file, SHA-256 ${certificate?.thumbprint("sha256")}`]
    : [];
  return [`${certificate?.subject.text} (${signature}, ${hash})`, ...time, ...thumbprint];
}

/** Says what a file that was opened does not prove. */
export function warnOfOpened({ layers }: OpenResult, { signers }: OpenCircumstances): void {
  if (signers === "none") warn("the file is not signed: nobody vouches for what is in it");
  if (signers === "any") warn("who signed is told by the file itself: nobody vouches for it");
  for (const layer of layers) {
    for (const { status, identifier } of layer.kind === "signed" ? layer.signers : []) {
      if (status === "verified") continue;
      const text = status === "failed" ? "does not hold" : "was not checked: its certificate was not named";
      warn(`another signature, by ${identifierText(identifier, [])}, ${text}`);
    }
  }
}
