// One side of the ODETTE-FTP rows, as a process of its own that takes orders over its IPC channel:
//   node oftp-peer.mjs station SETTINGS   stations, see below
//   node oftp-peer.mjs bare SETTINGS      the same file through a socket of Node and nothing more: from disk, to disk
//   node oftp-peer.mjs session SETTINGS, bare-in-memory SETTINGS   a session, and a socket, from memory to nowhere
import { once } from "node:events";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from "node:fs";
import { createServer, connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { dial, dialTls, listen, listenTls } from "@waybill/net-core";
import {
  fileStateStore,
  initiateSession,
  OftpStation,
  partnerDirectory,
  respondSession,
} from "@waybill/oftp-session";
import { takeOrders } from "./orders.mjs";

/**
 * @typedef {object} Settings
 * @property {"receive" | "send"} side
 * @property {string} folder
 * @property {number} stations How many stations call; each has an identity of its own.
 * @property {{ certificate: string, privateKey: string } | undefined} tls
 *
 * @typedef {{ work: "listen" }} Listen
 * @typedef {{ work: "send", port: number, file: string }} Send For a bare socket.
 * @typedef {{ work: "queue", files: readonly string[] }} Queue For every partner.
 * @typedef {{ work: "call", port: number }} Call All stations at once.
 * @typedef {{ work: "clear" }} Clear
 * @typedef {Listen | Send | Queue | Call | Clear} Order
 */

const [kind, settingsText = ""] = process.argv.slice(2);
/** @type {Settings} */
const settings = JSON.parse(settingsText);
const { side, folder, tls } = settings;
// As large as those of a station.
const CHUNK = 512 * 1024;
const HOST = "127.0.0.1";

/** @param {number} index */
const caller = (index) => `CALLER${index}`;
const RECEIVER = "RECEIVER";
const codeOf = (/** @type {string} */ name) => `O0013${name}`;

// --- stations ---

/** @param {string} name */
const entryOf = (name) => ({ name, ssid: codeOf(name), password: "SECRET", maxSessions: 200 });

/** @param {string} name @param {number | undefined} port @param {readonly string[]} partners */
async function openStation(name, port, partners) {
  const address =
    port === undefined
      ? undefined
      : { host: HOST, port, tls: tls && { trust: [tls.certificate], verifyName: false } };
  const own = join(folder, name);
  mkdirSync(join(own, "state"), { recursive: true });
  return OftpStation.open({
    ssid: codeOf(name),
    password: "SECRET",
    partners: partnerDirectory(partners.map((partner) => ({ ...entryOf(partner), address }))),
    inbox: join(own, "inbox"),
    work: join(own, "state"),
    store: await fileStateStore(join(own, "records")),
    maxSessions: 1000,
    bufferSize: 32_768,
    credit: 99,
  });
}

const callers = Array.from({ length: settings.stations }, (_, index) => caller(index));
/** @type {{ name: string, station: OftpStation }[]} */
let stations = [];

const station = {
  /** @param {Listen} _order */
  async listen(_order) {
    const own = await openStation(RECEIVER, undefined, callers);
    stations = [{ name: RECEIVER, station: own }];
    const answer = (/** @type {import("node:net").Socket} */ socket) => void own.answer(socket);
    const listener = tls
      ? await listenTls({ host: HOST, port: 0, tls: { certificates: [tls] } }, answer)
      : await listen({ host: HOST, port: 0 }, answer);
    return { port: listener.port };
  },

  /** @param {Queue & { port?: number }} order */
  async queue({ files, port }) {
    if (side === "send" && stations.length === 0) {
      for (const name of callers) stations.push({ name, station: await openStation(name, port, [RECEIVER]) });
    }
    for (const { station: own } of stations) {
      for (const partner of side === "send" ? [RECEIVER] : callers) {
        for (const path of files) await own.send(partner, { path });
      }
    }
    return {};
  },

  /** @param {Call} _order */
  async call(_order) {
    let acknowledged = 0;
    let received = 0;
    for (const { station: own } of stations) {
      own.on("endResponseReceived", ({ file }) => {
        if (file !== undefined) acknowledged += 1;
      });
      own.on("fileReceived", () => {
        received += 1;
      });
    }
    const begin = performance.now();
    const sessions = await Promise.all(stations.map(({ station: own }) => own.call(RECEIVER)));
    for (const { error } of await Promise.all(sessions.map(({ ended }) => ended))) {
      if (error !== undefined) throw error;
    }
    const seconds = (performance.now() - begin) / 1000;
    for (const { station: own } of stations) own.removeAllListeners();
    return { seconds, acknowledged, received };
  },

  /** @param {Clear} _order */
  async clear(_order) {
    for (const { name } of stations) {
      for (const inner of readdirSync(join(folder, name))) {
        if (inner === "inbox") rmSync(join(folder, name, inner), { recursive: true });
      }
    }
    return {};
  },
};

// --- bare sockets ---

const bare = {
  /** @param {Listen} _order */
  async listen(_order) {
    mkdirSync(folder, { recursive: true });
    const take = (/** @type {import("node:net").Socket} */ socket) => {
      socket.setNoDelay(true);
      const stored = createWriteStream(join(folder, "received"), { highWaterMark: CHUNK });
      // The end is the other side's, so that it knows when all is stored.
      stored.once("close", () => socket.end());
      socket.pipe(stored);
    };
    const server = tls
      ? createTlsServer({ cert: tls.certificate, key: tls.privateKey, allowHalfOpen: true }, take)
      : createServer({ allowHalfOpen: true }, take);
    await new Promise((resolve) => server.listen(0, HOST, () => resolve(undefined)));
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { port: address.port };
  },

  /** @param {Send} order */
  async send({ port, file }) {
    const begin = performance.now();
    const socket = tls
      ? tlsConnect({ host: HOST, port, ca: [tls.certificate], checkServerIdentity: () => undefined })
      : tcpConnect(port, HOST);
    socket.setNoDelay(true);
    await new Promise((resolve, reject) => {
      socket.once("error", reject).once("close", resolve).resume();
      createReadStream(file, { highWaterMark: CHUNK }).once("error", reject).pipe(socket);
    });
    return { seconds: (performance.now() - begin) / 1000 };
  },
};

// --- from memory, to nowhere ---

const PIECE = 64 * 1024 * 1024;
/** @type {Map<string, Buffer[]>} */
const contents = new Map();

/** A file as pieces in memory; one Buffer may not hold all of it. @param {string} file */
function inMemory(file) {
  const known = contents.get(file);
  if (known !== undefined) return known;
  const descriptor = openSync(file, "r");
  const pieces = [];
  for (let left = fstatSync(descriptor).size; left > 0; left -= PIECE) {
    const piece = Buffer.allocUnsafeSlow(Math.min(left, PIECE));
    readSync(descriptor, piece);
    pieces.push(piece);
  }
  closeSync(descriptor);
  contents.set(file, pieces);
  return pieces;
}

/** @param {readonly Buffer[]} pieces @param {number} bytes */
function* chunksOf(pieces, bytes) {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += bytes) yield piece.subarray(at, at + bytes);
  }
}

/** @param {number} port */
const connectTo = (port) =>
  tls
    ? dialTls({ host: HOST, port, tls: { trust: [tls.certificate], verifyName: false } })
    : dial({ host: HOST, port });

/** @param {(socket: import("node:net").Socket) => void} take */
async function listenFor(take) {
  const { port } = tls
    ? await listenTls({ host: HOST, port: 0, tls: { certificates: [tls] } }, take)
    : await listen({ host: HOST, port: 0 }, take);
  return { port };
}

const bareInMemory = {
  /** @param {Listen} _order */
  listen: (_order) => listenFor((socket) => void socket.resume()),

  /** @param {Send} order */
  async send({ port, file }) {
    const pieces = inMemory(file);
    const begin = performance.now();
    const socket = await connectTo(port);
    for (const chunk of chunksOf(pieces, 64 * 1024)) {
      if (!socket.write(chunk)) await once(socket, "drain");
    }
    const closed = once(socket, "close");
    socket.end().resume();
    await closed;
    return { seconds: (performance.now() - begin) / 1000 };
  },
};

const IDENTITY = {
  code: codeOf("MEMORY"),
  password: "SECRET",
  mode: "B",
  restart: true,
  authentication: false,
};
const CONSTANTS = { maxBufSize: 32_768, maxWindow: 99 };
const UNSECURED = {
  securityLevel: 0,
  cipherSuite: 0,
  compressed: false,
  enveloped: false,
  signedReceipt: false,
};
const NONE = new Uint8Array();

/**
 * Sends what `file` is, takes everything, and owes an EERP for it.
 * @param {import("@waybill/oftp-session").OutgoingFile} [file]
 */
function memoryMonitor(file) {
  /** @type {import("@waybill/oftp-session").SpeakerWork[]} */
  const work = file === undefined ? [] : [{ kind: "file", file }];
  let acknowledged = 0;
  /** @type {import("@waybill/oftp-session").UserMonitor} */
  const monitor = {
    admit: async () => ({ accept: true, identity: /** @type {any} */ (IDENTITY) }),
    nextWork: async () => work.shift() ?? { kind: "nothing" },
    endResponseSent: async () => {},
    fileSent: async () => {},
    fileRefused: async () => {},
    fileInterrupted: async () => {},
    endResponseReceived: async () => {
      acknowledged += 1;
    },
    receive: async ({ datasetName, timestamp, destination, originator, userData }) => ({
      accept: true,
      sink: {
        restartPosition: 0,
        begin: async () => ({ records: 0, octets: 0 }),
        write: async () => {},
        finish: async () => {
          const ids = { datasetName, timestamp, destination: originator, originator: destination };
          const response = {
            kind: /** @type {const} */ ("EERP"),
            ...ids,
            userData,
            hash: NONE,
            signature: NONE,
          };
          work.push({ kind: "endResponse", endResponse: { key: "", response } });
        },
        discard: async () => {},
        interrupt: async () => {},
      },
    }),
  };
  return { monitor, acknowledged: () => acknowledged };
}

const session = {
  /** @param {Listen} _order */
  listen: (_order) =>
    listenFor((socket) => {
      respondSession(socket, { monitor: memoryMonitor().monitor, constants: CONSTANTS });
    }),

  /** @param {Send} order */
  async send({ port, file }) {
    const pieces = inMemory(file);
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const { monitor, acknowledged } = memoryMonitor({
      datasetName: "LARGE",
      timestamp: { date: "20260101", time: "0000000001" },
      destination: codeOf(RECEIVER),
      originator: codeOf("MEMORY"),
      userData: "",
      format: "U",
      maxRecordSize: 0,
      description: "",
      size,
      originalSize: size,
      security: /** @type {any} */ (UNSECURED),
      totals: { records: 0, octets: size },
      open: async () => Readable.from(chunksOf(pieces, CHUNK)),
    });
    const begin = performance.now();
    const socket = await connectTo(port);
    const { error } = await initiateSession(socket, {
      monitor,
      identity: /** @type {any} */ (IDENTITY),
      constants: CONSTANTS,
    }).ended;
    if (error !== undefined) throw error;
    return { seconds: (performance.now() - begin) / 1000, acknowledged: acknowledged() };
  },
};

const KINDS = /** @type {Record<string, object>} */ ({
  station,
  bare,
  session,
  "bare-in-memory": bareInMemory,
});

takeOrders(/** @type {Record<string, (order: Order) => Promise<object>>} */ (KINDS[kind ?? ""]));
