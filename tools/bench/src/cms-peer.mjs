// Our side of the CMS rows, as a process of its own that takes orders over its IPC channel:
//   node cms-peer.mjs SETTINGS
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open as openFile, readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pipeline } from "node:stream/promises";
import { parseCertificate, readPrivateKey } from "@waybill/cert-store";
import { cipherSuite, lentChunks, open, seal } from "@waybill/cms-security";
import { takeOrders } from "./orders.mjs";

/** @typedef {import("./cms-sides.mjs").Task} Task */

const [settingsText = ""] = process.argv.slice(2);
/** @type {{ certificate: string, privateKey: string }} Files. */
const settings = JSON.parse(settingsText);
/** As the command `waybill cms` reads. */
const CHUNK = 1024 * 1024;
/** A piece is written before the next one is asked for. */
const AT_ONCE = 1;
const SUITE = 4;
const NANOSECONDS_PER_MS = 1e6;

/** @type {import("@waybill/cms-security").Identity | undefined} */
let known;

async function identity() {
  known ??= {
    certificate: parseCertificate(await readFile(settings.certificate)),
    key: await readPrivateKey(settings.privateKey),
  };
  return known;
}

async function prepare() {
  await identity();
  return {};
}

/** @param {Task} task */
async function sealFile({ from, to, compress }) {
  const own = await identity();
  return watched(async () => {
    const file = await openFile(from);
    try {
      const sealed = seal(lentChunks(file), {
        suite: cipherSuite(SUITE),
        sign: { signers: [own] },
        compress,
        encrypt: { recipients: [own.certificate] },
        reuseBuffers: true,
      });
      await pipeline(sealed, createWriteStream(to, { highWaterMark: AT_ONCE }));
    } finally {
      await file.close();
    }
    return {};
  });
}

/** @param {Task} task */
async function openMessage({ from, to, compress, contentBytes, hash = false }) {
  const own = await identity();
  return watched(async () => {
    const message = open(createReadStream(from, { highWaterMark: CHUNK }), {
      keys: [own],
      signers: [own.certificate],
      expect: { signed: true, compressed: compress, encrypted: true },
      limits: { contentBytes },
    });
    const digest = createHash("sha256");
    const content = hash ? hashed(message.content, digest) : message.content;
    await pipeline(content, createWriteStream(to, { highWaterMark: CHUNK }));
    const { contentBytes: opened } = await message.result;
    if (opened !== contentBytes) throw new Error(`${opened} bytes were opened, not ${contentBytes}`);
    return hash ? { sha256: digest.digest("hex") } : {};
  });
}

/**
 * Adds how long something took, and for how long at most the event loop did not turn meanwhile: from the very beginning,
 * since whatever else the process has to do waits then as well.
 * @param {() => Promise<object>} body
 */
async function watched(body) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const begin = performance.now();
  delay.enable();
  const result = await body();
  const seconds = (performance.now() - begin) / 1000;
  delay.disable();
  return { ...result, seconds, longestDelayMs: delay.max / NANOSECONDS_PER_MS };
}

/** @param {AsyncIterable<Buffer>} content @param {import("node:crypto").Hash} digest */
async function* hashed(content, digest) {
  for await (const bytes of content) {
    digest.update(bytes);
    yield bytes;
  }
}

takeOrders({ prepare, seal: sealFile, open: openMessage });
