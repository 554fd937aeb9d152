import { connect, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import { type Listener, listen } from "@waybill/net-core";

/**
 * Somebody on the way: passes on what comes to a port of this machine, and writes `to` wherever the caller has sent `from`. Both
 * have the same length, and are short enough to be in one piece.
 */
export function changingRelay(port: number, from: string, to: string): Promise<Listener> {
  return listen({ port: 0 }, (caller) => {
    const called = connect({ host: "127.0.0.1", port });
    pipeline(caller, changing(from, to), called, hangUp(caller, called));
    pipeline(called, caller, hangUp(caller, called));
  });
}

function changing(from: string, to: string): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(chunk.toString("latin1").replaceAll(from, to), "latin1"));
    },
  });
}

/** When one of them is cut off, the other is too. */
function hangUp(...sockets: readonly Socket[]) {
  return (error: Error | null | undefined) => {
    if (error) for (const socket of sockets) socket.destroy();
  };
}
