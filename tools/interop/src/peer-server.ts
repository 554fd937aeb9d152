import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { CommandLine } from "./ordinary-rights.js";
import { descendantsOf, killAll } from "./process-tree.js";

/** How to start a server that has to be told its port. */
export interface PeerServerOptions {
  readonly command: (port: number) => CommandLine;
  /** What it prints when it listens. */
  readonly listening: RegExp;
}

const MAX_ATTEMPTS = 5;
const START_TIMEOUT_MS = 15_000;
const PORT_TAKEN = /address already in use/i;

/** A server program that listens on a loopback port. */
export class PeerServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #log: string[] = [];

  /** Starts it on a free port. Rejects with what the server printed when it does not come up. */
  static async start(options: PeerServerOptions): Promise<PeerServer> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const server = new PeerServer(port, options.command(port));
      try {
        await server.#started(options.listening);
        return server;
      } catch (error) {
        await server.stop();
        // Someone took the port between our look and the server's.
        if (attempt === MAX_ATTEMPTS || !PORT_TAKEN.test(server.log)) throw error;
      }
    }
  }

  private constructor(port: number, { program, args }: CommandLine) {
    this.port = port;
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => this.#log.push(text));
    // Without it the event would be an exception; `close` follows.
    this.#child.on("error", (error) => this.#log.push(`${error.message}\n`));
  }

  /** Everything that it has printed so far. */
  get log(): string {
    return this.#log.join("");
  }

  /** Cuts every connection off, by killing what serves it. */
  killSessions(): void {
    if (this.#child.pid !== undefined) killAll(descendantsOf(this.#child.pid));
  }

  /** Ends it and everything that it has started, and waits for that. */
  async stop(): Promise<void> {
    const { exitCode, signalCode, pid, stderr } = this.#child;
    if (pid === undefined || (exitCode ?? signalCode) !== null) return;
    // Comes when nothing holds the pipes any more: not the server, and none of its sessions.
    const closed = stderr?.closed ? undefined : once(this.#child, "close");
    const sessions = descendantsOf(pid);
    this.#child.kill("SIGTERM");
    killAll(sessions);
    await closed;
  }

  async #started(listening: RegExp): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), START_TIMEOUT_MS);
    await this.#printed(listening).finally(() => clearTimeout(timer));
    await greeting(this.port);
  }

  #printed(pattern: RegExp): Promise<void> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      child.once("close", () =>
        reject(new Error(`${child.spawnfile} ended before it listened:\n${this.log}`)),
      );
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", () => {
          if (pattern.test(this.log)) resolve();
        });
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Connects and waits for the first line of the SSH protocol. */
async function greeting(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const [chunk] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  if (!chunk.toString("latin1").startsWith("SSH-2.0-")) throw new Error("this is no SSH server");
}
