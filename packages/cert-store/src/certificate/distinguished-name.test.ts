import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeDer } from "../der.js";
import { errorSource } from "../error-source.js";
import { derOid, derSequence, derSetOf } from "../making/der-writer.js";
import { encodeName } from "../making/name-encoder.js";
import { asn1Value } from "./asn1-values.js";
import { attributeValues, readName, sameName } from "./distinguished-name.js";
import { parseNameText } from "./name-text.js";

const source = errorSource(undefined, "name");
const read = (der: Buffer) => readName(asn1Value(der, source), source);
const textOf = (subject: Parameters<typeof encodeName>[0]) => read(encodeName(subject)).text;
const attribute = (oid: string, value: Buffer) => derSequence(derOid(oid), value);
const one = (oid: string, tag: number, contents: Buffer) =>
  read(derSequence(derSetOf(attribute(oid, encodeDer(tag, contents)))));

describe("names of RFC 4514", () => {
  test.each([
    ["UID=jsmith,DC=example,DC=net"],
    ["OU=Sales+CN=J.  Smith,DC=example,DC=net"],
    ['CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net'],
    ["CN=Before\\0dAfter,DC=example,DC=net"],
    ["1.3.6.1.4.1.1466.0=#04024869"],
    ["CN=Lučić"],
    ["CN=\\ two spaces \\ ,O=\\#hash\\+\\;\\<\\>\\\\"],
    ["CN=\\ "],
    ["CN=\\#"],
  ])("%s is read and written", (text) => {
    expect(textOf(text)).toBe(text);
  });

  test("other programs' writing is read", () => {
    expect(textOf("CN=www.server.com, OU=test, C=US, E=support@example.com")).toBe(
      "CN=www.server.com,OU=test,C=US,emailAddress=support@example.com",
    );
    expect(textOf("cn = a ; oid.2.5.4.10 = b")).toBe("CN=a,O=b");
    expect(textOf("CN=Lu\\C4\\8Di\\C4\\87")).toBe("CN=Lučić");
  });

  test("attributes are in the order of the certificate, the text is not", () => {
    const name = read(
      encodeName([
        { type: "C", value: "DE" },
        { type: "serialNumber", value: "O0013" },
        { type: "CN", value: "h" },
      ]),
    );
    expect(name.attributes.map(({ type, value }) => `${type}=${value}`)).toEqual([
      "C=DE",
      "serialNumber=O0013",
      "CN=h",
    ]);
    expect(name.attributes[1]?.oid).toBe("2.5.4.5");
    expect(name.text).toBe("CN=h,serialNumber=O0013,C=DE");
    expect(attributeValues(name, "CN")).toEqual(["h"]);
    expect(attributeValues(name, "2.5.4.6")).toEqual(["DE"]);
    expect(read(derSequence())).toMatchObject({ text: "", attributes: [] });
  });

  test("every string type is read", () => {
    expect(one("2.5.4.3", 0x1e, Buffer.from("L\0u\0\x0d\x01", "latin1").swap16()).text).toBe("CN=Luč");
    expect(one("2.5.4.3", 0x1c, hex32("Lu\u{1f600}")).text).toBe("CN=Lu\u{1f600}");
    expect(one("2.5.4.3", 0x14, Buffer.from("Größe", "latin1")).text).toBe("CN=Größe");
    expect(one("2.5.4.3", 0x0c, Buffer.from("Größe")).text).toBe("CN=Größe");
    expect(one("2.5.4.3", 0x16, Buffer.from("a")).attributes[0]?.value).toBe("a");
  });

  test("what is no text is written as its DER", () => {
    expect(one("2.5.4.3", 0x0c, Buffer.from([0xff])).text).toBe("CN=#0c01ff");
    expect(one("2.5.4.3", 0x1e, Buffer.from([0xd8, 0x00])).text).toBe("CN=#1e02d800");
    expect(one("2.5.4.3", 0x02, Buffer.from([5])).attributes[0]?.value).toBe("#020105");
    expect(one("2.999.3", 0x0c, Buffer.from("x")).text).toBe("2.999.3=#0c0178");
    expect(one("2.999.3", 0x0c, Buffer.from("x")).attributes[0]?.value).toBe("x");
  });

  test("a name cannot change what a terminal shows around it", () => {
    expect(one("2.5.4.3", 0x0c, Buffer.from("a\x1b[2J\u202eb\nc")).text).toBe(
      "CN=a\\1b[2J\\e2\\80\\aeb\\0ac",
    );
  });

  test("whatever the text, it is read back", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((text) => !/\p{Surrogate}/u.test(text) && [...text].length <= 64);
    fc.assert(
      fc.property(
        fc.array(fc.record({ type: fc.constantFrom("CN", "O", "OU", "L", "description"), value }), {
          minLength: 1,
          maxLength: 5,
        }),
        (attributes) => {
          const name = read(encodeName(attributes));
          expect(name.attributes.map((part) => ({ type: part.type, value: part.value }))).toEqual(attributes);
          expect(read(encodeName(name.text)).der).toEqual(name.der);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("any text is a name or an error of options", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        try {
          parseNameText(text, source);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_CERT_OPTIONS" });
        }
      }),
    );
  });

  test.each([
    "CN",
    "=x",
    "XX=y",
    "CN=a,",
    'CN="a"',
    "CN=a\\",
    "C=Germany",
    "CN=",
    `CN=${"x".repeat(65)}`,
    "emailAddress=ü@x",
  ])("%s cannot be written", (text) => {
    expect(() => encodeName(text)).toThrow(expect.objectContaining({ code: "ERR_CERT_OPTIONS" }));
  });

  test("names are the same whatever their string types, case and spaces", () => {
    const utf8 = one("2.5.4.3", 0x0c, Buffer.from("My  Company"));
    expect(sameName(utf8, one("2.5.4.3", 0x13, Buffer.from("my company")))).toBe(true);
    expect(sameName(utf8, one("2.5.4.3", 0x13, Buffer.from("mycompany")))).toBe(false);
    expect(sameName(utf8, one("2.5.4.10", 0x0c, Buffer.from("My  Company")))).toBe(false);
  });
});

function hex32(text: string): Buffer {
  return Buffer.concat(
    [...text].map((character) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(character.codePointAt(0) ?? 0);
      return bytes;
    }),
  );
}
