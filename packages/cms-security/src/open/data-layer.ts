import type { ByteReader } from "../ber/byte-reader.js";
import { readOctets } from "../ber/octet-content.js";
import { enterContentInfo, requireOctetString } from "./content-info.js";
import type { OpenState } from "./open-state.js";

/** The content of plain Data (RFC 5652 section 4). */
export async function* openData(reader: ByteReader, state: OpenState): AsyncGenerator<Buffer> {
  const info = await enterContentInfo(reader);
  const header = requireOctetString(await reader.header());
  state.layers.push({ kind: "data" });
  yield* readOctets(reader, header, info.content);
  await info.end();
}
