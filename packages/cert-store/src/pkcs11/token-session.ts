import { endianness } from "node:os";
import type { Handle, Mechanism, Template } from "pkcs11js";
import { returnValueOf } from "./cryptoki-errors.js";
import type { CryptokiModule } from "./cryptoki-module.js";
import { CKR } from "./cryptoki-names.js";

const FIND_BATCH = 64;

/** A `CK_ULONG` as it is in memory, of 4 or 8 bytes; undefined for anything else. */
export function readUlong(bytes: Buffer): number | undefined {
  if (bytes.length !== 4 && bytes.length !== 8) return undefined;
  // Nothing that is read here is above 2^48, the largest number that Node.js reads exactly.
  if (bytes.length === 4) return endianness() === "LE" ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0);
  return endianness() === "LE" ? bytes.readUIntLE(0, 6) : bytes.readUIntBE(2, 6);
}

/** One session, which does one thing at a time. Its errors are those of the binding. */
export class TokenSession {
  readonly handle: Handle;
  readonly #module: CryptokiModule;
  /**
   * What another thread works on. The binding takes the addresses of these bytes and keeps nothing alive itself.
   */
  readonly #inUse = new Set<unknown>();

  constructor(module: CryptokiModule, handle: Handle) {
    this.#module = module;
    this.handle = handle;
  }

  beginSign(mechanism: Mechanism, key: Handle): void {
    this.#module.functions.C_SignInit(this.handle, mechanism, key);
  }

  beginDecrypt(mechanism: Mechanism, key: Handle): void {
    this.#module.functions.C_DecryptInit(this.handle, mechanism, key);
  }

  /** What was begun, with a result of at most `maxBytes`. */
  async sign(data: Buffer, maxBytes: number): Promise<Buffer> {
    const { functions, threads } = this.#module;
    const result = Buffer.alloc(maxBytes);
    if (!threads) return functions.C_Sign(this.handle, data, result);
    return await this.#keeping([data, result], () => functions.C_SignAsync(this.handle, data, result));
  }

  async decrypt(data: Buffer, maxBytes: number): Promise<Buffer> {
    const { functions, threads } = this.#module;
    const result = Buffer.alloc(maxBytes);
    if (!threads) return functions.C_Decrypt(this.handle, data, result);
    return await this.#keeping([data, result], () => functions.C_DecryptAsync(this.handle, data, result));
  }

  /** A new object of this session. */
  async derive(mechanism: Mechanism, key: Handle, template: Template): Promise<Handle> {
    const { functions, threads } = this.#module;
    if (!threads) return functions.C_DeriveKey(this.handle, mechanism, key, template);
    return await this.#keeping([mechanism, template, key], () =>
      functions.C_DeriveKeyAsync(this.handle, mechanism, key, template),
    );
  }

  destroy(object: Handle): void {
    this.#module.functions.C_DestroyObject(this.handle, object);
  }

  /** The objects with these attributes, `limit` at most. */
  find(template: Template, limit: number): Handle[] {
    const { functions } = this.#module;
    const found: Handle[] = [];
    functions.C_FindObjectsInit(this.handle, template);
    try {
      while (found.length < limit) {
        const batch = functions.C_FindObjects(this.handle, Math.min(FIND_BATCH, limit - found.length));
        if (batch.length === 0) break;
        found.push(...batch);
      }
    } finally {
      functions.C_FindObjectsFinal(this.handle);
    }
    return found;
  }

  /** One attribute; undefined when the object has none or does not show it. */
  attribute(object: Handle, type: number): Buffer | undefined {
    try {
      const [result] = this.#module.functions.C_GetAttributeValue(this.handle, object, [{ type }]);
      return Buffer.isBuffer(result?.value) ? result.value : undefined;
    } catch (error) {
      const value = returnValueOf(error);
      if (value === CKR.attributeTypeInvalid || value === CKR.attributeSensitive) return undefined;
      throw error;
    }
  }

  /** An attribute that is a `CK_ULONG`. */
  numberAttribute(object: Handle, type: number): number | undefined {
    const bytes = this.attribute(object, type);
    return bytes === undefined ? undefined : readUlong(bytes);
  }

  flagAttribute(object: Handle, type: number): boolean | undefined {
    const bytes = this.attribute(object, type);
    return bytes === undefined || bytes.length === 0 ? undefined : bytes[0] !== 0;
  }

  close(): void {
    try {
      this.#module.functions.C_CloseSession(this.handle);
    } catch {
      // It is gone already.
    }
  }

  async #keeping<T>(values: readonly unknown[], work: () => Promise<T>): Promise<T> {
    this.#inUse.add(values);
    try {
      return await work();
    } finally {
      this.#inUse.delete(values);
    }
  }
}
