import type { FileAttributes } from "../codec/attributes.js";

/** How each attribute is set on some file. */
export interface AttributeSetters {
  size(bytes: number): void | Promise<void>;
  owner(uid: number, gid: number): void | Promise<void>;
  mode(mode: number): void | Promise<void>;
  /** Seconds since 1970. */
  times(accessed: number, modified: number): void | Promise<void>;
}

/**
 * Sets the attributes that are there. The owner goes before the mode, because changing it takes away set-user-id; the
 * times go last, because all else changes them. What fails does not keep the rest from being set; the first error
 * is thrown in the end.
 */
export async function applyAttributes(attributes: FileAttributes, setters: AttributeSetters): Promise<void> {
  const { size, owner, permissions, times } = attributes;
  const steps: (() => void | Promise<void>)[] = [];
  if (size !== undefined) steps.push(() => setters.size(size));
  if (owner !== undefined) steps.push(() => setters.owner(owner.uid, owner.gid));
  if (permissions !== undefined) steps.push(() => setters.mode(permissions));
  if (times !== undefined) steps.push(() => setters.times(times.accessed, times.modified));
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
