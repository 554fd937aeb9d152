import { setImmediate } from "node:timers/promises";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import { DER_TAG, derObjectIdentifier } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { berParts, readBer } from "./ber.js";
import type { StoreBuilder } from "./store-builder.js";
import { ENTRIES_PER_TURN } from "./store-limits.js";

const SIGNED_DATA = "1.2.840.113549.1.7.2";

/**
 * The certificates of PKCS#7 (CMS SignedData, RFC 5652 section 5.1), DER or BER. Contents and signatures, if there are
 * any, are not looked at. It is taken apart here and not by pkijs, which makes objects of every value in it; the
 * certificates are read as everywhere.
 */
export async function readPkcs7Store(
  bytes: Buffer,
  builder: StoreBuilder,
  source: ErrorSource,
): Promise<void> {
  const [type, content] = berParts(readBer(bytes, source), source);
  if (derObjectIdentifier(type, source) !== SIGNED_DATA)
    throw source.unsupported("it is no PKCS#7 with certificates");
  const fields = berParts(berParts(content, source, DER_TAG.context0)[0], source);
  const certificates = fields.find((field) => field.tag === DER_TAG.context0);
  const list = certificates === undefined ? [] : berParts(certificates, source, DER_TAG.context0);
  if (list.length === 0) throw source.unsupported("the PKCS#7 holds no certificates");
  for (const [index, choice] of list.entries()) {
    if (index % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await setImmediate();
    // The other choices are attribute certificates and those of PKCS#6, which nobody issues.
    if (choice.tag === DER_TAG.sequence) builder.add({ certificate: certificateFromDer(choice.raw, source) });
    else builder.addProblem(source.unsupported("an attribute certificate was left out"));
  }
}
