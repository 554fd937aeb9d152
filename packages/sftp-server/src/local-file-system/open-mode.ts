import { constants } from "node:fs";
import type { OpenFlags } from "../file-system.js";

const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** Nothing is followed, and a FIFO or a device does not make us wait. */
export const SAFE_OPEN = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/** The flags for open(2). Without O_TRUNC: a file is emptied only once it is certain that it is the right one. */
export function openMode(flags: OpenFlags): number {
  const access = flags.write ? (flags.read ? O_RDWR : O_WRONLY) : O_RDONLY;
  return (
    access |
    SAFE_OPEN |
    (flags.append ? O_APPEND : 0) |
    (flags.create ? O_CREAT : 0) |
    (flags.create && flags.exclusive ? O_EXCL : 0)
  );
}
