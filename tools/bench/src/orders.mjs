/**
 * For a program that worker.mjs has started: does each order by the function that its `work` names, and ends when nobody gives orders any more.
 * @param {Record<string, (order: any) => Promise<object>>} able
 */
export function takeOrders(able) {
  process.on("message", async (/** @type {{ work: string }} */ order) => {
    try {
      const work = able[order.work];
      if (work === undefined) throw new Error(`nobody knows how to ${order.work}`);
      process.send?.({ result: await work(order) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
    }
  });
  process.once("disconnect", () => process.exit());
  process.once("SIGTERM", () => process.exit());
}
