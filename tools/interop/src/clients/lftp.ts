import { peerPath, peers } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import type { Command } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";
import { openSshOptions } from "./openssh.js";

/** `lftp`, which runs OpenSSH's `ssh` and speaks SFTP itself. */
export const lftp: SftpClientProgram = {
  name: "lftp",
  peers: [peers.lftp, peers.ssh],
  cannot: {
    setTime: "lftp has no command for times alone",
    readlink: "lftp shows listings as the server writes them, and targets are not in those",
    hardlink: "lftp's ln without -s says that SFTP does not support it",
  },
  open: async (access) => new Lftp(access),
};

class Lftp implements SftpClient {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  list(folder: string): Command {
    // Without the marks that its `cls` puts behind names.
    return this.#script('set cmd:cls-default ""', `cd ${word(folder)}`, "cls -1a");
  }

  listed(output: string): string[] {
    return output.split("\n").filter((line) => line !== "" && line !== "." && line !== "..");
  }

  upload(local: string, remote: string, bytesPerSecond = 0): Command {
    return this.#script(
      `set net:limit-total-rate ${bytesPerSecond}`,
      "set net:limit-total-max 65536",
      `put ${word(local)} -o ${word(remote)}`,
    );
  }

  download(remote: string, local: string, bytesPerSecond = 0): Command {
    return this.#script(
      `set net:limit-total-rate ${bytesPerSecond}`,
      "set net:limit-total-max 65536",
      `get ${word(remote)} -o ${word(local)}`,
    );
  }

  resumeUpload(local: string, remote: string): Command {
    return this.#script(`put -c ${word(local)} -o ${word(remote)}`);
  }

  resumeDownload(remote: string, local: string): Command {
    return this.#script(`get -c ${word(remote)} -o ${word(local)}`);
  }

  rename(from: string, to: string): Command {
    return this.#script(`mv ${word(from)} ${word(to)}`);
  }

  remove(path: string): Command {
    return this.#script(`rm ${word(path)}`);
  }

  mkdir(path: string): Command {
    return this.#script(`mkdir ${word(path)}`);
  }

  rmdir(path: string): Command {
    return this.#script(`rmdir ${word(path)}`);
  }

  setMode(path: string, mode: number): Command {
    return this.#script(`chmod ${mode.toString(8)} ${word(path)}`);
  }

  uploadWithTime(local: string, remote: string): Command {
    return this.upload(local, remote);
  }

  downloadWithTime(remote: string, local: string): Command {
    return this.download(remote, local);
  }

  symlink(target: string, path: string): Command {
    return this.#script(`ln -s ${word(target)} ${word(path)}`);
  }

  #script(...lines: string[]): Command {
    return lftpCommand(this.#access, ...lines);
  }
}

/** Runs commands in a session; the first that fails ends it. */
export function lftpCommand(access: Access, ...lines: string[]): Command {
  const { host, port, user, password, method } = access;
  const ssh = ["ssh", "-a", "-x", ...openSshOptions(access)].join(" ");
  const script = [
    "set cmd:fail-exit yes",
    "set net:max-retries 1",
    "set xfer:clobber yes",
    "set sftp:auto-confirm no",
    `set sftp:connect-program ${word(ssh)}`,
    // The password follows the comma; without one ssh must get in by itself.
    `open -u ${word(`${user},${method === "password" ? password : ""}`)} sftp://${host}:${port}`,
    ...lines,
  ];
  return {
    program: peerPath(peers.lftp),
    args: ["--norc", "-c", script.join("; ")],
    env: clientEnvironment(access),
  };
}

function word(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
