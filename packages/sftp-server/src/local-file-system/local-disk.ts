import type { StatsFs } from "node:fs";

/** Magic numbers of Linux's statfs(2) for file systems that are on this machine. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlayfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0x3153464a, // jfs
  0x52654973, // reiserfs
  0x4d44, // vfat
  0x2011bab0, // exfat
  0xca451a4e, // bcachefs
]);

/** Whether calls to this file system come back at once when what they need is in memory. Unknown ones count as remote. */
export function isLocalDisk(statistics: StatsFs): boolean {
  return process.platform === "linux" && LOCAL_TYPES.has(statistics.type);
}
