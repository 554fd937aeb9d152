import { randomFillSync } from "node:crypto";

// Each packet ends in random padding (RFC 4253 section 6). The engine (ssh2 1.17) asks the system's generator for it
// packet by packet, which takes longer than encrypting a small packet. Here many paddings are drawn at once.

const POOL_BYTES = 8192;
/** RFC 4253 section 6. */
const MIN_PADDING = 4;
/** Length of the packet, length of the padding. */
const LENGTH_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + 1;

interface EngineCipher {
  allocPacket(payloadBytes: number): Buffer;
}

interface Layout {
  /** The rest after the length is a multiple of this. */
  readonly blockBytes: number;
  /** Kept free after the packet for what authenticates it. */
  readonly tagBytes: number;
}

/** The engine's ciphers with authentication of their own, with its addon and without. Others keep its way. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  AESGCMCipherBinding: { blockBytes: 16, tagBytes: 16 },
  AESGCMCipherNative: { blockBytes: 16, tagBytes: 0 },
  ChaChaPolyCipherBinding: { blockBytes: 8, tagBytes: 16 },
  ChaChaPolyCipherNative: { blockBytes: 8, tagBytes: 0 },
};

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** Gives packets of a connection their padding from the pool, now and after each key exchange. */
export function useRandomPool(connection: NodeJS.EventEmitter): void {
  const replace = () => {
    const cipher = (connection as unknown as { readonly _protocol: { readonly _cipher: EngineCipher } })
      ._protocol._cipher;
    const layout = LAYOUTS[cipher.constructor.name];
    if (layout !== undefined) cipher.allocPacket = (payloadBytes) => allocatePacket(payloadBytes, layout);
  };
  connection.on("handshake", replace);
}

function allocatePacket(payloadBytes: number, { blockBytes, tagBytes }: Layout): Buffer {
  const rest = 1 + payloadBytes;
  let paddingBytes = blockBytes - (rest % blockBytes);
  if (paddingBytes < MIN_PADDING) paddingBytes += blockBytes;
  const packetBytes = rest + paddingBytes;
  const packet = Buffer.allocUnsafe(LENGTH_BYTES + packetBytes + tagBytes);
  packet.writeUInt32BE(packetBytes, 0);
  packet[LENGTH_BYTES] = paddingBytes;
  fillRandomly(packet, HEADER_BYTES + payloadBytes, paddingBytes);
  return packet;
}

/** No byte of the pool is used twice. */
function fillRandomly(target: Buffer, start: number, bytes: number): void {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  pool.copy(target, start, used, used + bytes);
  used += bytes;
}
