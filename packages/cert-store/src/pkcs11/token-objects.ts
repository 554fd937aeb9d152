import type { Handle, Template } from "pkcs11js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import type { PublicKey } from "../key-types.js";
import {
  CKA_ALWAYS_AUTHENTICATE,
  CKA_CERTIFICATE_TYPE,
  CKA_CLASS,
  CKA_DECRYPT,
  CKA_DERIVE,
  CKA_ID,
  CKA_KEY_TYPE,
  CKA_LABEL,
  CKA_SIGN,
  CKA_VALUE,
  CKC_X_509,
  CKO_CERTIFICATE,
  CKO_PRIVATE_KEY,
  CKO_PUBLIC_KEY,
} from "./cryptoki-names.js";
import { publicKeyOfObject } from "./token-public-key.js";
import type { TokenSession } from "./token-session.js";

/** More of a kind than any token that people log in to has. */
const MAX_OBJECTS = 4096;

interface TokenObject {
  /** `CKA_ID`, hexadecimal: what the objects of one key have in common. Empty when it has none. */
  readonly id: string;
  readonly label: string;
}

export interface CertificateObject extends TokenObject {
  readonly certificate: Certificate;
}

export interface PublicKeyObject extends TokenObject {
  readonly publicKey: PublicKey;
}

export interface PrivateKeyObject extends TokenObject {
  readonly handle: Handle;
  readonly template: Template;
  readonly keyType: number | undefined;
  /** As far as the object shows it itself. */
  readonly publicKey: PublicKey | undefined;
  readonly problem: Error | undefined;
  readonly alwaysAuthenticate: boolean;
  readonly maySign: boolean;
  readonly mayDecrypt: boolean;
  readonly mayDerive: boolean;
}

/** What a token shows. */
export interface TokenObjects {
  readonly certificates: readonly CertificateObject[];
  readonly publicKeys: readonly PublicKeyObject[];
  readonly privateKeys: readonly PrivateKeyObject[];
  readonly problems: readonly Error[];
}

/**
 * Reads all objects; private keys only on demand: when another store of this process has logged in, the module shows them
 * to everybody. A certificate or a public key that cannot be read is a problem, and the others go on.
 */
export function readTokenObjects(
  session: TokenSession,
  token: string,
  withPrivateKeys: boolean,
): TokenObjects {
  const problems: Error[] = [];
  const read = <T>(template: Template, one: (object: Handle) => T): T[] =>
    session.find(template, MAX_OBJECTS).flatMap((object) => {
      try {
        return [one(object)];
      } catch (error) {
        problems.push(error as Error);
        return [];
      }
    });
  const certificates = read(
    [
      { type: CKA_CLASS, value: CKO_CERTIFICATE },
      { type: CKA_CERTIFICATE_TYPE, value: CKC_X_509 },
    ],
    (object): CertificateObject => {
      const common = commonOf(session, object);
      const value = session.attribute(object, CKA_VALUE) ?? Buffer.alloc(0);
      return { ...common, certificate: certificateFromDer(value, sourceOf(token, common)) };
    },
  );
  const privateKeys = withPrivateKeys
    ? read([{ type: CKA_CLASS, value: CKO_PRIVATE_KEY }], (object) => privateKeyOf(session, object, token))
    : [];
  const publicKeys = read([{ type: CKA_CLASS, value: CKO_PUBLIC_KEY }], (object) => {
    const common = commonOf(session, object);
    const publicKey = publicKeyOfObject(session, object, common.label, sourceOf(token, common));
    return publicKey === undefined ? undefined : { ...common, publicKey };
  });
  return { certificates, privateKeys, publicKeys: publicKeys.filter((key) => key !== undefined), problems };
}

/** Never throws for what is wrong with the key: a certificate may belong to it, and its entry says why it has no key. */
function privateKeyOf(session: TokenSession, handle: Handle, token: string): PrivateKeyObject {
  const common = commonOf(session, handle);
  const keyType = session.numberAttribute(handle, CKA_KEY_TYPE);
  let publicKey: PublicKey | undefined;
  let problem: Error | undefined;
  try {
    publicKey = publicKeyOfObject(session, handle, common.label, sourceOf(token, common));
  } catch (error) {
    problem = error as Error;
  }
  const template: Template = [
    { type: CKA_CLASS, value: CKO_PRIVATE_KEY },
    ...(keyType === undefined ? [] : [{ type: CKA_KEY_TYPE, value: keyType }]),
    ...(common.id === "" ? [] : [{ type: CKA_ID, value: Buffer.from(common.id, "hex") }]),
    ...(common.label === "" ? [] : [{ type: CKA_LABEL, value: common.label }]),
  ];
  return {
    ...common,
    handle,
    template,
    keyType,
    publicKey,
    problem,
    alwaysAuthenticate: session.flagAttribute(handle, CKA_ALWAYS_AUTHENTICATE) ?? false,
    maySign: session.flagAttribute(handle, CKA_SIGN) ?? true,
    mayDecrypt: session.flagAttribute(handle, CKA_DECRYPT) ?? true,
    mayDerive: session.flagAttribute(handle, CKA_DERIVE) ?? true,
  };
}

function commonOf(session: TokenSession, object: Handle): TokenObject {
  return {
    id: session.attribute(object, CKA_ID)?.toString("hex") ?? "",
    label: session.attribute(object, CKA_LABEL)?.toString("utf8") ?? "",
  };
}

/** Names the object for people, in messages. */
export function sourceOf(token: string, { label, id }: TokenObject): ErrorSource {
  const name = label === "" ? `the object with ID ${id}` : `"${label}"`;
  return errorSource(undefined, `${token}, ${name}`);
}
