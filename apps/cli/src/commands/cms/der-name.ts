/** The names of RFC 4514 section 3, and two that certificates often have. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  "550403": "CN",
  "550407": "L",
  "550408": "ST",
  "55040a": "O",
  "55040b": "OU",
  "550406": "C",
  "550405": "serialNumber",
  "0992268993f22c640119": "DC",
  "2a864886f70d010901": "emailAddress",
};

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;
const BMP_STRING = 0x1e;
const UTF8_STRING = 0x0c;

interface Element {
  readonly tag: number;
  readonly contents: Buffer;
}

/**
 * The text of a Name in DER (RFC 5280 section 4.1.2.4), the last attribute first; undefined when it is none. For messages that name a
 * certificate by its issuer and do not bring it along.
 */
export function nameOfDer(der: Buffer): string | undefined {
  const [name, ...others] = elements(der) ?? [];
  if (name?.tag !== SEQUENCE || others.length > 0) return undefined;
  const texts: string[] = [];
  for (const set of elements(name.contents) ?? [undefined]) {
    if (set?.tag !== SET) return undefined;
    const attributes = elements(set.contents)?.map(attributeText);
    if (attributes === undefined || attributes.includes(undefined)) return undefined;
    texts.push(attributes.join("+"));
  }
  return texts.reverse().join(",");
}

function attributeText({ tag, contents }: Element): string | undefined {
  const [type, value] = elements(contents) ?? [];
  if (tag !== SEQUENCE || type?.tag !== OBJECT_IDENTIFIER || value === undefined) return undefined;
  const id = type.contents.toString("hex");
  return `${ATTRIBUTE_NAMES[id] ?? `#${id}`}=${valueText(value).replace(/[\\,+"<>;]/g, "\\$&")}`;
}

function valueText({ tag, contents }: Element): string {
  if (tag === UTF8_STRING) return contents.toString("utf8");
  if (tag === BMP_STRING && contents.length % 2 === 0)
    return Buffer.from(contents).swap16().toString("utf16le");
  return contents.toString("latin1");
}

/** The elements beside each other in these octets; undefined when they are no DER. */
function elements(octets: Buffer): Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < octets.length; ) {
    const first = octets[at + 1] ?? 0x80;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + lengthBytes;
    // Names of 64 KiB and more are none.
    if ((first >= 0x80 && (lengthBytes < 1 || lengthBytes > 2)) || start > octets.length) return undefined;
    const length = lengthBytes === 0 ? first : octets.readUIntBE(at + 2, lengthBytes);
    const end = start + length;
    if (end > octets.length) return undefined;
    found.push({ tag: octets[at] ?? 0, contents: octets.subarray(start, end) });
    at = end;
  }
  return found;
}
