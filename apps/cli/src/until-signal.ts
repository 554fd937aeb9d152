import type { Logger } from "@waybill/net-core";

/** How long transfers in flight may go on after SIGINT or SIGTERM. */
const GRACE_MS = 10_000;

/**
 * Under npm and npx one Ctrl-C arrives twice: from the terminal, which sends it to every process in the foreground, and
 * from npm. The second is no second wish.
 */
const INTERRUPT_ECHO_MS = 300;

/** What every server can do. */
export interface StoppableServer {
  /** How many sessions are open. */
  readonly sessions: { readonly size: number };
  close(options: { readonly graceMs: number }): Promise<void>;
}

/** Resolves to the exit code once a signal has ended the server: gracefully the first, at once the second. */
export function untilSignal(server: StoppableServer, logger: Logger): Promise<number> {
  return new Promise((resolve) => {
    let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      const at = performance.now();
      if (first !== undefined) {
        const isEcho = signal === "SIGINT" && first.signal === "SIGINT" && at - first.at < INTERRUPT_ECHO_MS;
        if (isEcho) return;
        logger.warn(`${signal} again: ending at once`);
        process.exit(1);
      }
      first = { signal, at };
      const sessions = server.sessions.size;
      const closed = server.close({ graceMs: GRACE_MS });
      // After the call: whoever reads the line finds the port closed.
      logger.info({ sessions, graceMs: GRACE_MS }, `${signal}: ending`);
      void closed.then(() => {
        process.off("SIGINT", onSignal);
        process.off("SIGTERM", onSignal);
        resolve(0);
      });
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
