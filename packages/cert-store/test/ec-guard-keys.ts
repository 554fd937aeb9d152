import { createCipheriv, createHash, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { encodeDer } from "../src/der.js";
import { formatPem } from "../src/pem.js";

/* Keys that end the process when node:crypto is asked about them, in every shape in which they can come, and sound ones. */

export const PASSPHRASE = "secret";

const oid = (hex: string) => encodeDer(6, Buffer.from(hex, "hex"));
const integer = (hex: string) => encodeDer(2, Buffer.from(hex, "hex"));
const bits = (bytes: Uint8Array) => encodeDer(3, Buffer.from([0]), bytes);
const P256 = oid("2a8648ce3d030107");
const EC = encodeDer(0x30, oid("2a8648ce3d0201"), P256);
const SIGNATURE = encodeDer(0x30, oid("2a8648ce3d040302"));
const NAME = encodeDer(
  0x30,
  encodeDer(0x31, encodeDer(0x30, oid("550403"), encodeDer(0x0c, Buffer.from("x")))),
);

export const jwk: JsonWebKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  format: "jwk",
});
const number = (name: "d" | "x" | "y") => Buffer.from(jwk[name] ?? "", "base64url");

export const INFINITY = Buffer.from([0]);
export const POINT = Buffer.concat([Buffer.from([4]), number("x"), number("y")]);
export const SCALAR = number("d");
export const PADDED_SCALAR = Buffer.concat([Buffer.alloc(8), SCALAR]);
export const LONG_SCALAR = Buffer.alloc(40, 7);

export const spki = (point: Uint8Array) => encodeDer(0x30, EC, bits(point));

/** DSA with a public number of one octet. */
export function dsaSpki(publicNumber: string): Buffer {
  const parameters = encodeDer(
    0x30,
    integer(`00${"c7".repeat(128)}`),
    integer(`00${"c7".repeat(20)}`),
    integer("02"),
  );
  return encodeDer(0x30, encodeDer(0x30, oid("2a8648ce380401"), parameters), bits(integer(publicNumber)));
}

export function sec1(scalar: Uint8Array, point: Uint8Array, curve = [encodeDer(0xa0, P256)]): Buffer {
  return encodeDer(0x30, integer("01"), encodeDer(4, scalar), ...curve, encodeDer(0xa1, bits(point)));
}

export function pkcs8(scalar: Uint8Array, point: Uint8Array): Buffer {
  return encodeDer(0x30, integer("00"), EC, encodeDer(4, sec1(scalar, point, [])));
}

/** EncryptedPrivateKeyInfo with PBES2, PBKDF2 of HMAC-SHA-1 and AES-128 (RFC 8018 appendix A). */
export function encryptedPkcs8(plain: Buffer, derive: (salt: Buffer, rounds: number) => Buffer): Buffer {
  const salt = Buffer.alloc(8, 1);
  const iv = Buffer.alloc(16, 3);
  const rounds = 2048;
  const cipher = createCipheriv("aes-128-cbc", derive(salt, rounds), iv);
  const kdf = encodeDer(
    0x30,
    oid("2a864886f70d01050c"),
    encodeDer(0x30, encodeDer(4, salt), integer(rounds.toString(16).padStart(4, "0"))),
  );
  const encryption = encodeDer(0x30, oid("608648016503040102"), encodeDer(4, iv));
  const scheme = encodeDer(0x30, oid("2a864886f70d01050d"), encodeDer(0x30, kdf, encryption));
  return encodeDer(0x30, scheme, encodeDer(4, Buffer.concat([cipher.update(plain), cipher.final()])));
}

/** As `openssl ec -aes128` writes it. */
export function traditionalPem(der: Buffer): string {
  const iv = Buffer.alloc(16, 3);
  const key = createHash("md5").update(PASSPHRASE).update(iv.subarray(0, 8)).digest();
  const cipher = createCipheriv("aes-128-cbc", key, iv);
  const body = Buffer.concat([cipher.update(der), cipher.final()]);
  const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,${iv.toString("hex").toUpperCase()}\n\n`;
  return formatPem("EC PRIVATE KEY", body).replace("-----\n", `-----\n${headers}`);
}

/** A certificate as far as it takes to be read; nobody signed it. */
export function certificate(key: Buffer): Buffer {
  const time = encodeDer(0x17, Buffer.from("300101000000Z"));
  const body = [integer("01"), SIGNATURE, NAME, encodeDer(0x30, time, time), NAME, key];
  return encodeDer(0x30, encodeDer(0x30, ...body), SIGNATURE, bits(Buffer.alloc(8)));
}

/** A certificate request, likewise. */
export function request(key: Buffer): Buffer {
  const body = encodeDer(0x30, integer("00"), NAME, key, encodeDer(0xa0));
  return encodeDer(0x30, body, SIGNATURE, bits(Buffer.alloc(8)));
}
