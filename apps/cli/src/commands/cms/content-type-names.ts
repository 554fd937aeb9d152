const ID_DATA = "1.2.840.113549.1.7.1";

/** Content types that files of partners, authorities and code signers have (RFC 5652, RFC 3161, RFC 5035, RFC 6268). */
const NAMES: Readonly<Record<string, string>> = {
  [ID_DATA]: "data",
  "1.2.840.113549.1.7.2": "signed data",
  "1.2.840.113549.1.7.3": "enveloped data",
  "1.2.840.113549.1.7.4": "signed and enveloped data of PKCS #7",
  "1.2.840.113549.1.7.5": "digested data",
  "1.2.840.113549.1.7.6": "encrypted data",
  "1.2.840.113549.1.9.16.1.1": "receipt of S/MIME",
  "1.2.840.113549.1.9.16.1.2": "authenticated data",
  "1.2.840.113549.1.9.16.1.4": "time stamp",
  "1.2.840.113549.1.9.16.1.9": "compressed data",
  "1.2.840.113549.1.9.16.1.23": "authenticated enveloped data",
  "1.3.6.1.4.1.311.2.1.4": "code signature of Windows",
  "1.3.6.1.4.1.311.10.1": "certificate trust list of Windows",
};

export const isData = (oid: string): boolean => oid === ID_DATA;

/** A content type for a person: its name and its OID, or the OID alone. */
export function contentTypeText(oid: string): string {
  const name = NAMES[oid];
  return name === undefined ? `content of type ${oid}` : `${name} (${oid})`;
}
