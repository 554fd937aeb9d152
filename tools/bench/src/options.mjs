import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

/**
 * @typedef {object} Sizes
 * @property {number} transferMiB One file, for throughput.
 * @property {number} files Small files in a folder.
 * @property {number} connections
 * @property {number} idleSessions
 * @property {number} memoryTransferMiB One file, for memory growth.
 * @property {number} oftpFiles Files of 1 KiB in one session.
 * @property {number} oftpSessions At once.
 * @property {number} sealedMiB One file, sealed and opened.
 *
 * @typedef {object} Options
 * @property {readonly string[] | undefined} only
 * @property {number} runs
 * @property {Sizes} sizes
 * @property {number} maxOtherLoad From 0 to 1.
 * @property {string} folder
 * @property {string | undefined} json
 * @property {boolean} check
 * @property {boolean} list
 * @property {boolean} help
 */

/** @type {Readonly<Sizes>} */
const FULL = {
  transferMiB: 1024,
  files: 2000,
  connections: 200,
  idleSessions: 200,
  memoryTransferMiB: 4096,
  oftpFiles: 10_000,
  oftpSessions: 100,
  sealedMiB: 5120,
};
/** @type {Readonly<Sizes>} */
const QUICK = {
  transferMiB: 64,
  files: 200,
  connections: 10,
  idleSessions: 20,
  memoryTransferMiB: 256,
  oftpFiles: 500,
  oftpSessions: 10,
  sealedMiB: 256,
};
const FULL_RUNS = 5;
const QUICK_RUNS = 2;

export const USAGE = `usage: npm run bench -- [options]

Measures waybill sftp-server beside OpenSSH's sshd, with OpenSSH's sftp as the client of both, ODETTE-FTP between two
stations beside a bare socket of Node, and CMS security beside openssl cms.

  --only NAME,…   only these workloads; --list names them
  --runs N        measured runs of each workload and server (default ${FULL_RUNS}; memory and what is slow: at most 2 or 3)
  --size MiB      size of the file for the throughput rows (default ${FULL.transferMiB})
  --quick         small sizes and ${QUICK_RUNS} runs: shows that it works, not how fast it is
  --max-other-load PERCENT
                  wait for the machine to be this quiet, and repeat runs during which others took more of it
  --folder DIR    where the files are made, for both servers (default: ${tmpdir()})
  --json FILE     write every sample there too
  --check         exit code 1 when a wanted value is missed
  --list          the workloads
  --help          this text
`;

export class UsageError extends Error {}

/** @param {string[]} args @returns {Options} */
export function parseOptions(args) {
  const values = parse(args);
  const sizes = { ...(values.quick ? QUICK : FULL) };
  if (values.size !== undefined) sizes.transferMiB = positive("--size", values.size);
  return {
    only: values.only?.split(",").map((name) => name.trim()),
    runs:
      values.runs === undefined ? (values.quick ? QUICK_RUNS : FULL_RUNS) : positive("--runs", values.runs),
    sizes,
    maxOtherLoad: positive("--max-other-load", values["max-other-load"] ?? "100") / 100,
    folder: values.folder ?? tmpdir(),
    json: values.json,
    check: values.check ?? false,
    list: values.list ?? false,
    help: values.help ?? false,
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: "string" },
        runs: { type: "string" },
        size: { type: "string" },
        folder: { type: "string" },
        "max-other-load": { type: "string" },
        json: { type: "string" },
        quick: { type: "boolean" },
        check: { type: "boolean" },
        list: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} option @param {string} text */
function positive(option, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`${option} needs a whole number from 1 on`);
  return value;
}
