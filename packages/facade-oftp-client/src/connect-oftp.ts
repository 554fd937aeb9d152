import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { abortError } from "@waybill/net-core";
import {
  fileStateStore,
  memoryStateStore,
  OftpStation,
  type Partner,
  type PartnerDirectory,
  partnerDirectory,
} from "@waybill/oftp-session";
import type { OftpClientOptions } from "./client-options.js";
import { OftpClient } from "./oftp-client.js";

/**
 * Calls a partner and opens a session; resolves when this side has the turn. `onClient` gets the client before the session
 * begins, for listeners that must not miss anything, such as that of the trail; the partner is called when it has resolved, so
 * that it need not wait for files that are signed and encrypted first (`OftpClient.queue`).
 *
 * Errors: those of `OftpStation.open`, `dial` and `dialTls`; `ERR_OFTP_PARTNER_ADDRESS`; `SessionEndError` when the partner
 * does not want the session, or is not the one that was expected (reasons 03 and 04); what `onClient` throws.
 */
export async function connectOftp(
  options: OftpClientOptions,
  onClient?: (client: OftpClient) => void | Promise<void>,
): Promise<OftpClient> {
  const { partner, partners, state, signal, ...station } = options;
  const temporary = state === undefined;
  const work = state ?? (await mkdtemp(join(tmpdir(), "waybill-oftp-")));
  try {
    const opened = await OftpStation.open({
      ...station,
      partners: withPartner(partner, partners),
      store: temporary ? memoryStateStore() : await fileStateStore(join(work, "records")),
      work,
    });
    const client = new OftpClient(opened, partner.name, work, temporary);
    await endedBy(signal, opened, async () => {
      await onClient?.(client);
      await client.call(signal);
    });
    await client.begin();
    return client;
  } catch (error) {
    if (temporary) await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** What is made ready before there is a session ends with the station. Errors: `ERR_ABORTED`, those of `work`. */
async function endedBy(
  signal: AbortSignal | undefined,
  station: OftpStation,
  work: () => Promise<void>,
): Promise<void> {
  const stop = () => void station.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await work();
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** The called partner first, whatever the others are called. */
function withPartner(partner: Partner, others: PartnerDirectory | undefined): PartnerDirectory {
  const own = partnerDirectory([partner]);
  if (others === undefined) return own;
  return {
    byName: async (name) => (await own.byName(name)) ?? others.byName(name),
    bySsid: async (code) => (await own.bySsid(code)) ?? others.bySsid(code),
    bySfid: async (code) => (await own.bySfid(code)) ?? others.bySfid(code),
  };
}
