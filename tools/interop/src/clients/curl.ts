import { peerPath, peers } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import type { Command } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";

/** `curl`, which speaks SFTP with libssh2. */
export const curl: SftpClientProgram = {
  name: "curl",
  peers: [peers.curl],
  cannot: {
    uploadWithTime: "curl does not keep times of uploads",
    hardlink: "curl makes symbolic links only",
  },
  open: async (access) => new Curl(access),
};

class Curl implements SftpClient {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  list(folder: string): Command {
    return this.#command("--list-only", this.#url(folder === "/" ? folder : `${folder}/`));
  }

  listed(output: string): string[] {
    return output.split("\n").filter((line) => line !== "" && line !== "." && line !== "..");
  }

  upload(local: string, remote: string, bytesPerSecond?: number): Command {
    return this.#command(...limit(bytesPerSecond), "--upload-file", local, this.#url(remote));
  }

  download(remote: string, local: string, bytesPerSecond?: number): Command {
    return this.#command(...limit(bytesPerSecond), "--output", local, this.#url(remote));
  }

  resumeUpload(local: string, remote: string): Command {
    return this.#command("--continue-at", "-", "--upload-file", local, this.#url(remote));
  }

  resumeDownload(remote: string, local: string): Command {
    return this.#command("--continue-at", "-", "--output", local, this.#url(remote));
  }

  rename(from: string, to: string): Command {
    return this.#quote(`rename ${word(from)} ${word(to)}`);
  }

  remove(path: string): Command {
    return this.#quote(`rm ${word(path)}`);
  }

  mkdir(path: string): Command {
    return this.#quote(`mkdir ${word(path)}`);
  }

  rmdir(path: string): Command {
    return this.#quote(`rmdir ${word(path)}`);
  }

  setMode(path: string, mode: number): Command {
    return this.#quote(`chmod 0${mode.toString(8)} ${word(path)}`);
  }

  setTime(path: string, time: Date): Command {
    return this.#quote(`mtime ${word(time.toUTCString())} ${word(path)}`);
  }

  downloadWithTime(remote: string, local: string): Command {
    return this.#command("--remote-time", "--output", local, this.#url(remote));
  }

  symlink(target: string, path: string): Command {
    return this.#quote(`symlink ${word(target)} ${word(path)}`);
  }

  /** Its long listing shows targets, which it asks for with READLINK. */
  readlink(path: string): Command {
    return this.#command(this.#url(path.replace(/[^/]+$/, "")));
  }

  /** A command of its own, without a transfer. */
  #quote(text: string): Command {
    return this.#command("--head", "--quote", text, this.#url("/"));
  }

  #url(path: string): string {
    const { host, port } = this.#access;
    return `sftp://${host}:${port}${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  #command(...args: string[]): Command {
    const { user, password, method, keyFile, hostKey } = this.#access;
    const fingerprint = hostKey.fingerprint().replace("SHA256:", "");
    const login =
      method === "key"
        ? ["--user", `${user}:`, "--key", keyFile, "--pubkey", `${keyFile}.pub`]
        : ["--user", `${user}:${password}`];
    return {
      program: peerPath(peers.curl),
      // --disable comes first: no configuration of this machine.
      args: ["--disable", "--silent", "--show-error", "--hostpubsha256", fingerprint, ...login, ...args],
      env: clientEnvironment(this.#access),
    };
  }
}

function limit(bytesPerSecond: number | undefined): string[] {
  return bytesPerSecond === undefined ? [] : ["--limit-rate", String(bytesPerSecond)];
}

function word(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
