// Buffers for packets of data: a fast download needs one of 255 KiB every 200 microseconds, and making and collecting
// them costs more than reading the file. All sessions share the pool; what is unused for a while is given back.

/** Smaller ones are cheap to make. */
const MIN_POOLED_BYTES = 16 * 1024;
const MAX_POOLED_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 3000;

const free = new Map<number, Buffer[]>();
let pooledBytes = 0;
let used = false;
let timer: NodeJS.Timeout | undefined;

/** A buffer of exactly this many bytes, with anything in it. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes < MIN_POOLED_BYTES) return Buffer.allocUnsafe(bytes);
  used = true;
  const buffer = free.get(bytes)?.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(bytes);
  pooledBytes -= bytes;
  return buffer;
}

/** Gives a buffer back that nothing refers to any more. */
export function returnBuffer(buffer: Buffer): void {
  const bytes = buffer.length;
  if (bytes < MIN_POOLED_BYTES || bytes > MAX_POOLED_BYTES) return;
  if (pooledBytes + bytes > MAX_POOLED_BYTES) emptyPool();
  const same = free.get(bytes);
  if (same === undefined) free.set(bytes, [buffer]);
  else same.push(buffer);
  pooledBytes += bytes;
  timer ??= setInterval(emptyWhenIdle, IDLE_MS).unref();
}

/** Bytes that lie unused in the pool. */
export function pooledBufferBytes(): number {
  return pooledBytes;
}

function emptyWhenIdle(): void {
  if (used) {
    used = false;
    return;
  }
  emptyPool();
  clearInterval(timer);
  timer = undefined;
}

function emptyPool(): void {
  free.clear();
  pooledBytes = 0;
}
