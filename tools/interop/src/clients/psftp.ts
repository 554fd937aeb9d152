import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { peerPath, peers, runProgram } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import type { Command } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";

/** PuTTY's `psftp`, with its commands in a file. */
export const psftp: SftpClientProgram = {
  name: "psftp",
  peers: [peers.psftp, peers.puttygen],
  cannot: {
    setTime: "psftp has no command for times",
    uploadWithTime: "psftp does not keep times",
    downloadWithTime: "psftp does not keep times",
    symlink: "psftp has no command for links",
    readlink: "psftp has no command for links",
    hardlink: "psftp has no command for links",
  },
  open: async (access) => {
    const keyFile = join(access.home, "user_key.ppk");
    const env = clientEnvironment(access);
    const args = [access.keyFile, "-O", "private", "-o", keyFile];
    const { code, stderr } = await runProgram(peerPath(peers.puttygen), args, { env });
    if (code !== 0) throw new Error(`puttygen failed: ${stderr}`);
    return new Psftp(access, keyFile);
  },
};

// `drwxr-xr-x   2 root     root         4096 Nov 20 08:15 name`: psftp shows the lines as the server wrote them.
const LONG_NAME =
  /^[-dl](?:[-r][-w][-xsS]){2}[-r][-w][-xtT] +\d+ \S+ +\S+ +\d+ \w{3} [ \d]\d (?: \d{4}|\d\d:\d\d) (.+)$/;
const HEADINGS = /^(?:Remote working directory is|Listing directory) /;

class Psftp implements SftpClient {
  readonly #access: Access;
  readonly #keyFile: string;
  #scripts = 0;

  constructor(access: Access, keyFile: string) {
    this.#access = access;
    this.#keyFile = keyFile;
  }

  list(folder: string): Command {
    return this.#script(`ls ${word(folder)}`);
  }

  listed(output: string): string[] {
    const lines = output.split("\n").filter((line) => line !== "" && !HEADINGS.test(line));
    return lines.map((line) => {
      const name = LONG_NAME.exec(line)?.[1];
      if (name === undefined) throw new Error(`this is no line of a listing: ${line}`);
      return name;
    });
  }

  // It cannot slow itself down.
  upload(local: string, remote: string): Command {
    return this.#script(`put ${word(local)} ${word(remote)}`);
  }

  download(remote: string, local: string): Command {
    return this.#script(`get ${word(remote)} ${word(local)}`);
  }

  resumeUpload(local: string, remote: string): Command {
    return this.#script(`reput ${word(local)} ${word(remote)}`);
  }

  resumeDownload(remote: string, local: string): Command {
    return this.#script(`reget ${word(remote)} ${word(local)}`);
  }

  rename(from: string, to: string): Command {
    return this.#script(`ren ${word(from)} ${word(to)}`);
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

  #script(line: string): Command {
    const { host, port, user, password, method, hostKey, home } = this.#access;
    this.#scripts += 1;
    const script = join(home, `psftp-${this.#scripts}.txt`);
    writeFileSync(script, `${line}\n`);
    const login = method === "key" ? ["-i", this.#keyFile] : ["-pw", password];
    const args = ["-batch", "-b", script, "-P", String(port), "-hostkey", hostKey.fingerprint(), ...login];
    return {
      program: peerPath(peers.psftp),
      args: [...args, `${user}@${host}`],
      env: clientEnvironment(this.#access),
    };
  }
}

function word(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
