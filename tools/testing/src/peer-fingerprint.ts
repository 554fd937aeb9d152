import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { findPeer, type Peer, peers } from "./peer-programs.js";

/**
 * A short text that changes when one of the programs that tests use is installed, removed or replaced. It is part of
 * the key under which test results are cached, because those results depend on the machine's programs.
 */
export function peerFingerprint(programs: readonly Peer[] = Object.values(peers)): string {
  const hash = createHash("sha256");
  for (const peer of programs) {
    const path = findPeer(peer);
    hash.update(`${peer.program}=${path === undefined ? "missing" : describeFile(path)}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

function describeFile(path: string): string {
  const file = realpathSync(path);
  const { size, mtimeMs } = statSync(file);
  return `${file}:${size}:${mtimeMs}`;
}
