const KEYPRESS_MS = 300;

/**
 * Ctrl-C under npm arrives twice: the terminal sends SIGINT to every process in the foreground, and npm sends it again
 * to its child. The server ends gracefully on the first signal and at once on the second, so the echo must not count:
 * a signal that repeats the last one within 300 ms is dropped.
 * @param {NodeJS.Process} target Its listeners for SIGINT and SIGTERM must be added after this call.
 */
export function oneSignalPerKeypress(target, now = () => performance.now()) {
  const emit = target.emit;
  const last = new Map();
  /** @param {string} event @param {unknown[]} args */
  function emitOnce(event, ...args) {
    if (event === "SIGINT" || event === "SIGTERM") {
      const echo = now() - (last.get(event) ?? Number.NEGATIVE_INFINITY) < KEYPRESS_MS;
      if (echo) return true;
      last.set(event, now());
    }
    return Reflect.apply(emit, target, [event, ...args]);
  }
  target.emit = /** @type {typeof target.emit} */ (emitOnce);
}
