import type { ErrorSource } from "../error-source.js";
import type { JavaReader } from "./java-reader.js";

/*
 * Java's serialization (Java Object Serialization Specification, chapter 6), as far as it takes to find the end of a
 * javax.crypto.SealedObject in a JCEKS store: a secret key, which this package has no use for, but which stands before
 * other entries without a length. Objects, classes, arrays of bytes and texts; nothing is ever made of what is read.
 */

const STREAM_MAGIC = 0xaced;
const STREAM_VERSION = 5;
const TC = {
  null: 0x70,
  reference: 0x71,
  classDesc: 0x72,
  object: 0x73,
  string: 0x74,
  array: 0x75,
  endBlock: 0x78,
} as const;
const SC_SERIALIZABLE = 0x02;

/** A sealed object has 2 classes, with 4 fields of 4 types. */
const MAX_STEPS = 64;
const MAX_FIELDS = 16;

interface ClassDescription {
  readonly name: string;
  readonly fields: readonly string[];
  readonly parent: ClassDescription | undefined;
}

/** Moves the reader behind one serialized SealedObject. */
export function skipSealedObject(reader: JavaReader, source: ErrorSource): void {
  if (reader.short() !== STREAM_MAGIC || reader.short() !== STREAM_VERSION) {
    throw source.damaged("a secret key in the store is malformed");
  }
  new SealedObjectReader(reader, source).object();
}

class SealedObjectReader {
  readonly #reader: JavaReader;
  readonly #source: ErrorSource;
  /** What may be referred to again; only classes matter. */
  readonly #handles: (ClassDescription | undefined)[] = [];
  #steps = 0;

  constructor(reader: JavaReader, source: ErrorSource) {
    this.#reader = reader;
    this.#source = source;
  }

  /** One value that is no primitive. */
  object(): void {
    this.#step();
    const tag = this.#reader.byte();
    if (tag === TC.null) return;
    if (tag === TC.reference) {
      this.#reader.int();
    } else if (tag === TC.string) {
      this.#handles.push(undefined);
      this.#reader.text();
    } else if (tag === TC.array) {
      const description = this.#classDescription();
      this.#handles.push(undefined);
      if (description?.name !== "[B") throw this.#unknown();
      this.#reader.block();
    } else if (tag === TC.object) {
      const description = this.#classDescription();
      this.#handles.push(undefined);
      this.#fields(description);
    } else {
      throw this.#unknown();
    }
  }

  /** The values of a class and of those that it extends, the outermost first. */
  #fields(description: ClassDescription | undefined): void {
    if (description === undefined) return;
    this.#step();
    this.#fields(description.parent);
    for (const type of description.fields) {
      if (type !== "[" && type !== "L") throw this.#unknown();
      this.object();
    }
  }

  #classDescription(): ClassDescription | undefined {
    this.#step();
    const tag = this.#reader.byte();
    if (tag === TC.null) return undefined;
    if (tag === TC.reference) {
      const known = this.#handles[this.#reader.int() - 0x7e0000];
      if (known === undefined) throw this.#unknown();
      return known;
    }
    if (tag !== TC.classDesc) throw this.#unknown();
    const name = this.#reader.text();
    this.#reader.long();
    const handle = this.#handles.push(undefined) - 1;
    const flags = this.#reader.byte();
    const count = this.#reader.short();
    if (flags !== SC_SERIALIZABLE || count > MAX_FIELDS) throw this.#unknown();
    const fields = Array.from({ length: count }, () => this.#field());
    if (this.#reader.byte() !== TC.endBlock) throw this.#unknown();
    const description = { name, fields, parent: this.#classDescription() };
    this.#handles[handle] = description;
    return description;
  }

  /** The type of a field; its name, and the class of an object, are passed over. */
  #field(): string {
    const type = String.fromCharCode(this.#reader.byte());
    this.#reader.text();
    if (type === "[" || type === "L") this.object();
    return type;
  }

  #step(): void {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw this.#unknown();
  }

  #unknown(): Error {
    return this.#source.unsupported("a secret key in the store is not stored as keytool stores it");
  }
}
