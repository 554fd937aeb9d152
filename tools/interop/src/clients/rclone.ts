import { peerPath, peers } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import { type Command, succeed } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";

/** `rclone` with its sftp backend. */
export const rclone: SftpClientProgram = {
  name: "rclone",
  peers: [peers.rclone],
  cannot: {
    resumeUpload: "rclone starts an interrupted file again",
    resumeDownload: "rclone starts an interrupted file again",
    setMode: "rclone does not set modes",
    symlink: "rclone follows links and makes none",
    readlink: "rclone follows links and does not show them",
    hardlink: "rclone makes no links",
  },
  open: async (access) => new Rclone(await rcloneOptions(access), access),
};

class Rclone implements SftpClient {
  readonly #options: readonly string[];
  readonly #access: Access;

  constructor(options: readonly string[], access: Access) {
    this.#options = options;
    this.#access = access;
  }

  list(folder: string): Command {
    return this.#command("lsf", remotePath(folder));
  }

  listed(output: string): string[] {
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/\/$/, ""));
  }

  upload(local: string, remote: string, bytesPerSecond?: number): Command {
    return this.#command("copyto", ...limit(bytesPerSecond), local, remotePath(remote));
  }

  download(remote: string, local: string, bytesPerSecond?: number): Command {
    return this.#command("copyto", ...limit(bytesPerSecond), remotePath(remote), local);
  }

  rename(from: string, to: string): Command {
    return this.#command("moveto", remotePath(from), remotePath(to));
  }

  remove(path: string): Command {
    return this.#command("deletefile", remotePath(path));
  }

  mkdir(path: string): Command {
    return this.#command("mkdir", remotePath(path));
  }

  rmdir(path: string): Command {
    return this.#command("rmdir", remotePath(path));
  }

  setTime(path: string, time: Date): Command {
    return this.#command(
      "touch",
      "--no-create",
      "--timestamp",
      time.toISOString().slice(0, 19),
      remotePath(path),
    );
  }

  uploadWithTime(local: string, remote: string): Command {
    return this.upload(local, remote);
  }

  downloadWithTime(remote: string, local: string): Command {
    return this.download(remote, local);
  }

  #command(...args: string[]): Command {
    return command(this.#access, [...this.#options, ...args]);
  }
}

/** A command of `rclone` in which the server is `:sftp:`. */
export async function rcloneCommand(access: Access, args: readonly string[]): Promise<Command> {
  return command(access, [...(await rcloneOptions(access)), ...args]);
}

async function rcloneOptions(access: Access): Promise<string[]> {
  const { host, port, user, password, method, keyFile, knownHostsFile } = access;
  const login =
    method === "key"
      ? ["--sftp-key-file", keyFile]
      : ["--sftp-pass", (await succeed(command(access, ["obscure", password]))).trim()];
  const remote = ["--sftp-host", host, "--sftp-port", String(port), "--sftp-user", user, ...login];
  const known = ["--sftp-known-hosts-file", knownHostsFile];
  return ["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1", ...known, ...remote];
}

function command(access: Access, args: readonly string[]): Command {
  return { program: peerPath(peers.rclone), args, env: clientEnvironment(access) };
}

function limit(bytesPerSecond: number | undefined): string[] {
  return bytesPerSecond === undefined ? [] : ["--bwlimit", `${bytesPerSecond}B`];
}

function remotePath(path: string): string {
  return `:sftp:${path}`;
}
