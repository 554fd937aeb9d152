import fc from "fast-check";

/** How many changed inputs of each format are tried; more with `WAYBILL_MUTATIONS`. */
export const MUTATIONS = mutations(1000);

/** `usual` changed inputs, or as many as `WAYBILL_MUTATIONS` says. */
export function mutations(usual: number): number {
  return Number(process.env.WAYBILL_MUTATIONS ?? usual);
}

export interface Edit {
  readonly kind: "set" | "flip" | "delete" | "insert" | "repeat" | "cut";
  /** Where, as a part of the length. */
  readonly place: number;
  readonly byte: number;
}

export const edits = fc.array(
  fc.record<Edit>({
    kind: fc.constantFrom("set", "set", "flip", "flip", "flip", "delete", "insert", "repeat", "cut"),
    place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x30, 0x7f, 0x80, 0x84, 0xff), fc.integer({ min: 0, max: 255 })),
  }),
  { minLength: 1, maxLength: 3 },
);

/** The same bytes with some changes. */
export function mutate(original: Buffer, changes: readonly Edit[]): Buffer {
  let bytes = Buffer.from(original);
  for (const { kind, place, byte } of changes) {
    const at = Math.floor(place * bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (kind === "set") bytes[at] = byte;
    else if (kind === "flip") bytes[at] = (bytes[at] ?? 0) ^ (1 << (byte & 7));
    else if (kind === "delete") bytes = Buffer.concat([before, after.subarray(1 + (byte & 15))]);
    else if (kind === "insert") bytes = Buffer.concat([before, Buffer.from([byte]), after]);
    else if (kind === "repeat") bytes = Buffer.concat([before, after.subarray(0, byte), after]);
    else bytes = Buffer.from(before);
  }
  return bytes;
}

/** The same PEM text with the bytes of its blocks changed, not their letters. */
export function mutatePem(pem: Buffer, changes: readonly Edit[]): Buffer {
  const text = pem
    .toString("latin1")
    .replace(/(-----BEGIN [A-Z ]+-----\n)([^-:]+)(?=-----END)/g, (_, begin, body) => {
      const bytes = mutate(Buffer.from(String(body), "base64"), changes);
      return `${begin}${bytes.toString("base64")}\n`;
    });
  return Buffer.from(text, "latin1");
}
