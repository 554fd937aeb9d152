import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { listen } from "@waybill/net-core";
import type { FileSecurityWishes } from "@waybill/oftp-session";
import { openSecure, type SecureStation } from "./support/receipt-pair.js";
import { receiptScenes, SEALED } from "./support/receipt-scenes.js";
import { eventsOf, exchange, filesIn } from "./support/stations.js";
import { hashesIn, sha256 } from "./support/test-files.js";

const NAME = "INVOICE";

const { at, sides, openBoth, sealedFiles } = receiptScenes("waybill-sealing-");

describe("a station that is closed while a large file is made ready", () => {
  const SIZE = 200 * 1024 * 1024;
  const ways: readonly [string, FileSecurityWishes][] = [
    ["sealed", { encrypt: true }],
    ["hashed for its receipt", { signedReceipt: true }],
  ];
  test.each(ways)(
    "%s when it is queued: nothing is left of it, and it can be queued later",
    async (_what, security) => {
      const [here, there] = await openBoth();
      await writeFile(at("files", NAME), "");
      await truncate(at("files", NAME), SIZE);
      const sealing = eventsOf(here.station, "sealing");
      const begun = new Promise((resolve) => here.station.once("sealing", resolve));
      const queueing = here.station.send("there", { path: at("files", NAME), security });
      const result = queueing.then(
        () => "queued",
        (error) => error.code,
      );
      await begun;
      await here.station.close();
      expect(await result).toBe("ERR_ABORTED");
      expect(sealing.at(-1)?.octets).toBeLessThan(SIZE / 2);
      expect(await here.station.queued("there")).toEqual([]);
      expect(await sealedFiles()).toEqual([]);

      await truncate(at("files", NAME), 5000);
      const [again] = await openBoth();
      await again.station.send("there", { path: at("files", NAME), security });
      await exchange(again.station, again.partner, there.station);
      expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(Buffer.alloc(5000)) });
      expect(again.heard).toEqual([`EERP ${NAME}`]);
    },
  );

  test.each(ways)("%s in a session: nothing of it is sent, and it stays queued", async (_what, security) => {
    const [here, there] = await openBoth(security);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    const path = at("here", "outbox", "there", NAME);
    await writeFile(path, "");
    await truncate(path, SIZE);
    const sealing = eventsOf(here.station, "sealing");
    const begun = new Promise((resolve) => here.station.once("sealing", resolve));
    const session = exchange(here.station, here.partner, there.station);
    await begun;
    await here.station.close();
    await session;
    expect(sealing.at(-1)?.octets).toBeLessThan(SIZE / 2);
    expect(here.wire.files.size).toBe(0);
    expect(await here.station.queued("there")).toMatchObject([{ datasetName: NAME, transmitted: undefined }]);
    expect(await sealedFiles()).toEqual([]);

    await truncate(path, 5000);
    const [again] = await openBoth(security);
    await exchange(again.station, again.partner, there.station);
    expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(Buffer.alloc(5000)) });
    expect(again.heard).toEqual([`EERP ${NAME}`]);
  });
});

describe("files in the outbox of a partner whose files are encrypted", () => {
  const PLAIN_TEXT = "nobody may read this ".repeat(50);

  async function outboxWithFiles() {
    const [here, there] = await openBoth(SEALED);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    for (const name of ["A", "B"]) await writeFile(at("here", "outbox", "there", name), PLAIN_TEXT);
    return [here, there] as const;
  }

  async function expectSealed({ wire, heard, invalid }: SecureStation) {
    expect(await filesIn(at("there", "inbox", "here"))).toEqual({ A: PLAIN_TEXT, B: PLAIN_TEXT });
    const files = [...wire.files.values()];
    expect(files.map(({ sfid }) => sfid)).toMatchObject([
      { datasetName: "A", securityLevel: 3, envelope: 1, compression: 1, signedReceipt: true },
      { datasetName: "B", securityLevel: 3, envelope: 1, compression: 1, signedReceipt: true },
    ]);
    for (const { octets } of files) expect(octets.includes("nobody")).toBe(false);
    expect(invalid).toEqual([]);
    expect([...heard].sort()).toEqual(["EERP A", "EERP B"]);
    expect(await readdir(at("here", "outbox", "there"))).toEqual([]);
    expect(await sealedFiles()).toEqual([]);
  }

  test("go sealed when the partner calls", async () => {
    const [here, there] = await outboxWithFiles();
    await exchange(there.station, there.partner, here.station);
    await expectSealed(here);
  });

  test("go sealed when the station calls, and are so before it does", async () => {
    const [, there] = await outboxWithFiles();
    const [side, other] = sides(SEALED);
    const listener = await listen({ port: 0 }, (socket) => void there.station.answer(socket));
    const address = { host: "127.0.0.1", port: listener.port };
    const here = await openSecure({ ...side, entry: { address } }, other);
    const order: string[] = [];
    here.station.on("sealing", ({ file }) => order.push(`sealed ${file.datasetName}`));
    here.station.on("sessionOpened", () => order.push("opened"));
    const { ended } = await here.station.call("there");
    expect((await ended).error).toBeUndefined();
    await listener.close();
    expect(order).toEqual(["sealed A", "sealed B", "opened"]);
    await expectSealed(here);
  });
});
