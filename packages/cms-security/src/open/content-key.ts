import { createPublicKey, randomBytes } from "node:crypto";
import type { Certificate } from "@waybill/cert-store";
import { errorCode } from "@waybill/net-core";
import { TAG } from "../ber/ber-header.js";
import { BerParts, parseBer } from "../ber/ber-value.js";
import { derBitString, derSequence } from "../ber/der-writer.js";
import { type Identity, names } from "../certificate-identity.js";
import { cmsError, damaged, decryptError } from "../cms-error.js";
import { keyEncryptionOf, unwrapKey } from "../key-agreement.js";
import { keyTransportOf } from "../key-transport.js";
import { decryptMixedOaep } from "../mixed-oaep.js";
import type { AgreementRecipient, Recipient, TransportRecipient } from "./recipient-infos.js";

/** A content's key and whose it was. */
export interface ContentKey {
  readonly key: Uint8Array;
  readonly certificate: Certificate;
}

interface Match {
  readonly recipient: TransportRecipient | AgreementRecipient;
  readonly identity: Identity;
}

/**
 * Finds the content's key with one of ours. Which one is said by the names in the message, not tried out.
 *
 * Errors: `ERR_CMS_RECIPIENT` when none is named, `ERR_CMS_DECRYPT`, `ERR_CMS_ALGORITHM`, and what a token throws.
 */
export async function findContentKey(
  recipients: readonly Recipient[],
  keys: readonly Identity[],
  keyBytes: number,
): Promise<ContentKey> {
  const matches = matching(recipients, keys);
  if (matches.length === 0) {
    throw cmsError(
      "ERR_CMS_RECIPIENT",
      "the message was encrypted for others: none of our certificates is named in it",
      {
        details: { recipients: recipients.length, keys: keys.length },
      },
    );
  }
  let failure: unknown;
  for (const match of matches) {
    try {
      return { key: await contentKeyOf(match, keyBytes), certificate: match.identity.certificate };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

export function matching(recipients: readonly Recipient[], keys: readonly Identity[]): Match[] {
  return recipients.flatMap((recipient) => {
    if (recipient.kind === "unsupported") return [];
    const identity = keys.find(({ certificate }) => names(recipient.identifier, certificate));
    return identity === undefined ? [] : [{ recipient, identity }];
  });
}

async function contentKeyOf({ recipient, identity }: Match, keyBytes: number): Promise<Uint8Array> {
  return recipient.kind === "transport"
    ? await transported(recipient, identity, keyBytes)
    : await agreed(recipient, identity, keyBytes);
}

async function transported(
  recipient: TransportRecipient,
  { key }: Identity,
  keyBytes: number,
): Promise<Uint8Array> {
  const scheme = keyTransportOf(recipient.algorithm);
  try {
    const secret =
      scheme.padding === "oaep-mixed"
        ? decryptMixedOaep(key, recipient.encryptedKey, scheme)
        : await key.decrypt(recipient.encryptedKey, scheme);
    if (secret.length === keyBytes) return secret;
  } catch (error) {
    if (!isDecryptFailure(error)) throw error;
    if (scheme.padding !== "pkcs1") throw decryptError();
  }
  if (scheme.padding !== "pkcs1") throw decryptError();
  // Whether the padding was right must not be seen (RFC 3218 section 2.3.2): it goes on with a key that opens nothing.
  return randomBytes(keyBytes);
}

async function agreed(
  recipient: AgreementRecipient,
  identity: Identity,
  keyBytes: number,
): Promise<Uint8Array> {
  const { algorithm, wrap, wrapIdentifier, originatorPoint, userKeyingMaterial, encryptedKey } = recipient;
  if (wrap === undefined || wrapIdentifier === undefined || originatorPoint === undefined) {
    throw cmsError(
      "ERR_CMS_ALGORITHM",
      "the key agreement is of a kind that is not supported: it takes an ephemeral EC key",
    );
  }
  requirePointForm(originatorPoint);
  const how = keyEncryptionOf(algorithm.oid, wrap, wrapIdentifier);
  const ours = new BerParts(parseBer(identity.certificate.publicKeyDer), TAG.sequence, "a public key");
  const spki = derSequence(ours.next().raw, derBitString(originatorPoint));
  const originator = orDecryptError(() => createPublicKey({ key: spki, format: "der", type: "spki" }));
  const secret = await identity.key.deriveSecret(originator).catch((error: unknown) => {
    throw isDecryptFailure(error) ? decryptError() : error;
  });
  const key = orDecryptError(() => unwrapKey(how, secret, userKeyingMaterial, encryptedKey));
  if (key.length !== keyBytes) throw decryptError();
  return key;
}

/** The first octet of a point (SEC 1 section 2.3.3): compressed with an even or odd y, uncompressed. */
const POINT_FORMS = [0x02, 0x03, 0x04];

/**
 * Hybrid points, which OpenSSL would take, must not be used (RFC 5480 section 2.2); the point at infinity is no key. That
 * the point is on the curve is checked where it becomes a key, and again by cert-store.
 */
function requirePointForm(point: Buffer): void {
  if (POINT_FORMS.includes(point[0] as number)) return;
  throw damaged("the originator's key is a point in a form that must not be used");
}

/** Whatever OpenSSL has to say about points and wrapped keys is one and the same. */
function orDecryptError<T>(compute: () => T): T {
  try {
    return compute();
  } catch {
    throw decryptError();
  }
}

/** A key that could not decrypt, as opposed to a token that is gone. */
function isDecryptFailure(error: unknown): boolean {
  return /^ERR_KEY_DECRYPT$/.test(errorCode(error) ?? "");
}
