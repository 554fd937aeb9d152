// A station as a process of its own, to be killed: `node oftp-station.mjs ROLE SETTINGS`, settings as JSON. It prints a line
// for what happens, and keeps what it hears of its files; `listen` ends with the signal, `call` too, `inspect` by itself.
import { appendFileSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseCertificate, readPrivateKey } from "@waybill/cert-store";
import { listen } from "@waybill/net-core";
import { fileStateStore, OftpStation } from "@waybill/oftp-session";

/**
 * @typedef {object} Settings
 * @property {string} name
 * @property {string} partner
 * @property {string} folder Of the station: inbox, outbox, state, what it has heard.
 * @property {string} portFile Where the port of the listening station is told.
 * @property {string} [partnerCertificate] A PEM file. With it, files are signed, compressed and encrypted, and end responses
 *   signed, with `certificate.pem` and `key.pem` in the folder.
 */

const [role, settingsText = ""] = process.argv.slice(2);
/** @type {Settings} */
const settings = JSON.parse(settingsText);
const { name, partner, folder, portFile, partnerCertificate } = settings;
const codeOf = (/** @type {string} */ station) => `O0013${station.toUpperCase()}`;
const say = (/** @type {unknown} */ line) => void process.stdout.write(`${JSON.stringify(line)}\n`);

const certificateIn = (/** @type {string} */ path) => parseCertificate(readFileSync(path));

/** What is set in addition for files that are sealed. */
const secured =
  partnerCertificate === undefined
    ? undefined
    : {
        entry: {
          certificates: [{ certificate: certificateIn(partnerCertificate) }],
          security: {
            sign: true,
            encrypt: true,
            compress: true,
            signedReceipt: true,
            require: { incoming: /** @type {const} */ ({ sign: "required", encrypt: "required" }) },
          },
        },
        station: {
          identities: [
            {
              certificate: certificateIn(join(folder, "certificate.pem")),
              key: await readPrivateKey(join(folder, "key.pem")),
            },
          ],
        },
      };

const entry = () => ({
  name: partner,
  ssid: codeOf(partner),
  password: "SECRET",
  maxSessions: 20,
  address: role === "call" ? { host: "127.0.0.1", port: Number(readFileSync(portFile, "utf8")) } : undefined,
  ...secured?.entry,
});

const station = await OftpStation.open({
  ssid: codeOf(name),
  password: "SECRET",
  partners: {
    byName: async () => entry(),
    bySsid: async () => entry(),
    bySfid: async (code) => (code.trimEnd() === codeOf(partner) ? entry() : undefined),
  },
  inbox: join(folder, "inbox"),
  outbox: join(folder, "outbox"),
  work: join(folder, "state"),
  store: await fileStateStore(join(folder, "records")),
  inactivityTimeoutMs: 10_000,
  ...secured?.station,
});

if (role === "inspect") {
  const sent = await station.sent();
  say({
    queued: (await station.queued(partner)).length,
    withWork: await station.partnersWithWork([partner]),
    sent: sent.map(({ file, state }) => `${state} ${file.datasetName}`).sort(),
  });
  process.exit();
}

// What was heard must outlive the process, as the station's own records do.
const heard = openSync(join(folder, "heard"), "a");
/** @param {unknown} line */
const keep = (line) => {
  appendFileSync(heard, `${JSON.stringify(line)}\n`);
  fsyncSync(heard);
};
const base64 = (/** @type {Uint8Array} */ octets) => Buffer.from(octets).toString("base64");
station.on("endResponseReceived", ({ response, file }) => {
  const { hash, signature } = response;
  const hashes = file?.transmitted?.hashes;
  keep({ ...response, ofFile: file?.datasetName, hash: base64(hash), signature: base64(signature), hashes });
});
station.on("endResponseInvalid", ({ error, file }) =>
  keep({ kind: error.code, datasetName: file.datasetName }),
);
station.on("receiveRefused", ({ sfid, reason, text }) => say({ refused: sfid.datasetName, reason, text }));

if (role === "listen") {
  const listener = await listen({ port: 0 }, (socket) => void station.answer(socket));
  writeFileSync(`${portFile}.new`, String(listener.port));
  renameSync(`${portFile}.new`, portFile);
  say("ready");
} else {
  say("ready");
  for (;;) {
    try {
      const session = await station.call(partner);
      const { error } = await session.ended;
      say(error === undefined ? "ended" : error.message);
    } catch (error) {
      // The other process is being started again.
      say(error instanceof Error ? error.message : error);
    }
    await pause(5);
  }
}
