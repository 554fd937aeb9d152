import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type OpenTrustListOptions, openTrustList } from "@waybill/cert-store";
import { createLogger, type LogRecord } from "@waybill/net-core";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Identity, issue, type ListFixture, signedList } from "./trust-list-fixtures.js";

describeWithPeers("a trust list that is kept", [peers.xmlsec], () => {
  let work: TemporaryFolder;
  let signer: Identity;
  let otherSigner: Identity;
  let authority: Identity;
  let first: string;
  let second: string;
  let otherwiseSigned: string;

  let server: Server;
  let url: string;
  let answer: string | undefined;
  let requests: number;

  let state: TemporaryFolder;
  let now: Date;
  let records: LogRecord[];

  beforeAll(async () => {
    work = await temporaryFolder();
    signer = await issue("Signer", undefined, { key: "rsa" });
    otherSigner = await issue("Other Signer", undefined, { key: "rsa" });
    authority = await issue("Authority");
    first = await sign({ sequence: 1, issued: "2025-01-01T00:00:00Z", nextUpdate: "2025-02-01T00:00:00Z" });
    second = await sign({ sequence: 2, issued: "2025-02-01T00:00:00Z", nextUpdate: "2025-03-01T00:00:00Z" });
    otherwiseSigned = await sign({ sequence: 3, issued: "2025-02-02T00:00:00Z" }, otherSigner);
    server = createServer((_request, response) => {
      requests += 1;
      response.statusCode = answer === undefined ? 503 : 200;
      response.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/TSL.xml`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await work.remove();
  });

  beforeEach(async () => {
    state = await temporaryFolder();
    now = new Date("2025-01-10T00:00:00Z");
    answer = first;
    requests = 0;
    records = [];
  });
  afterEach(() => state.remove());

  const sign = (list: ListFixture, by = signer) =>
    signedList(work.path, by, { services: [{ certificates: [authority.certificate] }], ...list });
  const open = (options: Partial<OpenTrustListOptions> = {}) =>
    openTrustList({
      source: url,
      stateFolder: state.path,
      now: () => now,
      logger: createLogger("info", (record) => records.push(record)),
      ...options,
    });
  const warnings = () => records.filter(({ level }) => level === "warn").map(({ fields }) => fields.code);
  const stateFile = () => join(state.path, "trust-list.json");
  const listFile = () => join(state.path, "trust-list.xml");

  test("is downloaded once and then taken from the state folder until its next update", async () => {
    const opened = await open();
    expect(opened.list.sequenceNumber).toBe(1);
    expect(opened.signer.equals(signer.certificate)).toBe(true);
    expect(opened.fetchedAt).toEqual(now);
    expect(await opened.update()).toEqual({ fetched: false, changed: false, problem: undefined });
    expect((await open()).list.sequenceNumber).toBe(1);
    expect(requests).toBe(1);
    expect((await readdir(state.path)).sort()).toEqual(["trust-list.json", "trust-list.xml"]);
    expect(await readFile(listFile(), "utf8")).toBe(first);

    answer = second;
    now = new Date("2025-02-01T00:00:00Z");
    expect(await opened.update()).toEqual({ fetched: true, changed: true, problem: undefined });
    expect(opened.list.sequenceNumber).toBe(2);
    expect((await open()).list.sequenceNumber).toBe(2);
    expect(requests).toBe(2);
  });

  test("is downloaded again before that when it is forced or too old", async () => {
    const opened = await open({ maxAgeMs: 60_000 });
    expect(await opened.update({ force: true })).toMatchObject({ fetched: true, changed: false });
    now = new Date(now.getTime() + 59_999);
    expect(await opened.update()).toMatchObject({ fetched: false });
    now = new Date(now.getTime() + 1);
    const both = await Promise.all([opened.update(), opened.update()]);
    expect(both.map(({ fetched }) => fetched)).toEqual([true, true]);
    expect(requests).toBe(3);
    expect(opened.fetchedAt).toEqual(now);
  });

  test("pins the signer at first sight and refuses another one later", async () => {
    const opened = await open();
    expect(JSON.parse(await readFile(stateFile(), "utf8"))).toMatchObject({
      signerThumbprint: signer.certificate.thumbprint("sha256"),
      sequenceNumber: 1,
    });
    answer = otherwiseSigned;
    const update = await opened.update({ force: true });
    expect(update).toMatchObject({ fetched: false, problem: { code: "ERR_TRUST_LIST_SIGNER" } });
    expect(opened.list.sequenceNumber).toBe(1);
    // Nor after a restart without the copy.
    await rm(listFile());
    await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_SIGNER" });
  });

  test("takes another signer when it is among the accepted ones, and remembers it", async () => {
    await open();
    answer = otherwiseSigned;
    now = new Date("2025-02-03T00:00:00Z");
    const pinned = [signer.certificate, otherSigner.certificate.thumbprint("sha256")];
    expect((await open({ pinned })).list.sequenceNumber).toBe(3);
    expect((await open()).signer.equals(otherSigner.certificate)).toBe(true);
  });

  test("with pinned signers accepts no other at first sight, and no copy of another", async () => {
    const pinned = [otherSigner.certificate];
    await expect(open({ pinned })).rejects.toMatchObject({ code: "ERR_TRUST_LIST_SIGNER" });
    await open();
    await expect(open({ pinned })).rejects.toMatchObject({ code: "ERR_TRUST_LIST_SIGNER" });
    answer = otherwiseSigned;
    expect((await open({ pinned })).list.sequenceNumber).toBe(3);
  });

  test("does not go back to an older issue", async () => {
    answer = second;
    const opened = await open();
    answer = first;
    expect(await opened.update({ force: true })).toMatchObject({
      fetched: false,
      problem: { code: "ERR_TRUST_LIST_ROLLBACK" },
    });
    answer = await sign({ sequence: 2, issued: "2025-01-31T00:00:00Z" });
    expect(await opened.update({ force: true })).toMatchObject({
      problem: { code: "ERR_TRUST_LIST_ROLLBACK" },
    });
    expect(opened.list.sequenceNumber).toBe(2);
    // The state remembers it without the copy, and the copy must not be exchanged for an older one.
    await writeFile(listFile(), first);
    await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_ROLLBACK" });
  });

  test("stays when the source fails or gives what is no good list", async () => {
    const opened = await open();
    const bad: [string | undefined, string][] = [
      [undefined, "ERR_TRUST_LIST_UNAVAILABLE"],
      ["<html/>", "ERR_TRUST_LIST_DAMAGED"],
      [second.replace("inaccord", "revoked"), "ERR_TRUST_LIST_SIGNATURE"],
    ];
    for (const [body, code] of bad) {
      answer = body;
      expect(await opened.update({ force: true })).toMatchObject({ fetched: false, problem: { code } });
      expect(opened.list.sequenceNumber).toBe(1);
    }
    expect(warnings()).toEqual(bad.map(([, code]) => code));
    expect(await readFile(listFile(), "utf8")).toBe(first);
  });

  test("cannot be opened when the source fails and there is no copy", async () => {
    answer = undefined;
    await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_UNAVAILABLE" });
    await expect(open({ source: join(work.path, "none.xml") })).rejects.toMatchObject({
      code: "ERR_TRUST_LIST_UNAVAILABLE",
    });
    expect(await readdir(state.path)).toEqual([]);
  });

  test("fails or warns past its next update when there is no newer one", async () => {
    const opened = await open();
    now = new Date("2025-02-01T00:00:00Z");
    expect(opened.isExpired).toBe(true);
    await expect(opened.update()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_EXPIRED" });
    answer = undefined;
    await expect(open()).rejects.toMatchObject({
      code: "ERR_TRUST_LIST_EXPIRED",
      cause: { code: "ERR_TRUST_LIST_UNAVAILABLE" },
    });
    const tolerant = await open({ onExpired: "warn" });
    expect(tolerant.list.sequenceNumber).toBe(1);
    expect(tolerant.isExpired).toBe(true);
    expect(warnings()).toEqual(["ERR_TRUST_LIST_UNAVAILABLE"]);
    answer = second;
    expect(await tolerant.update()).toMatchObject({ fetched: true, changed: true });
  });

  test("refuses a list that its signer's certificate was not valid for", async () => {
    const old = await issue("Old Signer", undefined, { key: "rsa", notAfter: new Date("2024-01-01") });
    answer = await sign({ sequence: 1 }, old);
    await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_SIGNER" });
  });

  test("of a closed scheme is not downloaded again", async () => {
    answer = await sign({ sequence: 9, nextUpdate: null });
    const opened = await open();
    now = new Date("2035-01-01T00:00:00Z");
    expect(opened.isExpired).toBe(false);
    expect(await opened.update()).toMatchObject({ fetched: false });
  });

  test("comes from a file, which is read every time, or from bytes", async () => {
    const path = join(work.path, "list.xml");
    await writeFile(path, first);
    expect((await open({ source: path })).list.sequenceNumber).toBe(1);
    await writeFile(path, second);
    expect((await open({ source: new URL(`file://${path}`) })).list.sequenceNumber).toBe(2);
    const bytes = { source: Buffer.from(second), pinned: [signer.certificate] };
    expect((await open({ ...bytes, stateFolder: undefined })).list.sequenceNumber).toBe(2);
    await expect(open({ source: Buffer.from(second), stateFolder: undefined })).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
    });
    await expect(open({ pinned: ["12"] })).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });

  test("is not trusted at first sight again when its state is damaged", async () => {
    await open();
    answer = otherwiseSigned;
    for (const damage of ["", "{}", "null", '{"version":2}', "[".repeat(100_000)]) {
      await writeFile(stateFile(), damage);
      await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_STATE" });
    }
    // Removing it is what an administrator does to accept another signer: the old copy is then not used.
    await rm(stateFile());
    expect((await open()).list.sequenceNumber).toBe(3);
  });

  test("replaces a damaged copy", async () => {
    await open();
    await writeFile(listFile(), first.slice(0, 1000));
    expect((await open()).list.sequenceNumber).toBe(1);
    expect(warnings()).toEqual(["ERR_TRUST_LIST_DAMAGED"]);
    expect(await readFile(listFile(), "utf8")).toBe(first);
  });

  test("says when the state folder cannot be used", async () => {
    await writeFile(join(work.path, "a-file"), "");
    await expect(open({ stateFolder: join(work.path, "a-file") })).rejects.toMatchObject({
      code: "ERR_TRUST_LIST_STATE",
    });
    await mkdir(listFile());
    await expect(open()).rejects.toMatchObject({ code: "ERR_TRUST_LIST_STATE" });
  });

  test("ends when it is aborted", async () => {
    const opened = await open();
    await expect(opened.update({ force: true, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(opened.list.sequenceNumber).toBe(1);
  });
});
