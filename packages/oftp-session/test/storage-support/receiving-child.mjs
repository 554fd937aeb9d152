// A process that receives, to be killed. Arguments: folder, what to do, as JSON.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { fileStateStore, inboxSink, recoverInbox } from "../../dist/storage/index.js";

const [folder, job] = [process.argv[2], JSON.parse(process.argv[3])];
const store = await fileStateStore(join(folder, "state"));
const ledger = {
  stored: ({ key, receptionId, finalPath }) => store.put("received", key, { receptionId, finalPath }),
  moved: (key, receptionId, finalPath) => store.put("received", key, { receptionId, finalPath }),
  async lookUp(key, receptionId) {
    const record = await store.get("received", key);
    return record?.receptionId === receptionId ? record.finalPath : undefined;
  },
  revoke: ({ key }) => store.remove("received", key),
};
const folders = { inboxFolder: join(folder, "inbox"), partialFolder: join(folder, "partial"), ledger };
// `process.stdout` keeps what does not fit into the pipe at once, and what it keeps is lost when the process is killed.
const say = (line) => void writeSync(1, `${line}\n`);

/** Octets of a file that only depend on where they are. */
function octetsAt(offset, length) {
  const octets = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) octets[at] = Math.imul(offset + at, 0x9e3779b1) >>> 13;
  return octets;
}

/** What is inside an envelope: all octets turned, ten times over. */
async function* open(sealed) {
  for await (const chunk of sealed) {
    for (let again = 0; again < 10; again++) yield chunk.map((octet) => octet ^ 0x5a);
  }
}

if (job.kind === "large") {
  const sink = await inboxSink({ ...folders, sfid: job.sfid, fileName: "LARGE" });
  const { octets } = await sink.begin(sink.restartPosition);
  say(`from ${octets}`);
  for (let at = octets; at < job.size; at += 65536) {
    const length = Math.min(65536, job.size - at);
    await sink.write(octetsAt(at, length));
    say(`at ${at + length}`);
    // So that it is killed before it ends, however late that is.
    if (at > job.pauseAt) await new Promise(() => setInterval(() => {}, 60_000));
  }
  await sink.finish({ records: 0, octets: job.size });
  say("stored");
} else {
  await recoverInbox(folders);
  for (let number = job.from; number < job.to; number++) {
    const name = `FILE${number}`;
    const sfid = { ...job.sfid, datasetName: name };
    const sink = await inboxSink({ ...folders, sfid, fileName: name, ...(sfid.envelope ? { open } : {}) });
    await sink.begin(0);
    await sink.write(octetsAt(number, 3000));
    say(`storing ${number}`);
    await sink.finish({ records: 0, octets: 3000 });
    say(`stored ${number}`);
  }
}
