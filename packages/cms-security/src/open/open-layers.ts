import { ByteReader } from "../ber/byte-reader.js";
import { pieces } from "../chunks.js";
import { openCompressed } from "./compressed-layer.js";
import { type FoundKind, peekKind, requireBeginning } from "./content-info.js";
import { openData } from "./data-layer.js";
import {
  describeAuthenticated,
  describeDigested,
  describeKeyless,
  describeOther,
} from "./described-layers.js";
import { openEncrypted } from "./encrypted-layer.js";
import type { OpenState } from "./open-state.js";
import { openSigned } from "./signed-layer.js";

const OPENERS: Readonly<Record<FoundKind, (reader: ByteReader, state: OpenState) => AsyncGenerator<Buffer>>> =
  {
    signed: openSigned,
    encrypted: openEncrypted,
    compressed: openCompressed,
    data: openData,
    // `OpenState` lets these through for a description only.
    digested: describeDigested,
    keyless: describeKeyless,
    authenticated: describeAuthenticated,
    other: describeOther,
  };

/**
 * The content of a message, all its layers opened. It ends without an error only when every layer was verified and nothing
 * follows the message: each layer reads the one around it to its end.
 */
export async function* openLayers(
  source: AsyncIterable<Uint8Array>,
  state: OpenState,
): AsyncGenerator<Buffer> {
  const inputs: AsyncGenerator<Buffer>[] = [];
  try {
    let input = counted(source, state);
    inputs.push(input);
    for (;;) {
      const reader = new ByteReader(input);
      if (state.depth === 0) await requireBeginning(reader);
      // The layer around it runs as far as its first octets, and then it is known whether there are layers in it.
      const kind = await peekKind(reader);
      if (state.opaque || state.innermost || !state.isLayer(kind)) {
        yield* reader.rest();
        return;
      }
      const depth = state.enter(kind);
      input = blamed(OPENERS[kind](reader, state), depth, state);
      inputs.push(input);
    }
  } catch (error) {
    throw state.outward(error);
  } finally {
    // The innermost first: whoever reads is to end before what it reads from.
    for (const input of inputs.reverse()) await input.return(undefined);
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, state: OpenState): AsyncGenerator<Buffer> {
  for await (const piece of pieces(source, state.options.signal)) {
    state.sealedBytes += piece.length;
    yield piece;
  }
}

async function* blamed(
  layer: AsyncGenerator<Buffer>,
  depth: number,
  state: OpenState,
): AsyncGenerator<Buffer> {
  try {
    yield* layer;
  } catch (error) {
    state.blame(error, depth);
    throw error;
  }
}
