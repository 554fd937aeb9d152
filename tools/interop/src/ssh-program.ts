import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatKnownHostsLine, type PublicKey } from "@waybill/cert-store";
import { type ProgramResult, peerPath, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { runCommand } from "./command.js";

/** OpenSSH's `ssh` for one server, with nothing of this machine's configuration. */
export class SshProgram {
  readonly #server: { readonly host: string; readonly port: number };
  readonly #folder: TemporaryFolder;

  /** The server must have one of these keys. */
  static async for(
    server: { readonly host: string; readonly port: number },
    hostKeys: readonly PublicKey[],
  ): Promise<SshProgram> {
    const folder = await temporaryFolder("waybill-ssh-");
    const lines = hostKeys.map((key) => `${formatKnownHostsLine(server.host, server.port, key)}\n`);
    await writeFile(join(folder.path, "known_hosts"), lines.join(""));
    return new SshProgram(server, folder);
  }

  private constructor(server: { readonly host: string; readonly port: number }, folder: TemporaryFolder) {
    this.#server = server;
    this.#folder = folder;
  }

  /**
   * Runs a command on the server as the user `ann`. `options` go before it: `-v`, `-o Setting=value`. `answers` are given to
   * questions that have these words in them; each time the program asks.
   */
  async run(
    command: readonly string[],
    options: readonly string[],
    {
      answers,
      input = "",
    }: { readonly answers?: Readonly<Record<string, string>>; readonly input?: string } = {},
  ): Promise<ProgramResult> {
    const settings = [
      `UserKnownHostsFile=${join(this.#folder.path, "known_hosts")}`,
      "GlobalKnownHostsFile=/dev/null",
      "StrictHostKeyChecking=yes",
      "IdentitiesOnly=yes",
      "NumberOfPasswordPrompts=1",
      "ConnectTimeout=20",
    ];
    const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: this.#folder.path, LC_ALL: "C.UTF-8" };
    if (answers !== undefined) {
      env.SSH_ASKPASS = await this.#askPassProgram(answers);
      env.SSH_ASKPASS_REQUIRE = "force";
    }
    const { host, port } = this.#server;
    const own = ["-F", "none", "-p", String(port), ...settings.flatMap((setting) => ["-o", setting])];
    // The first value of a setting is the one that counts.
    const args = [...options, ...own, `ann@${host}`, ...command];
    return runCommand({ program: peerPath(peers.ssh), args, env, input });
  }

  dispose(): Promise<void> {
    return this.#folder.remove();
  }

  async #askPassProgram(answers: Readonly<Record<string, string>>): Promise<string> {
    const path = join(this.#folder.path, "askpass");
    const cases = Object.entries(answers).map(([words, answer]) => `*'${words}'*) echo '${answer}' ;;\n`);
    await writeFile(path, `#!/bin/sh\ncase "$1" in\n${cases.join("")}esac\n`);
    await chmod(path, 0o700);
    return path;
  }
}
