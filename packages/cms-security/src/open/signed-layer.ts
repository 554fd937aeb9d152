import { createHash } from "node:crypto";
import { algorithmOf } from "../algorithm-identifier.js";
import { context, TAG } from "../ber/ber-header.js";
import type { BerValue } from "../ber/ber-value.js";
import type { ByteReader, OpenValue } from "../ber/byte-reader.js";
import { derOid } from "../ber/der-writer.js";
import { damaged, limitError } from "../cms-error.js";
import { type HashAlgorithm, hashWithOid } from "../hashes.js";
import { ATTRIBUTE } from "../object-identifiers.js";
import { checkSigners } from "./check-signers.js";
import { enterContentInfo, smallValue } from "./content-info.js";
import { enterEncapsulated } from "./encapsulated-content.js";
import type { SignedLayer } from "./layer-report.js";
import type { OpenState } from "./open-state.js";
import { readSignerInfos } from "./signer-infos.js";
import { requireVersion } from "./versions.js";

/**
 * The content of SignedData (RFC 5652 section 5). It comes out before the signatures were seen: they are behind it. The
 * generator ends only when they hold.
 */
export async function* openSigned(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const { limits, options } = state;
  const info = await enterContentInfo(reader);
  const message = await reader.enter(TAG.sequence, "signed data", info.content);
  requireVersion(await smallValue(reader, message, "a version"), "signed data");
  const hashes = announcedHashes(await smallValue(reader, message, "hash algorithms"), limits.hashes);
  const isChecked = options.verifySignatures !== false && !state.describing;
  const running = hashes
    .filter(({ name }) => isChecked && (name !== "sha1" || options.allowWeak === true))
    .map((hash) => ({ hash, state: createHash(hash.name) }));
  const encapsulated = await enterEncapsulated(reader, message, state);
  const { contentType, detached } = encapsulated;
  const around = { kind: "signed", contentType, detached } as const;
  const layer: SignedLayer = { ...around, signers: [], certificates: [], revocationLists: 0 };
  const beginning = new Beginning();
  const index = state.layers.push(layer) - 1;
  for await (const piece of encapsulated.octets()) {
    for (const hash of running) hash.state.update(piece);
    beginning.add(piece);
    yield piece;
  }
  await encapsulated.end();
  const { certificates, revocationLists } = await certificatesOf(reader, message, limits.certificateBytes);
  const signers = readSignerInfos(
    await reader.value(message, limits.signerBytes, "signerBytes", "signers"),
    limits,
  );
  await reader.leave(message);
  await info.end();
  const digests = new Map(running.map(({ hash, state: digest }) => [hash, digest.digest()]));
  const content = { digests, certificates, looksLikeAttributes: beginning.looksLikeAttributes };
  state.layers[index] = {
    ...layer,
    certificates,
    revocationLists,
    signers: await checkSigners(signers, content, state),
  };
}

function announcedHashes(value: BerValue, most: number): HashAlgorithm[] {
  if (value.tag !== TAG.set) throw damaged("something else is where the hash algorithms belong");
  const known = value.parts.map((part) => hashWithOid(algorithmOf(part).oid));
  const hashes = [...new Set(known.filter((hash) => hash !== undefined))];
  if (hashes.length > most) throw limitError("hashes", most, `${hashes.length} hash algorithms`);
  return hashes;
}

/** Certificates and revocation lists (RFC 5652 section 10.2): the certificates in DER, other kinds left out; how many lists. */
async function certificatesOf(
  reader: ByteReader,
  message: OpenValue,
  most: number,
): Promise<Pick<SignedLayer, "certificates" | "revocationLists">> {
  const certificates: Buffer[] = [];
  if ((await reader.nextTag(message)) === context(0)) {
    const { parts } = await reader.value(message, most, "certificateBytes", "certificates");
    certificates.push(...parts.filter(({ tag }) => tag === TAG.sequence).map(({ raw }) => Buffer.from(raw)));
  }
  if ((await reader.nextTag(message)) === context(1)) {
    const { parts } = await reader.value(message, most, "certificateBytes", "revocation lists");
    return { certificates, revocationLists: parts.length };
  }
  return { certificates, revocationLists: 0 };
}

const MESSAGE_DIGEST = derOid(ATTRIBUTE.messageDigest);
/** Signed attributes are a few hundred bytes; the one that they cannot be without is among the first. */
const BEGINNING_BYTES = 4096;

/** What the content begins with. */
class Beginning {
  #bytes = Buffer.alloc(0);

  add(piece: Buffer): void {
    const room = BEGINNING_BYTES - this.#bytes.length;
    if (room > 0) this.#bytes = Buffer.concat([this.#bytes, piece.subarray(0, room)]);
  }

  /** A set with a message digest. */
  get looksLikeAttributes(): boolean {
    return this.#bytes[0] === TAG.set && this.#bytes.includes(MESSAGE_DIGEST);
  }
}
