import { fileURLToPath } from "node:url";
import { peerPath, peers } from "@waybill/testing";
import { type Access, clientEnvironment } from "../client-access.js";
import { type Command, runCommand } from "../command.js";
import type { SftpClient, SftpClientProgram } from "../sftp-client.js";

/** paramiko, driven by a small Python program. */
export const paramiko: SftpClientProgram = {
  name: "paramiko",
  peers: [peers.paramiko],
  cannot: {},
  open: async (access) => new Paramiko(access),
};

const DRIVER = fileURLToPath(new URL("./paramiko-driver.py", import.meta.url));

/** A method of paramiko-driver.py and its arguments. */
export type ParamikoStep = readonly [method: string, ...args: (string | number | readonly string[])[]];

/** What a step gave: a value, or what the server said against it. */
export type ParamikoOutcome =
  | { readonly value: unknown; readonly error?: never }
  | { readonly value?: never; readonly error: string };

/** Runs steps in one session. Steps that fail are answered too and the rest goes on. */
export async function paramikoSteps(
  access: Access,
  steps: readonly ParamikoStep[],
): Promise<ParamikoOutcome[]> {
  const { code, stdout, stderr } = await runCommand(paramikoCommand(access, steps, { goOn: true }));
  if (code !== 0) throw new Error(`paramiko-driver.py ended with ${code}\n${stderr}`);
  return JSON.parse(stdout) as ParamikoOutcome[];
}

function paramikoCommand(
  access: Access,
  steps: readonly ParamikoStep[],
  { goOn }: { readonly goOn: boolean },
): Command {
  const { host, port, user, password, method, keyFile, hostKey } = access;
  const login = method === "key" ? { keyFile } : { password };
  const key = { hostKeyType: hostKey.type, hostKey: hostKey.blob.toString("base64") };
  return {
    program: peerPath(peers.paramiko),
    args: [DRIVER],
    env: clientEnvironment(access),
    input: JSON.stringify({ host, port, user, ...login, ...key, steps, goOn }),
  };
}

class Paramiko implements SftpClient {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  list(folder: string): Command {
    return this.#step("listdir", folder);
  }

  listed(output: string): string[] {
    const [outcome] = JSON.parse(output) as ParamikoOutcome[];
    return outcome?.value as string[];
  }

  upload(local: string, remote: string, bytesPerSecond = 0): Command {
    return this.#step("upload", local, remote, bytesPerSecond);
  }

  download(remote: string, local: string, bytesPerSecond = 0): Command {
    return this.#step("download", remote, local, bytesPerSecond);
  }

  resumeUpload(local: string, remote: string): Command {
    return this.#step("resume_upload", local, remote);
  }

  resumeDownload(remote: string, local: string): Command {
    return this.#step("resume_download", remote, local);
  }

  rename(from: string, to: string): Command {
    return this.#step("rename", from, to);
  }

  remove(path: string): Command {
    return this.#step("remove", path);
  }

  mkdir(path: string): Command {
    return this.#step("mkdir", path);
  }

  rmdir(path: string): Command {
    return this.#step("rmdir", path);
  }

  setMode(path: string, mode: number): Command {
    return this.#step("chmod", path, mode);
  }

  setTime(path: string, time: Date): Command {
    return this.#step("utime", path, time.getTime() / 1000);
  }

  uploadWithTime(local: string, remote: string): Command {
    return this.#step("upload_with_time", local, remote);
  }

  downloadWithTime(remote: string, local: string): Command {
    return this.#step("download_with_time", remote, local);
  }

  symlink(target: string, path: string): Command {
    return this.#step("symlink", target, path);
  }

  readlink(path: string): Command {
    return this.#step("readlink", path);
  }

  hardlink(existing: string, path: string): Command {
    return this.#step("hardlink", existing, path);
  }

  #step(...step: ParamikoStep): Command {
    return paramikoCommand(this.#access, [step], { goOn: false });
  }
}
