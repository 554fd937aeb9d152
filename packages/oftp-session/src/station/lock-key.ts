import { createHash } from "node:crypto";

/** A name for a lock: any string as lower case letters, digits and hyphens. */
export function lockKey(kind: string, name: string): string {
  return `${kind}-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}
