import { decodeBase64 } from "./base64.js";
import type { ErrorSource } from "./error-source.js";

/** The Argon2 parameters of a version 3 file. */
export interface PpkDerivation {
  readonly variant: "Argon2id" | "Argon2i" | "Argon2d";
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
}

/** A PPK file as it is written (the PuTTY manual, appendix C.2). */
export interface PpkFile {
  readonly version: 2 | 3;
  readonly algorithm: string;
  readonly isEncrypted: boolean;
  /** The bytes of the comment, which the MAC covers. */
  readonly comment: Buffer;
  readonly publicBlob: Buffer;
  /** Present when the file is encrypted and of version 3. */
  readonly derivation: PpkDerivation | undefined;
  readonly privateData: Buffer;
  readonly mac: Buffer;
}

const FIRST_LINE = /^PuTTY-User-Key-File-(\d+): /;
const CIPHER = "aes256-cbc";

/** Whether `text` begins as a PPK file does. */
export function isPpk(text: string): boolean {
  return text.startsWith("PuTTY-User-Key-File-");
}

/** Reads the lines of a PPK file, which have a fixed order. Nothing in it is checked against anything else. */
export function readPpkFile(bytes: Buffer, source: ErrorSource): PpkFile {
  // Latin-1 keeps the bytes of the comment as they are.
  const lines = new PpkLines(bytes.toString("latin1"), source);
  const version = Number(FIRST_LINE.exec(lines.peek())?.[1]);
  if (version !== 2 && version !== 3) {
    throw source.unsupported("this version of the PPK format is not supported: it takes 2 and 3");
  }
  const algorithm = lines.value(`PuTTY-User-Key-File-${version}`);
  const encryption = lines.value("Encryption");
  if (encryption !== "none" && encryption !== CIPHER) {
    throw source.unsupported(`the encryption of the PPK file is not supported: it takes ${CIPHER}`);
  }
  const isEncrypted = encryption !== "none";
  const comment = Buffer.from(lines.value("Comment"), "latin1");
  const publicBlob = lines.base64("Public-Lines");
  const derivation = isEncrypted && version === 3 ? readDerivation(lines, source) : undefined;
  const privateData = lines.base64("Private-Lines");
  const mac = lines.hex("Private-MAC");
  lines.end();
  return { version, algorithm, isEncrypted, comment, publicBlob, derivation, privateData, mac };
}

function readDerivation(lines: PpkLines, source: ErrorSource): PpkDerivation {
  const variant = lines.value("Key-Derivation");
  if (variant !== "Argon2id" && variant !== "Argon2i" && variant !== "Argon2d") {
    throw source.unsupported("the key derivation of the PPK file is not supported: it takes Argon2");
  }
  return {
    variant,
    memoryKib: lines.number("Argon2-Memory"),
    passes: lines.number("Argon2-Passes"),
    parallelism: lines.number("Argon2-Parallelism"),
    salt: lines.hex("Argon2-Salt"),
  };
}

class PpkLines {
  readonly #lines: readonly string[];
  readonly #source: ErrorSource;
  #next = 0;

  constructor(text: string, source: ErrorSource) {
    this.#lines = text.split(/\r\n|\n|\r/);
    this.#source = source;
  }

  peek(): string {
    return this.#lines[this.#next] ?? "";
  }

  value(name: string): string {
    const line = this.peek();
    if (!line.startsWith(`${name}: `))
      throw this.#source.damaged(`the line "${name}" is missing from the PPK file`);
    this.#next += 1;
    return line.slice(name.length + 2);
  }

  /** A decimal number; longer ones than any limit give Infinity. */
  number(name: string): number {
    const text = this.value(name);
    if (!/^\d+$/.test(text)) throw this.#source.damaged(`the line "${name}" has no number`);
    return text.length > 10 ? Number.POSITIVE_INFINITY : Number(text);
  }

  hex(name: string): Buffer {
    const text = this.value(name);
    if (!/^([0-9a-f]{2})+$/i.test(text)) throw this.#source.damaged(`the line "${name}" is not hexadecimal`);
    return Buffer.from(text, "hex");
  }

  base64(name: string): Buffer {
    const count = this.number(name);
    if (count > this.#lines.length - this.#next) throw this.#source.damaged("the PPK file ends too early");
    const text = this.#lines.slice(this.#next, this.#next + count).join("");
    this.#next += count;
    const bytes = decodeBase64(text);
    if (bytes === undefined || bytes.length === 0)
      throw this.#source.damaged(`the text under "${name}" is damaged`);
    return bytes;
  }

  end(): void {
    if (this.#lines.slice(this.#next).some((line) => line.trim() !== "")) {
      throw this.#source.damaged("something follows the end of the PPK file");
    }
  }
}
