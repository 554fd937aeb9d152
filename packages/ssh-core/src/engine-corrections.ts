import type ssh2 from "ssh2";

// What the engine's server (ssh2 1.17) gets wrong and keeps out of reach. Both corrections are made when a client has said
// hello, which is right before our KEXINIT leaves.

const EXT_INFO = 7;

interface NameList {
  readonly array: readonly string[];
}

interface DirectionLists {
  readonly cipher: NameList;
  readonly mac: NameList;
  readonly compress: NameList;
  readonly lang: NameList;
}

/** The engine's KEXINIT message, made from lists of names. */
interface KexInit {
  readonly lists: {
    readonly kex: NameList;
    readonly serverHostKey: NameList;
    readonly cs: DirectionLists;
    readonly sc: DirectionLists;
  };
}

interface PacketWriter {
  /** Where the payload begins in a packet. */
  readonly allocStart: number;
  alloc(payloadBytes: number): Buffer;
  finalize(packet: Buffer, force?: boolean): Buffer;
}

interface ProtocolInternals {
  readonly _protocol: {
    _offer: KexInit;
    readonly _packetRW: { write: PacketWriter };
  };
}

/** Corrections for the connections of one server. */
export class EngineCorrections {
  readonly #hostKeyAlgorithms: readonly string[];
  readonly #signatureAlgorithms: string;
  #offer: KexInit | undefined;

  /** What the server may sign with, and what it takes from users, best first. */
  constructor(hostKeyAlgorithms: readonly string[], signatureAlgorithms: readonly string[]) {
    this.#hostKeyAlgorithms = hostKeyAlgorithms;
    this.#signatureAlgorithms = signatureAlgorithms.join(",");
  }

  apply(connection: ssh2.Connection): void {
    const protocol = (connection as unknown as ProtocolInternals)._protocol;
    protocol._offer = this.#offer ??= this.#corrected(protocol._offer);
    this.#correctExtInfo(connection, protocol._packetRW);
  }

  /** The engine offers `ssh-rsa` (SHA-1) with every RSA host key, whatever the list of algorithms says. */
  #corrected(offer: KexInit): KexInit {
    const { kex, serverHostKey, cs, sc } = offer.lists;
    const direction = ({ cipher, mac, compress, lang }: DirectionLists) => ({
      cipher: cipher.array,
      mac: mac.array,
      compress: compress.array,
      lang: lang.array,
    });
    const lists = {
      kex: kex.array,
      serverHostKey: serverHostKey.array.filter((name) => this.#hostKeyAlgorithms.includes(name)),
      cs: direction(cs),
      sc: direction(sc),
    };
    return new (offer.constructor as new (names: typeof lists) => KexInit)(lists);
  }

  /**
   * The engine's `server-sig-algs` (RFC 8308 section 3.1) lacks a comma, so that clients do not see `rsa-sha2-512`, and
   * promises SHA-1 and DSA, which are refused.
   */
  #correctExtInfo(connection: ssh2.Connection, packets: { write: PacketWriter }): void {
    // The first key exchange gives the engine a new writer, with which it sends EXT_INFO before it tells us.
    let writer = packets.write;
    Object.defineProperty(packets, "write", {
      configurable: true,
      get: () => writer,
      set: (next: PacketWriter) => {
        writer = next;
        this.#replaceExtInfo(next);
      },
    });
    connection.once("handshake", () => {
      Object.defineProperty(packets, "write", { configurable: true, writable: true, value: writer });
    });
  }

  #replaceExtInfo(writer: PacketWriter): void {
    const finalize = writer.finalize.bind(writer);
    writer.finalize = (packet, force) => {
      if (packet[writer.allocStart] !== EXT_INFO) return finalize(packet, force);
      writer.finalize = finalize;
      const payload = extInfo("server-sig-algs", this.#signatureAlgorithms);
      const corrected = writer.alloc(payload.length);
      payload.copy(corrected, writer.allocStart);
      return finalize(corrected, force);
    };
  }
}

/** SSH_MSG_EXT_INFO with one extension (RFC 8308 section 2.3). */
function extInfo(name: string, value: string): Buffer {
  const payload = Buffer.alloc(1 + 4 + 4 + name.length + 4 + value.length);
  let at = payload.writeUInt8(EXT_INFO, 0);
  at = payload.writeUInt32BE(1, at);
  for (const text of [name, value]) {
    at = payload.writeUInt32BE(text.length, at);
    at += payload.write(text, at, "latin1");
  }
  return payload;
}
