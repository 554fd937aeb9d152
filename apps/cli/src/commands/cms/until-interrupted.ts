import { TransferError } from "@waybill/net-core";

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Runs something that a signal breaks off in an orderly way, with `ERR_ABORTED`, so that it can clean up. */
export async function untilInterrupted<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    interrupt.abort(new TransferError("ERR_ABORTED", `interrupted by ${name}: no file was written`));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await run(interrupt.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}
