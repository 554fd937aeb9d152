import { DATA_HEADER_BYTES } from "../codec/packet-types.js";
import { writeDataHeader } from "../codec/replies.js";
import type { FileHandle } from "../file-system.js";
import { returnBuffer, takeBuffer } from "./buffer-pool.js";
import type { ContentVersion } from "./content-version.js";
import type { ReadAheadBudget } from "./read-ahead-budget.js";

/** One call to the file system reads at most about this much, and so much is read ahead. */
const MAX_LOAD_BYTES = 1024 * 1024;
const MAX_LOAD_SEGMENTS = 64;
/** Below this much ahead the next part is read. */
const LOW_WATER_BYTES = MAX_LOAD_BYTES / 2;
/** Calls to the file system at the same time, for one handle. */
const MAX_LOADS = 3;
/** So many requests in sequence make a sequential reader. */
const SEQUENTIAL_AFTER = 2;
/** What was read longer ago is read again: another process may have changed the file. */
const MAX_AGE_MS = 1000;
/** When it was in vain, because the client is slow or the file being written, there is none for so many requests. */
const PAUSE_REQUESTS = 16;

/** A READ request on its way. One of the methods is called, once. */
export interface PendingRead {
  readonly id: number;
  readonly offset: number;
  /** At least one byte. */
  readonly length: number;
  /** A whole reply in the first `packetBytes` of `packet`, which now belongs to the receiver. */
  data(packet: Buffer, packetBytes: number, dataBytes: number): void;
  endOfFile(): void;
  failed(error: unknown): void;
}

/** A part of the file that becomes one DATA packet: the buffer has room for its header in front of the data. */
interface Segment {
  readonly position: number;
  readonly length: number;
  buffer: Buffer | undefined;
  /** The request that it answers. Without one it is read ahead. */
  request: PendingRead | undefined;
  ready: boolean;
  /** Nobody wants it any more, but it is being loaded. */
  dropped: boolean;
  /** Loaded on its own, because a load together with others failed. */
  alone: boolean;
  /** On the clock of `performance.now()`. */
  readonly since: number;
}

/** Reads for one handle: joins adjacent requests into one call and reads ahead of a client that reads in sequence. */
export class SequentialReader {
  readonly #file: FileHandle;
  readonly #version: ContentVersion;
  readonly #budget: ReadAheadBudget;
  readonly #mayReadAhead: () => boolean;
  /** Requests that wait for a load, in the order in which they came. */
  readonly #queue: Segment[] = [];
  /** Read ahead or being so, in the order of their positions, without gaps. */
  #ahead: Segment[] = [];
  #loads = 0;
  #nextPosition = 0;
  #sequence = 0;
  #seenVersion: number;
  /** What is read ahead is cut as the client cuts its requests. */
  #segmentLength = 0;
  #atEnd = false;
  #closed: (() => void) | undefined;

  /** `mayReadAhead` says whether the session has a use for more data at all. */
  constructor(
    file: FileHandle,
    version: ContentVersion,
    budget: ReadAheadBudget,
    mayReadAhead: () => boolean,
  ) {
    this.#file = file;
    this.#version = version;
    this.#budget = budget;
    this.#mayReadAhead = file.identity === undefined ? () => false : mayReadAhead;
    this.#seenVersion = version.current;
  }

  read(request: PendingRead): void {
    this.dropOutdated();
    this.#sequence = request.offset === this.#nextPosition ? this.#sequence + 1 : 0;
    this.#nextPosition = request.offset + request.length;
    this.#segmentLength = request.length;
    const segment = this.#claim(request);
    if (segment === undefined) this.#queue.push(newSegment(request.offset, request.length, request));
    else if (segment.ready) answer(segment, request, segment.length);
    else segment.request = request;
    this.#load();
  }

  /** Forgets what was read ahead when it is old or when the file has changed since. */
  dropOutdated(): void {
    const version = this.#version.current;
    const changed = version !== this.#seenVersion;
    this.#seenVersion = version;
    const oldest = this.#ahead[0];
    if (oldest === undefined) return;
    if (!changed && performance.now() - oldest.since <= MAX_AGE_MS) return;
    this.#dropAhead();
    this.#sequence = -PAUSE_REQUESTS;
  }

  /** Gives everything back. Resolves when the file is no longer being read. */
  close(): Promise<void> {
    this.#dropAhead();
    if (this.#loads === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closed = resolve;
    });
  }

  /** What was read ahead for exactly this request. What lies before it was skipped by the client. */
  #claim(request: PendingRead): Segment | undefined {
    const index = this.#ahead.findIndex(
      (segment) => segment.position === request.offset && segment.length === request.length,
    );
    if (index < 0) {
      if (this.#sequence <= 0) this.#dropAhead();
      return undefined;
    }
    for (const skipped of this.#ahead.splice(0, index)) this.#drop(skipped);
    const segment = this.#ahead.shift()!;
    this.#budget.give(segment.length);
    return segment;
  }

  #load(): void {
    while (this.#loads < MAX_LOADS) {
      const batch = this.#queue.length > 0 ? this.#takeQueued() : this.#nextAhead();
      if (batch.length === 0) return;
      this.#start(batch);
    }
  }

  #takeQueued(): Segment[] {
    const batch = [this.#queue.shift()!];
    if (batch[0]!.alone) return batch;
    let end = endOf(batch[0]!);
    let bytes = batch[0]!.length;
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.position !== end || next.alone) break;
      if (bytes + next.length > MAX_LOAD_BYTES || batch.length === MAX_LOAD_SEGMENTS) break;
      batch.push(next);
      this.#queue.shift();
      end += next.length;
      bytes += next.length;
    }
    const isLast = this.#queue.length === 0 && end === this.#nextPosition && this.#ahead.length === 0;
    return isLast ? [...batch, ...this.#newAhead(MAX_LOAD_BYTES - bytes)] : batch;
  }

  /** The next part to read ahead, when it is time for that. */
  #nextAhead(): Segment[] {
    const last = this.#ahead.at(-1);
    const unclaimed = last === undefined ? 0 : endOf(last) - this.#ahead[0]!.position;
    if (unclaimed >= LOW_WATER_BYTES || this.#loads > 0) return [];
    return this.#newAhead(MAX_LOAD_BYTES - unclaimed);
  }

  /** Segments from where the client will read next, as many as fit and may be. */
  #newAhead(maxBytes: number): Segment[] {
    if (this.#sequence < SEQUENTIAL_AFTER || this.#atEnd || !this.#mayReadAhead()) return [];
    const length = this.#segmentLength;
    const segments: Segment[] = [];
    const last = this.#ahead.at(-1);
    let position = last === undefined ? this.#nextPosition : endOf(last);
    let bytes = 0;
    while (bytes + length <= maxBytes && segments.length < MAX_LOAD_SEGMENTS && this.#budget.take(length)) {
      segments.push(newSegment(position, length, undefined));
      position += length;
      bytes += length;
    }
    this.#ahead.push(...segments);
    return segments;
  }

  #start(batch: Segment[]): void {
    this.#loads += 1;
    const version = this.#version.current;
    const buffers = batch.map((segment) => {
      segment.buffer = takeBuffer(DATA_HEADER_BYTES + segment.length);
      return segment.buffer.subarray(DATA_HEADER_BYTES);
    });
    this.#read(buffers, batch[0]!.position).then(
      (count) => this.#loaded(batch, count, version),
      (error: unknown) => this.#failed(batch, error),
    );
  }

  /** Asynchronous even when the file system throws at once. */
  async #read(buffers: readonly Buffer[], position: number): Promise<number> {
    const count = await this.#file.read(buffers, position);
    // Anything else would be asked for again and again.
    if (!(count >= 0)) throw new TypeError("a file system must tell how many bytes it has read");
    return count;
  }

  #loaded(batch: readonly Segment[], count: number, version: number): void {
    const start = batch[0]!.position;
    this.#atEnd = count < endOf(batch.at(-1)!) - start;
    const unanswered: Segment[] = [];
    for (const segment of batch) {
      const filled = Math.min(Math.max(start + count - segment.position, 0), segment.length);
      const { request } = segment;
      if (request === undefined) {
        // The end of the file is never kept: the file may have grown when the client gets there.
        if (segment.dropped) release(segment);
        else if (filled === segment.length && version === this.#version.current) segment.ready = true;
        else this.#forgetFrom(segment);
      } else if (filled > 0) {
        answer(segment, request, filled);
      } else {
        release(segment);
        // Nothing at the start of the load is the end of the file. Later in it, it could be a short read.
        if (count === 0) request.endOfFile();
        else unanswered.push(newSegment(segment.position, segment.length, request));
      }
    }
    this.#queue.unshift(...unanswered);
    this.#finishLoad();
  }

  #failed(batch: readonly Segment[], error: unknown): void {
    const unanswered: Segment[] = [];
    for (const segment of batch) {
      const { request } = segment;
      if (request === undefined) {
        if (segment.dropped) release(segment);
        else this.#forgetFrom(segment);
      } else {
        release(segment);
        if (batch.length === 1) request.failed(error);
        else unanswered.push({ ...newSegment(segment.position, segment.length, request), alone: true });
      }
    }
    this.#sequence = 0;
    this.#queue.unshift(...unanswered);
    this.#finishLoad();
  }

  #finishLoad(): void {
    this.#loads -= 1;
    if (this.#closed !== undefined && this.#loads === 0) this.#closed();
    else if (this.#closed === undefined) this.#load();
  }

  /** Drops a loaded segment, and those after it: what is ahead has no gaps. */
  #forgetFrom(segment: Segment): void {
    const index = this.#ahead.indexOf(segment);
    segment.ready = true;
    if (index < 0) release(segment);
    else for (const later of this.#ahead.splice(index)) this.#drop(later);
  }

  #dropAhead(): void {
    for (const segment of this.#ahead) this.#drop(segment);
    this.#ahead = [];
  }

  #drop(segment: Segment): void {
    this.#budget.give(segment.length);
    if (segment.ready) release(segment);
    else segment.dropped = true;
  }
}

function newSegment(position: number, length: number, request: PendingRead | undefined): Segment {
  return {
    position,
    length,
    buffer: undefined,
    request,
    ready: false,
    dropped: false,
    alone: false,
    since: performance.now(),
  };
}

function endOf(segment: Segment): number {
  return segment.position + segment.length;
}

function answer(segment: Segment, request: PendingRead, dataBytes: number): void {
  const packet = segment.buffer!;
  segment.buffer = undefined;
  writeDataHeader(packet, request.id, dataBytes);
  request.data(packet, DATA_HEADER_BYTES + dataBytes, dataBytes);
}

function release(segment: Segment): void {
  if (segment.buffer !== undefined) returnBuffer(segment.buffer);
  segment.buffer = undefined;
}
