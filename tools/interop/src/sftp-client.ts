import type { Peer } from "@waybill/testing";
import type { Access } from "./client-access.js";
import type { Command } from "./command.js";

/** What not every program can do. */
export type SftpAbility =
  | "resumeUpload"
  | "resumeDownload"
  | "setMode"
  | "setTime"
  | "uploadWithTime"
  | "downloadWithTime"
  | "symlink"
  | "readlink"
  | "hardlink";

/** A program to test the server with. */
export interface SftpClientProgram {
  readonly name: string;
  /** The programs that it consists of. */
  readonly peers: readonly Peer[];
  /** What it cannot do, and why. Its tests leave that out; everything else they demand. */
  readonly cannot: Readonly<Partial<Record<SftpAbility, string>>>;
  /** Prepares what the program wants to have as files, and resolves to its commands. */
  open(access: Access): Promise<SftpClient>;
}

/**
 * What a program is asked to do, as command lines. Remote paths are absolute as the client sees them; local ones are
 * absolute too. A command fails when the program's exit code is not 0.
 */
export interface SftpClient {
  list(folder: string): Command;
  /** The names in what `list` printed, `.` and `..` left out. */
  listed(output: string): string[];
  /** With `bytesPerSecond` the program slows itself down, if it can. */
  upload(local: string, remote: string, bytesPerSecond?: number): Command;
  download(remote: string, local: string, bytesPerSecond?: number): Command;
  resumeUpload?(local: string, remote: string): Command;
  resumeDownload?(remote: string, local: string): Command;
  rename(from: string, to: string): Command;
  remove(path: string): Command;
  mkdir(path: string): Command;
  rmdir(path: string): Command;
  setMode?(path: string, mode: number): Command;
  /** Sets the time of the last change. */
  setTime?(path: string, time: Date): Command;
  /** Uploads a file; its copy has the same time of the last change. */
  uploadWithTime?(local: string, remote: string): Command;
  downloadWithTime?(remote: string, local: string): Command;
  symlink?(target: string, path: string): Command;
  /** Prints the target of a link somewhere in its output. */
  readlink?(path: string): Command;
  hardlink?(existing: string, path: string): Command;
}
