import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import {
  dialTls,
  type ListenTlsOptions,
  listenTls,
  type TlsClientSettings,
  type TlsListener,
  type TlsPemCertificate,
  type TransferError,
} from "@waybill/net-core";
import { peerPath, peers, runProgram } from "@waybill/testing";
import { deferred } from "./socket-helpers.js";

/** A certificate made for a test, with the files that it is in. */
export interface TestCertificate extends TlsPemCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  readonly san?: string;
  readonly days?: number;
  readonly rsa?: boolean;
  /** More lines of the extension section. */
  readonly extensions?: readonly string[];
}

/** Certificates from the openssl program, in a folder of their own. */
export class Issuer {
  readonly folder: string;
  #count = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  async authority(name: string): Promise<TestCertificate> {
    const { certificateFile, keyFile } = this.#files();
    await openssl(["req", "-x509", ...newKey(false), "-keyout", keyFile, "-out", certificateFile], {
      rest: ["-subj", `/CN=${name}`, "-days", "30"],
    });
    return read(certificateFile, keyFile);
  }

  /** Issued by `authority`; `days` below zero: expired. */
  async issue(
    authority: TestCertificate,
    name: string,
    options: IssueOptions = {},
  ): Promise<TestCertificate> {
    const { san, days = 30, rsa = false, extensions = [] } = options;
    const { certificateFile, keyFile } = this.#files();
    const serial = this.#count;
    const request = `${certificateFile}.csr`;
    const extensionFile = `${certificateFile}.ext`;
    await writeFile(
      extensionFile,
      [...(san === undefined ? [] : [`subjectAltName=${san}`]), ...extensions, ""].join("\n"),
    );
    await openssl(["req", ...newKey(rsa), "-keyout", keyFile, "-out", request, "-subj", `/CN=${name}`]);
    await openssl(["x509", "-req", "-in", request, "-out", certificateFile, "-extfile", extensionFile], {
      rest: [
        ...["-CA", authority.certificateFile, "-CAkey", authority.keyFile],
        // A serial file would be written by several at once.
        ...["-set_serial", String(serial), "-days", String(days)],
      ],
    });
    return read(certificateFile, keyFile);
  }

  /** A PKCS#12 file with the certificate, its key and the certificates of `others`. */
  async pfx(own: TestCertificate, passphrase: string, others: readonly TestCertificate[]): Promise<Buffer> {
    const file = `${own.certificateFile}.pfx`;
    const othersFile = `${own.certificateFile}.others`;
    await writeFile(othersFile, others.map(({ certificate }) => certificate).join(""));
    await openssl(["pkcs12", "-export", "-in", own.certificateFile, "-inkey", own.keyFile, "-out", file], {
      rest: ["-certfile", othersFile, "-passout", `pass:${passphrase}`],
    });
    return readFile(file);
  }

  /** `own` with its key encrypted. */
  async encrypted(own: TestCertificate, passphrase: string): Promise<string> {
    const { stdout } = await openssl([
      "pkcs8",
      "-topk8",
      "-in",
      own.keyFile,
      "-passout",
      `pass:${passphrase}`,
    ]);
    return stdout;
  }

  /** The revocation list of `authority` with these certificates in it. */
  async crl(authority: TestCertificate, revoked: readonly TestCertificate[]): Promise<string> {
    const base = this.#files().certificateFile;
    const config = `${base}.cnf`;
    await writeFile(`${base}.db`, "");
    await writeFile(
      config,
      `[ca]\ndefault_ca=it\n[it]\ndatabase=${base}.db\ndefault_md=sha256\ndefault_crl_days=5\ncrlnumber=${base}.no\n`,
    );
    await writeFile(`${base}.no`, "01\n");
    const ca = ["-cert", authority.certificateFile, "-keyfile", authority.keyFile];
    for (const { certificateFile } of revoked) {
      await openssl(["ca", "-config", config, ...ca, "-revoke", certificateFile]);
    }
    const { stdout } = await openssl(["ca", "-config", config, ...ca, "-gencrl"]);
    return stdout;
  }

  #files(): { certificateFile: string; keyFile: string } {
    this.#count += 1;
    const base = join(this.folder, String(this.#count));
    return { certificateFile: `${base}.pem`, keyFile: `${base}.key` };
  }
}

const newKey = (rsa: boolean) =>
  rsa
    ? ["-newkey", "rsa:2048", "-nodes"]
    : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

async function openssl(args: readonly string[], { rest = [] as readonly string[] } = {}) {
  const result = await runProgram(peerPath(peers.openssl), [...args, ...rest], { timeoutMs: 20_000 });
  if (result.code !== 0) throw new Error(`openssl ${args[0]} failed: ${result.stderr}`);
  return result;
}

async function read(certificateFile: string, keyFile: string): Promise<TestCertificate> {
  const [certificate, privateKey] = await Promise.all([
    readFile(certificateFile, "utf8"),
    readFile(keyFile, "utf8"),
  ]);
  return { certificate, privateKey, certificateFile, keyFile };
}

/** A TLS listener of a test, and what becomes of its connections. */
export interface TestTlsListener {
  readonly listener: TlsListener;
  readonly failures: readonly TransferError[];
  /** The next connection that was handed over. */
  next(): Promise<TLSSocket>;
  /** The next connection that was given up. */
  failure(): Promise<TransferError>;
  dial(tls: TlsClientSettings): Promise<TLSSocket>;
}

const listeners: TlsListener[] = [];
const sockets: TLSSocket[] = [];

export async function openTls(
  tls: ListenTlsOptions["tls"],
  options: Partial<ListenTlsOptions> = {},
): Promise<TestTlsListener> {
  const failures: TransferError[] = [];
  const arrived = queue<TLSSocket>();
  const failed = queue<TransferError>();
  const listener = await listenTls(
    {
      port: 0,
      onHandshakeFailed: (_info, error) => {
        failures.push(error);
        failed.put(error);
      },
      ...options,
      tls,
    },
    arrived.put,
  );
  listeners.push(listener);
  const dial = async (client: TlsClientSettings) => {
    const socket = await dialTls({ host: "127.0.0.1", port: listener.port, tls: client });
    sockets.push(socket);
    return socket;
  };
  return { listener, failures, next: arrived.take, failure: failed.take, dial };
}

/** For `afterEach`. */
export async function closeTls(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
  for (const child of children.splice(0)) await child.stop();
}

function queue<T>(): { put: (item: T) => void; take: () => Promise<T> } {
  const items: T[] = [];
  const wanted: ((item: T) => void)[] = [];
  return {
    put: (item) => {
      const taker = wanted.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    take: () => {
      const item = items.shift();
      return item === undefined ? new Promise<T>((resolve) => wanted.push(resolve)) : Promise.resolve(item);
    },
  };
}

/** A running openssl program. */
export interface OpensslProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when what it printed matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const children: OpensslProcess[] = [];

/** Starts `openssl s_client` or `s_server`; ended by {@link closeTls} at the latest. */
export function startOpenssl(args: readonly string[]): OpensslProcess {
  const child = spawn(peerPath(peers.openssl), args, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  const waiting = new Set<() => void>();
  const ended = deferred<string>();
  const take = (chunk: Buffer) => {
    output += chunk.toString("latin1");
    for (const look of [...waiting]) look();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  child.stdin.on("error", () => {});
  child.once("close", () => {
    for (const look of [...waiting]) look();
    ended.resolve(output);
  });
  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output);
        if (match !== null) {
          waiting.delete(look);
          resolve(match);
        } else if (child.exitCode !== null || child.signalCode !== null) {
          waiting.delete(look);
          reject(new Error(`openssl ended without printing ${pattern}:\n${output}`));
        }
      };
      waiting.add(look);
      look();
    });
  const stop = async () => {
    child.kill("SIGKILL");
    await ended.promise;
  };
  const running = { child, printed, ended: ended.promise, stop };
  children.push(running);
  return running;
}

/** Starts `openssl s_server` on a free port: it sends every line back reversed. */
export async function startServer(own: TestCertificate, args: readonly string[]) {
  const process = startOpenssl([
    ...["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", own.certificateFile, "-key", own.keyFile],
    ...args,
  ]);
  const [, port] = await process.printed(/ACCEPT [\d.]+:(\d+)/);
  return { ...process, port: Number(port) };
}

/** The next chunk that comes out of a socket, as text. */
export async function nextText(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      resolve(chunk.toString("latin1"));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
}
