import { createHmac, pbkdf2Sync } from "node:crypto";
import { DER_TAG, derParts, encodeDer, readDer } from "../src/der.js";
import { errorSource } from "../src/error-source.js";
import { int, octets, oid } from "./java-store-writer.js";

/*
 * What the installed tools cannot write: PBMAC1, which openssl has from version 3.4 on, BER with indefinite lengths, and
 * bags in bags. Each takes a file of openssl's apart and puts it together anew, so that only the outer part is of this
 * test's making.
 */

const source = errorSource(undefined);
const SEQUENCE = DER_TAG.sequence;
const END_OF_CONTENTS = Buffer.from([0, 0]);

const HMAC = {
  sha1: "1.2.840.113549.2.7",
  sha256: "1.2.840.113549.2.9",
  sha512: "1.2.840.113549.2.11",
} as const;
const PBMAC1 = "1.2.840.113549.1.5.14";
const PBKDF2 = "1.2.840.113549.1.5.12";
const DATA = "1.2.840.113549.1.7.1";
const SAFE_CONTENTS_BAG = "1.2.840.113549.1.12.10.1.6";

/** The bytes that the MAC of a file covers. */
export function macContent(file: Buffer): Buffer {
  const [, authSafe] = derParts(readDer(file, source), source);
  return readDer(derParts(authSafe!, source)[1]!.contents, source).contents;
}

/** The same file without its MAC, or with another one. */
function withMacData(file: Buffer, ...macData: readonly Buffer[]): Buffer {
  const [version, authSafe] = derParts(readDer(file, source), source);
  return encodeDer(SEQUENCE, version!.raw, authSafe!.raw, ...macData);
}

/** The same file around other contents, without a MAC. */
export function withContent(file: Buffer, content: Buffer): Buffer {
  const [version] = derParts(readDer(file, source), source);
  const authSafe = encodeDer(SEQUENCE, oid(DATA), encodeDer(DER_TAG.context0, octets(content)));
  return encodeDer(SEQUENCE, version!.raw, authSafe);
}

/** The same file with a MAC of RFC 9579. No more than 10,000 iterations are calculated, whatever it says. */
export function withPbmac1(
  file: Buffer,
  password: string,
  hash: keyof typeof HMAC,
  iterations = 2048,
): Buffer {
  const salt = Buffer.from("0102030405060708", "hex");
  const keyBytes = 32;
  const key = pbkdf2Sync(password, salt, Math.min(iterations, 10_000), keyBytes, hash);
  const mac = createHmac(hash, key).update(macContent(file)).digest();
  const prf = encodeDer(SEQUENCE, oid(HMAC[hash]), Buffer.from("0500", "hex"));
  const kdf = encodeDer(
    SEQUENCE,
    oid(PBKDF2),
    encodeDer(SEQUENCE, octets(salt), int(iterations), int(keyBytes), prf),
  );
  const algorithm = encodeDer(SEQUENCE, oid(PBMAC1), encodeDer(SEQUENCE, kdf, prf));
  // Salt and iterations beside it have no meaning (RFC 9579 section 5).
  const macData = encodeDer(
    SEQUENCE,
    encodeDer(SEQUENCE, algorithm, octets(mac)),
    octets(Buffer.from("unused")),
    int(1),
  );
  return withMacData(file, macData);
}

/** The same file with indefinite lengths and its contents in pieces. */
export function asIndefinite(file: Buffer): Buffer {
  const parts = derParts(readDer(file, source), source);
  const [type] = derParts(parts[1]!, source);
  const content = macContent(file);
  const pieces: Buffer[] = [];
  for (let start = 0; start < content.length; start += 100)
    pieces.push(octets(content.subarray(start, start + 100)));
  const indefinite = (tag: number, ...inside: readonly Buffer[]) =>
    Buffer.concat([Buffer.from([tag, 0x80]), ...inside, END_OF_CONTENTS]);
  const authSafe = indefinite(SEQUENCE, type!.raw, indefinite(DER_TAG.context0, indefinite(0x24, ...pieces)));
  return indefinite(SEQUENCE, parts[0]!.raw, authSafe, ...parts.slice(2).map((part) => part.raw));
}

/** A file without a MAC, of one bag with the bags of another file, `depth` times over; their parts are in the clear. */
export function asNested(file: Buffer, depth: number): Buffer {
  const [version] = derParts(readDer(file, source), source);
  const bags = derParts(readDer(macContent(file), source), source).map(
    (part) => readDer(readDer(derParts(part, source)[1]!.contents, source).contents, source).contents,
  );
  let safe = encodeDer(SEQUENCE, ...bags);
  for (let level = 0; level < depth; level += 1) {
    safe = encodeDer(
      SEQUENCE,
      encodeDer(SEQUENCE, oid(SAFE_CONTENTS_BAG), encodeDer(DER_TAG.context0, safe)),
    );
  }
  const wrap = (bytes: Buffer) => encodeDer(SEQUENCE, oid(DATA), encodeDer(DER_TAG.context0, octets(bytes)));
  return encodeDer(SEQUENCE, version!.raw, wrap(encodeDer(SEQUENCE, wrap(safe))));
}
