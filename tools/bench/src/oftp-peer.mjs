// One side of the ODETTE-FTP rows, as a process of its own that takes orders over its IPC channel:
//   node oftp-peer.mjs station SETTINGS   stations, see below
//   node oftp-peer.mjs bare SETTINGS      the same file through a socket of Node and nothing more: from disk, to disk
import { createReadStream, createWriteStream, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createServer, connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { listen, listenTls } from "@waybill/net-core";
import { fileStateStore, OftpStation, partnerDirectory } from "@waybill/oftp-session";

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

const able = /** @type {Record<string, (order: Order) => Promise<object>>} */ (
  kind === "bare" ? bare : station
);

process.on("message", async (/** @type {Order} */ order) => {
  try {
    const work = able[order.work];
    if (work === undefined) throw new Error(`${kind} cannot ${order.work}`);
    process.send?.({ result: await work(order) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
  }
});
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());
