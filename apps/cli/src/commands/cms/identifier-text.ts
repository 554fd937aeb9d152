import type { Certificate } from "@waybill/cert-store";
import type { CertificateIdentifier } from "@waybill/cms-security";
import { nameOfDer } from "./der-name.js";

/** Whose certificate is meant: its subject when it is among `known`, else the name that the message gives it. */
export function identifierText(identifier: CertificateIdentifier, known: readonly Certificate[]): string {
  const { issuer, serialNumber, subjectKeyId } = identifier;
  if (issuer === undefined || serialNumber === undefined) {
    const id = hex(subjectKeyId);
    const certificate = known.find((one) => one.subjectKeyId?.replace(/[\s:]/g, "").toUpperCase() === id);
    return [...(certificate === undefined ? [] : [certificate.subject.text]), `key identifier ${id}`].join(
      ", ",
    );
  }
  const serial = serialText(serialNumber);
  const certificate = known.find(
    (one) => one.issuer.der.equals(issuer) && withoutZeros(one.serialNumber) === withoutZeros(serial),
  );
  const subject = certificate === undefined || certificate.selfIssued ? [] : [certificate.subject.text];
  return [
    ...subject,
    `serial ${serial} of ${nameOfDer(issuer) ?? "an issuer whose name cannot be read"}`,
  ].join(", ");
}

/** The octets of an INTEGER as certificates' serial numbers are shown. */
export function serialText(serialNumber: Buffer): string {
  return hex(serialNumber).replace(/^00(?=[89A-F])/, "");
}

export function hex(octets: Uint8Array | undefined): string {
  return Buffer.from(octets ?? [])
    .toString("hex")
    .toUpperCase();
}

const withoutZeros = (digits: string) => digits.replace(/^0+(?=.)/, "");
