import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Listener, listen } from "@waybill/net-core";
import { memoryStateStore, OftpStation, partnerDirectory, type StationOptions } from "@waybill/oftp-session";
import { MAIN } from "./waybill-command.js";

export const OUR_CODE = "O0013000000WAYBILL";
export const ACME_CODE = "O0013000000ACME";

/** The configuration of the station that is called, in a folder of its own. */
export async function acmeConfig(
  folder: string,
  more: { station?: string; listen?: string; partner?: string } = {},
): Promise<string> {
  const path = join(folder, "acme", "config.yaml");
  await mkdir(join(folder, "acme"), { recursive: true });
  const text = `station:
  ssid: ${ACME_CODE}
  password: THEIRS
${more.station ?? ""}
listen:
${more.listen ?? "  - { host: 127.0.0.1, port: 0 }"}
partners:
  - name: us
    ssid: ${OUR_CODE}
    password: SECRET
${more.partner ?? ""}
`;
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** A server of the command that has said where it listens. */
export interface AcmeServer {
  readonly ports: readonly number[];
  readonly process: ChildProcess;
  /** What it has written on the standard error. */
  log(): string;
  /** Sends a signal, SIGTERM unless told otherwise, and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `waybill oftp-server` of acme, once it listens on as many addresses. */
export async function startAcme(
  folder: string,
  more: {
    readonly station?: string;
    readonly listen?: string;
    readonly partner?: string;
    readonly addresses?: number;
  } = {},
): Promise<AcmeServer> {
  const config = await acmeConfig(folder, more);
  const child = spawn(process.execPath, [MAIN, "oftp-server", "--config", config], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk.toString("utf8")));
  const ports: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening on 127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) ports.push(Number(port));
    if (ports.length === (more.addresses ?? 1)) {
      const log = () => errors.join("");
      return { ports, process: child, log, stop: (signal = "SIGTERM") => stop(child, signal) };
    }
  }
  throw new Error(`the server ended early: ${errors.join("")}`);
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill(signal);
  const [code] = await exited;
  return code;
}

/** The configuration of the station that calls acme on this port. */
export async function ourConfig(folder: string, port: number, partner = "", station = ""): Promise<string> {
  const path = join(folder, "config.yaml");
  const text = `station: { ssid: ${OUR_CODE}, password: SECRET${station} }
partners:
  - { name: acme, ssid: ${ACME_CODE}, password: THEIRS, host: 127.0.0.1, port: ${port}${partner} }
`;
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Acme in this process, where it can be made to do what no configuration says. */
export interface AcmeStation {
  readonly station: OftpStation;
  readonly port: number;
  readonly inbox: string;
  close(): Promise<void>;
}

export async function acmeStation(
  folder: string,
  options: Partial<StationOptions> = {},
): Promise<AcmeStation> {
  const own = join(folder, "acme");
  await mkdir(join(own, "state"), { recursive: true });
  const station = await OftpStation.open({
    ssid: ACME_CODE,
    password: "THEIRS",
    partners: partnerDirectory([{ name: "us", ssid: OUR_CODE, password: "SECRET" }]),
    inbox: join(own, "inbox"),
    work: join(own, "state"),
    store: memoryStateStore(),
    ...options,
  });
  const listener: Listener = await listen({ port: 0 }, (socket) => {
    station.answer(socket);
  });
  return {
    station,
    port: listener.port,
    inbox: join(own, "inbox", "us"),
    async close() {
      await station.close();
      await listener.close();
    },
  };
}
