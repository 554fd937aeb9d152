import { type Peer, peerPath, peers } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import type { Command } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";

/** OpenSSH's `sftp`, with its commands on the standard input. */
export const openSshSftp: SftpClientProgram = {
  name: "OpenSSH sftp",
  peers: [peers.sftp, peers.ssh, peers.sshpass],
  cannot: {
    setTime: "sftp sets times only as a part of put -p",
    readlink: "sftp has no command that shows where a link leads",
  },
  open: async (access) => new OpenSshSftp(access),
};

/** Options of OpenSSH's programs for this access, and for nothing else of this machine. */
export function openSshOptions(access: Access): string[] {
  const settings = [
    "BatchMode=no",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${access.knownHostsFile}`,
    "GlobalKnownHostsFile=/dev/null",
    "NumberOfPasswordPrompts=1",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    ...(access.method === "key"
      ? [`IdentityFile=${access.keyFile}`, "PreferredAuthentications=publickey"]
      : ["PubkeyAuthentication=no", "PreferredAuthentications=password"]),
  ];
  return ["-F", "none", ...settings.flatMap((setting) => ["-o", setting])];
}

/** Starts one of OpenSSH's programs; the password is typed by sshpass. */
export function openSshCommand(access: Access, program: Peer, args: readonly string[], input = ""): Command {
  const env = clientEnvironment(access);
  const command = [peerPath(program), ...openSshOptions(access), ...args];
  if (access.method === "key") return { program: command[0]!, args: command.slice(1), env, input };
  return {
    program: peerPath(peers.sshpass),
    args: ["-e", ...command],
    env: { ...env, SSHPASS: access.password },
    input,
  };
}

/** A batch of commands for `sftp`. Without a leading `-` the first that fails ends it with exit code 1. */
export function sftpBatch(access: Access, lines: readonly string[], args: readonly string[] = []): Command {
  const { host, port, user } = access;
  const options = ["-b", "-", "-P", String(port), ...args, `${user}@${host}`];
  return openSshCommand(access, peers.sftp, options, `${lines.join("\n")}\n`);
}

/** Options that make `sftp` slow. */
export function atMost(bytesPerSecond: number): string[] {
  return ["-l", String(Math.round((bytesPerSecond * 8) / 1000))];
}

/** A word of a batch. The names in the tests hold no wildcards. */
export function sftpWord(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

class OpenSshSftp implements SftpClient {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  list(folder: string): Command {
    return this.#batch([`@cd ${sftpWord(folder)}`, "@ls -1a"]);
  }

  listed(output: string): string[] {
    return output.split("\n").filter((line) => line !== "" && line !== "." && line !== "..");
  }

  upload(local: string, remote: string, bytesPerSecond?: number): Command {
    return this.#batch([`put ${sftpWord(local)} ${sftpWord(remote)}`], bytesPerSecond);
  }

  download(remote: string, local: string, bytesPerSecond?: number): Command {
    return this.#batch([`get ${sftpWord(remote)} ${sftpWord(local)}`], bytesPerSecond);
  }

  resumeUpload(local: string, remote: string): Command {
    return this.#batch([`reput ${sftpWord(local)} ${sftpWord(remote)}`]);
  }

  resumeDownload(remote: string, local: string): Command {
    return this.#batch([`reget ${sftpWord(remote)} ${sftpWord(local)}`]);
  }

  rename(from: string, to: string): Command {
    return this.#batch([`rename ${sftpWord(from)} ${sftpWord(to)}`]);
  }

  remove(path: string): Command {
    return this.#batch([`rm ${sftpWord(path)}`]);
  }

  mkdir(path: string): Command {
    return this.#batch([`mkdir ${sftpWord(path)}`]);
  }

  rmdir(path: string): Command {
    return this.#batch([`rmdir ${sftpWord(path)}`]);
  }

  setMode(path: string, mode: number): Command {
    return this.#batch([`chmod ${mode.toString(8)} ${sftpWord(path)}`]);
  }

  uploadWithTime(local: string, remote: string): Command {
    return this.#batch([`put -p ${sftpWord(local)} ${sftpWord(remote)}`]);
  }

  downloadWithTime(remote: string, local: string): Command {
    return this.#batch([`get -p ${sftpWord(remote)} ${sftpWord(local)}`]);
  }

  symlink(target: string, path: string): Command {
    return this.#batch([`ln -s ${sftpWord(target)} ${sftpWord(path)}`]);
  }

  hardlink(existing: string, path: string): Command {
    return this.#batch([`ln ${sftpWord(existing)} ${sftpWord(path)}`]);
  }

  #batch(lines: readonly string[], bytesPerSecond?: number): Command {
    return sftpBatch(this.#access, lines, bytesPerSecond === undefined ? [] : atMost(bytesPerSecond));
  }
}
