import type { FileHandle, FileSystem } from "@waybill/sftp-server";
import { MemoryFileSystem } from "./memory-file-system.js";

/** A call to a back end that waits until the test lets it go on. */
export interface HeldCall {
  readonly name: string;
  proceed(): void;
  fail(error: Error): void;
}

/**
 * A file system in memory whose calls wait in `calls` while `hold` is true, in the order in which the session made them.
 */
export class ControlledFileSystem {
  hold = false;
  readonly calls: HeldCall[] = [];
  /** Every call that was made, held or not. */
  readonly log: string[] = [];
  readonly fileSystem: FileSystem;
  #arrivals: (() => void)[] = [];

  constructor(memory: FileSystem = new MemoryFileSystem()) {
    const wrapHandle = (handle: FileHandle): FileHandle => ({
      ...(handle.identity === undefined ? {} : { identity: handle.identity }),
      read: (buffers, position) => this.#pass(`read ${position}`, () => handle.read(buffers, position)),
      write: (buffers, position) => {
        const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
        return this.#pass(`write ${position}+${bytes}`, () => handle.write(buffers, position));
      },
      stat: () => this.#pass("fstat", () => handle.stat()),
      setstat: (attributes) => this.#pass("fsetstat", () => handle.setstat(attributes)),
      close: () => this.#pass("close", () => handle.close()),
      sync: () => this.#pass("sync", async () => {}),
    });
    this.fileSystem = {
      open: async (path, flags, attributes) =>
        wrapHandle(await this.#pass(`open ${path}`, () => memory.open(path, flags, attributes))),
      opendir: (path) => this.#pass(`opendir ${path}`, () => memory.opendir(path)),
      stat: (path) => this.#pass(`stat ${path}`, () => memory.stat(path)),
      lstat: (path) => this.#pass(`lstat ${path}`, () => memory.lstat(path)),
      setstat: (path, attributes) => this.#pass(`setstat ${path}`, () => memory.setstat(path, attributes)),
      mkdir: (path, attributes) => this.#pass(`mkdir ${path}`, () => memory.mkdir(path, attributes)),
      rmdir: (path) => this.#pass(`rmdir ${path}`, () => memory.rmdir(path)),
      remove: (path) => this.#pass(`remove ${path}`, () => memory.remove(path)),
      rename: (from, to) => this.#pass(`rename ${from} ${to}`, () => memory.rename(from, to)),
      realpath: (path) => this.#pass(`realpath ${path}`, () => memory.realpath(path)),
    };
  }

  get names(): string[] {
    return this.calls.map((call) => call.name);
  }

  /** Waits until so many calls are held. */
  async held(count: number): Promise<void> {
    while (this.calls.length < count) {
      await new Promise<void>((resolve) => this.#arrivals.push(resolve));
    }
  }

  /** Lets the oldest held call of this name go on. */
  proceed(name: string): void {
    this.#take(name).proceed();
  }

  fail(name: string, error: Error): void {
    this.#take(name).fail(error);
  }

  /** Holds nothing any more. */
  release(): void {
    this.hold = false;
    for (const call of this.calls.splice(0)) call.proceed();
  }

  #take(name: string): HeldCall {
    const index = this.calls.findIndex((call) => call.name === name);
    if (index < 0) throw new Error(`${name} is not held; held are: ${this.names.join(", ")}`);
    return this.calls.splice(index, 1)[0]!;
  }

  async #pass<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.log.push(name);
    if (this.hold) {
      await new Promise<void>((resolve, reject) => {
        this.calls.push({ name, proceed: resolve, fail: reject });
        for (const arrived of this.#arrivals.splice(0)) arrived();
      });
    }
    return work();
  }
}

/** Lets everything that is already on its way happen: streams, promises, callbacks. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
