import type { Command } from "commander";

type Add = (program: Command, done: (exitCode: number) => void) => void;

/** The commands by their names, in the order of the help. Each is loaded only when it is meant: together they take half a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  "sftp-server": async () => (await import("./sftp-server.js")).addSftpServerCommand,
  scp: async () => (await import("./scp.js")).addScpCommand,
  keygen: async () => (await import("./keygen.js")).addKeygenCommand,
  key: async () => (await import("./key.js")).addKeyCommand,
  cert: async () => (await import("./cert/cert.js")).addCertCommand,
  cms: async () => (await import("./cms/cms.js")).addCmsCommand,
  oftp: oftpCommands,
  "oftp-server": oftpCommands,
  start: async () => (await import("./start.js")).addStartCommand,
};

/** Adds the command that the arguments name, or all of them when they name none. */
export async function addCommands(
  program: Command,
  args: readonly string[],
  done: (exitCode: number) => void,
): Promise<void> {
  const named = COMMANDS[args[0] ?? ""];
  const loaders = named === undefined ? new Set(Object.values(COMMANDS)) : [named];
  for (const load of loaders) (await load())(program, done);
}

/** `oftp` and `oftp-server` come together. */
async function oftpCommands(): Promise<Add> {
  return (await import("./oftp/oftp.js")).addOftpCommands;
}
