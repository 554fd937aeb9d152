import type { ResolvedOptions } from "./options.js";
import type { RemoteRequest } from "./remote-path.js";
import { quoteRemotePath } from "./shell-quote.js";

type CommandOptions = Pick<ResolvedOptions, "remoteProgram" | "recursive" | "preserve">;

/** The command of a sink on the server. With `folder` it refuses a target that is none. */
export function sinkCommand(options: CommandOptions, remotePath: string, folder: boolean): string {
  const flags = [options.recursive && "-r", options.preserve && "-p", folder && "-d"];
  return command(options, [...flags, "-t", quoteRemotePath(remotePath)]);
}

/** The command of a source on the server. `times` asks for `T` lines. */
export function sourceCommand(options: CommandOptions, request: RemoteRequest, times: boolean): string {
  const flags = [options.recursive && "-r", times && "-p", "-f"];
  const direct = command(options, [...flags, request.argument]);
  if (request.masked || !options.recursive) return direct;
  const inside = `cd ${request.argument} && exec ${command(options, [...flags, "."])}`;
  if (request.contents) return inside;
  // OpenSSH encodes a path with a line break in it, then cannot open the folder under that name.
  if (request.path.includes("\n"))
    return `if [ -d ${request.argument} ]; then ${inside}; else exec ${direct}; fi`;
  return direct;
}

function command(options: CommandOptions, words: readonly (string | false)[]): string {
  return [options.remoteProgram, ...words.filter((word) => word !== false)].join(" ");
}
