import { once } from "node:events";
import type { Socket } from "node:net";
import {
  type Capability,
  type Command,
  type CommandKind,
  decodeCommand,
  encodeCommand,
  frameExchangeBuffer,
  type ProtocolLevel,
  type Sfid,
  type Ssid,
  StreamBufferDecoder,
} from "@waybill/oftp-codec";
import {
  type InitiatorOptions,
  initiateSession,
  type ResponderOptions,
  respondSession,
} from "@waybill/oftp-session";
import { socketPair } from "./socket-pair.js";

type CommandOf<K extends CommandKind> = Extract<Command, { kind: K }>;

/** A partner that says what a test tells it to, byte by byte. */
export class RawPeer {
  readonly socket: Socket;
  level: ProtocolLevel = 5;
  readonly #decoder = new StreamBufferDecoder();
  readonly #commands: Command[] = [];
  readonly #closed: Promise<unknown>;
  #wake: () => void = () => {};
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#closed = once(socket, "close").catch(() => undefined);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      this.#decoder.push(chunk);
      for (let octets = this.#decoder.next(); octets !== undefined; octets = this.#decoder.next()) {
        this.#commands.push(decodeCommand(Buffer.from(octets), this.level));
      }
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  send(...commands: Command[]): void {
    for (const command of commands) this.sendBuffer(encodeCommand(command, this.level, { relayed: true }));
  }

  /** An exchange buffer that needs not be a command. */
  sendBuffer(octets: Uint8Array): void {
    this.socket.write(frameExchangeBuffer(octets));
  }

  /** Anything at all. */
  sendBytes(octets: Uint8Array | string): void {
    this.socket.write(octets);
  }

  /** The next command, which must be of this kind. */
  async receive<K extends CommandKind>(kind: K): Promise<CommandOf<K>> {
    const command = await this.next();
    if (command?.kind !== kind) throw new Error(`expected ${kind}, got ${JSON.stringify(command)}`);
    return command as CommandOf<K>;
  }

  /** The next command of any kind; undefined when the connection was closed. */
  async next(): Promise<Command | undefined> {
    while (this.#commands.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#commands.shift();
  }

  /** The ESID that must come now; then closes this side and waits for the other. */
  async refused(): Promise<CommandOf<"ESID">> {
    const esid = await this.receive("ESID");
    await this.close();
    return esid;
  }

  async close(): Promise<void> {
    this.socket.end();
    await this.#closed;
  }

  destroy(): void {
    this.socket.destroy();
  }

  // --- whole phrases ---

  /** Sets up a session with a responder; this peer is the speaker then. */
  async call(ssid: Partial<Ssid> = {}): Promise<CommandOf<"SSID">> {
    await this.receive("SSRM");
    this.send(ssidOf(ssid));
    const answer = await this.receive("SSID");
    this.level = answer.level;
    return answer;
  }

  /** Sets up a session with an initiator, which is the speaker then. */
  async answer(ssid: Partial<Ssid> = {}): Promise<CommandOf<"SSID">> {
    this.send({ kind: "SSRM" });
    const call = await this.receive("SSID");
    const own = ssidOf(ssid);
    this.send(own);
    this.level = Math.min(own.level, call.level) as ProtocolLevel;
    return call;
  }
}

export function ssidOf(ssid: Partial<Ssid> = {}): Ssid {
  return {
    kind: "SSID",
    level: 5,
    code: "ORAW",
    password: "PASSWORD",
    bufferSize: 1000,
    capability: "B" as Capability,
    compression: false,
    restart: true,
    specialLogic: false,
    credit: 3,
    authentication: false,
    userData: "",
    ...ssid,
  };
}

export function sfidOf(sfid: Partial<Sfid> = {}): Sfid {
  return {
    kind: "SFID",
    datasetName: "RAW.FILE",
    timestamp: { date: "20261120", time: "1011120001" },
    userData: "",
    destination: "ODEST",
    originator: "OORIG",
    format: "U",
    maxRecordSize: 0,
    fileSize: 1,
    originalFileSize: 1,
    restartPosition: 0,
    securityLevel: 0,
    cipherSuite: 0,
    compression: 0,
    envelope: 0,
    signedReceipt: false,
    description: "",
    ...sfid,
  };
}

/** DATA with literal subrecords; the last one ends its record where that is wanted. */
export function dataOf(content: Buffer, endOfRecord = true): CommandOf<"DATA"> {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < content.length; at += 63) {
    const piece = content.subarray(at, at + 63);
    const last = at + 63 >= content.length && endOfRecord;
    parts.push(Buffer.from([piece.length | (last ? 0x80 : 0)]), piece);
  }
  return { kind: "DATA", payload: Buffer.concat(parts) };
}

/** Our responder, and a peer that calls it. */
export async function callResponder(options: ResponderOptions) {
  const { near, far } = await socketPair();
  return { session: respondSession(far, options), peer: new RawPeer(near) };
}

/** Our initiator, and a peer that it calls. */
export async function calledByInitiator(options: InitiatorOptions) {
  const { near, far } = await socketPair();
  const peer = new RawPeer(far);
  return { session: initiateSession(near, options), peer };
}
