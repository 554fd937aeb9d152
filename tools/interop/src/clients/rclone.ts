import { peerPath, peers, runProgram } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import type { Command } from "../command.js";
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
  open: async (access) => {
    const { stdout } = await runProgram(peerPath(peers.rclone), ["obscure", access.password], {
      env: clientEnvironment(access),
    });
    return new Rclone(access, stdout.trim());
  },
};

class Rclone implements SftpClient {
  readonly #access: Access;
  readonly #obscuredPassword: string;

  constructor(access: Access, obscuredPassword: string) {
    this.#access = access;
    this.#obscuredPassword = obscuredPassword;
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
    const { host, port, user, method, keyFile, knownHostsFile } = this.#access;
    const login = method === "key" ? ["--sftp-key-file", keyFile] : ["--sftp-pass", this.#obscuredPassword];
    const remote = ["--sftp-host", host, "--sftp-port", String(port), "--sftp-user", user];
    const options = ["--config", "/dev/null", "--sftp-known-hosts-file", knownHostsFile];
    return {
      program: peerPath(peers.rclone),
      args: [...options, "--retries", "1", "--low-level-retries", "1", ...remote, ...login, ...args],
      env: clientEnvironment(this.#access),
    };
  }
}

function limit(bytesPerSecond: number | undefined): string[] {
  return bytesPerSecond === undefined ? [] : ["--bwlimit", `${bytesPerSecond}B`];
}

function remotePath(path: string): string {
  return `:sftp:${path}`;
}
