import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Peer, peerPath, peers, runProgram } from "@waybill/testing";
import { until } from "./until.js";

export const sshAdd: Peer = { program: "ssh-add", debianPackage: "openssh-client" };

/** OpenSSH's agent, empty at first. */
export class SshAgent {
  /** Where it listens. */
  readonly socket: string;
  readonly #process: ChildProcess;

  /** Starts one whose socket is in this folder. */
  static async start(folder: string): Promise<SshAgent> {
    const socket = join(folder, "agent.socket");
    const child = spawn(peerPath(peers.sshAgent), ["-D", "-a", socket], { stdio: "ignore" });
    await until("the agent's socket", () => existsSync(socket));
    return new SshAgent(socket, child);
  }

  private constructor(socket: string, child: ChildProcess) {
    this.socket = socket;
    this.#process = child;
  }

  async add(keyFile: string): Promise<void> {
    const env = { ...process.env, SSH_AUTH_SOCK: this.socket };
    const { code, stderr } = await runProgram(peerPath(sshAdd), ["-q", keyFile], { env });
    if (code !== 0) throw new Error(`ssh-add failed: ${stderr}`);
  }

  async stop(): Promise<void> {
    const closed = once(this.#process, "close");
    this.#process.kill("SIGTERM");
    await closed;
  }
}
