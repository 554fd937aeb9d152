import { access } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { readPrivateKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { download, type ScpOptions, type ScpResult, upload } from "@waybill/scp";
import { connectSsh, defaultKnownHostsFile, type HostKeyPolicy } from "@waybill/ssh-core";
import type { Command } from "commander";
import { oneLine } from "../log-lines.js";
import { collect, integer, port } from "../option-parsers.js";
import { openPrivateKey } from "../private-key-file.js";
import { ProgressDisplay } from "../progress-display.js";
import { ask, canAsk } from "../prompt.js";
import { type Copy, parseCopy } from "../remote-target.js";
import { askSecret, givenPassword, PASSWORD_VARIABLE } from "../secrets.js";
import { UsageError } from "../usage-error.js";

interface ScpCommandOptions {
  readonly recursive?: boolean;
  readonly preserve?: boolean;
  readonly quiet?: boolean;
  readonly compression?: boolean;
  readonly port: number;
  readonly identity?: string[];
  readonly limit?: number;
  readonly knownHosts?: string;
  readonly hostKeyFingerprint?: string;
  readonly passwordFile?: string;
}

export function addScpCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("scp")
    .description(
      "Copy files to or from an SSH server: one side is user@host:path. Exit code 0 means everything arrived.",
    )
    .usage("[options] <source...> <target>")
    .argument("<path...>", "what to copy (* ? [a-z] choose by name on either side), and last where to")
    .option("-r, --recursive", "copy folders with all that is in them")
    .option("-p, --preserve", "keep times and modes")
    .option("-q, --quiet", "show no progress")
    .option("-C, --compression", "compress on the way")
    .option("-P, --port <port>", "the server's port", port, 22)
    .option("-i, --identity <file>", "a private key to log in with (may be repeated)", collect)
    .option("-l, --limit <kbit/s>", "use at most this much of the line", integer(1, 1_000_000_000))
    .option("--known-hosts <file>", "the host keys that are trusted (default: ~/.ssh/known_hosts)")
    .option("--host-key-fingerprint <fingerprint>", "the only host key that is trusted, as in SHA256:…")
    .option(
      "--password-file <file>",
      `take the password or passphrase from the first line of a file (or from ${PASSWORD_VARIABLE})`,
    )
    .action(async (paths: string[], options: ScpCommandOptions) => {
      const sources = paths.slice(0, -1);
      const target = paths.at(-1);
      if (sources.length === 0 || target === undefined)
        throw new UsageError("a source and a target are needed");
      done(await copy(parseCopy(sources, target), options));
    });
}

async function copy(task: Copy, options: ScpCommandOptions): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => interrupt.abort(new Error(signal));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    const client = await connect(task, options, interrupt.signal);
    try {
      const scpOptions = transferOptions(options, interrupt.signal);
      const result =
        task.direction === "up"
          ? await upload(client, task.sources, task.target, scpOptions)
          : await download(client, task.sources, task.target, scpOptions);
      return report(result);
    } finally {
      await client.close();
    }
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

async function connect(task: Copy, options: ScpCommandOptions, signal: AbortSignal) {
  const { host } = task.remote;
  const user = task.remote.user ?? userInfo().username;
  const given = await givenPassword(options.passwordFile);
  const agent = process.env.SSH_AUTH_SOCK;
  return connectSsh({
    host,
    port: options.port,
    user,
    hostKey: hostKeyPolicy(options),
    compression: options.compression ?? false,
    privateKeys: await identities(options.identity, given, signal),
    ...(agent && { agent }),
    password: () => given ?? askSecret(`the password of ${user}@${host}`, signal),
    ...(canAsk() && {
      keyboardInteractive: async ({ title, instructions, prompts }) => {
        const [only] = prompts;
        if (given !== undefined && prompts.length === 1 && only !== undefined && !only.echo) return [given];
        for (const text of [title, instructions])
          if (text !== "") process.stderr.write(`${printable(text)}\n`);
        const answers: string[] = [];
        for (const { prompt, echo } of prompts)
          answers.push(await ask(printable(prompt), { hidden: !echo, signal }));
        return answers;
      },
    }),
    onBanner: (text) => {
      if (!options.quiet) process.stderr.write(`${printable(text).trimEnd()}\n`);
    },
    signal,
  });
}

function hostKeyPolicy(options: ScpCommandOptions): HostKeyPolicy {
  if (options.hostKeyFingerprint === undefined) {
    return { knownHostsFiles: [options.knownHosts ?? defaultKnownHostsFile()] };
  }
  if (options.knownHosts !== undefined) {
    throw new UsageError("use either --known-hosts or --host-key-fingerprint, not both");
  }
  return { fingerprints: [options.hostKeyFingerprint] };
}

/** The keys that were named; else the usual ones, as far as they are there and not encrypted. */
async function identities(
  named: string[] | undefined,
  given: string | undefined,
  signal: AbortSignal,
): Promise<SoftwarePrivateKey[]> {
  const keys: SoftwarePrivateKey[] = [];
  for (const path of named ?? []) keys.push(await openPrivateKey(path, given, signal));
  if (named !== undefined) return keys;
  for (const name of ["id_ed25519", "id_ecdsa", "id_rsa"]) {
    const path = join(homedir(), ".ssh", name);
    const readable = await access(path).then(
      () => true,
      () => false,
    );
    if (!readable) continue;
    try {
      keys.push(await readPrivateKey(path));
    } catch (error) {
      // Not named by the user: an encrypted or foreign file is left to the agent, or to --identity.
      if (!isTransferError(error)) throw error;
    }
  }
  return keys;
}

function transferOptions(options: ScpCommandOptions, signal: AbortSignal): ScpOptions {
  const display = options.quiet ? undefined : new ProgressDisplay(process.stdout);
  return {
    recursive: options.recursive ?? false,
    preserve: options.preserve ?? false,
    signal,
    ...(options.limit !== undefined && { bytesPerSecond: (options.limit * 1000) / 8 }),
    ...(display !== undefined && {
      onProgress: ({ path, bytes, totalBytes, bytesPerSecond, elapsedMs, state }) =>
        display.show({ name: path, bytes, totalBytes, bytesPerSecond, elapsedMs, ended: state === "end" }),
    }),
  };
}

function report(result: ScpResult): number {
  for (const file of result.files) {
    if (file.error !== undefined) process.stderr.write(`waybill: ${oneLine(file.error.message)}\n`);
  }
  return result.failed === 0 ? 0 : 1;
}

/** What a server says is shown without its control characters. */
function printable(text: string): string {
  return text.replace(/(?!\n)\p{Cc}/gu, "");
}
