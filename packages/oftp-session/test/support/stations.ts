import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  memoryStateStore,
  OftpStation,
  type Partner,
  partnerDirectory,
  type StateStore,
  type StationEvents,
  type StationOptions,
  type StationSession,
} from "@waybill/oftp-session";
import { RawPeer } from "./raw-peer.js";
import { socketPair } from "./socket-pair.js";

/** What a test says of a station; everything else is the same for all. */
export interface TestStation extends Partial<Omit<StationOptions, "partners">> {
  readonly name: string;
  readonly folder: string;
  readonly partners?: readonly Partner[];
}

export const codeOf = (name: string) => `O0013${name.toUpperCase()}`;

/** The entry that others have for a station. */
export function partnerEntry(name: string, more: Partial<Partner> = {}): Partner {
  return { name, ssid: codeOf(name), password: `PW${name.toUpperCase()}`.slice(0, 8), ...more };
}

export async function openStation({
  name,
  folder,
  partners = [],
  ...more
}: TestStation): Promise<OftpStation> {
  const { ssid, password } = partnerEntry(name);
  const store: StateStore = more.store ?? memoryStateStore();
  await mkdir(join(folder, "state"), { recursive: true });
  return OftpStation.open({
    ssid,
    password,
    partners: partnerDirectory(partners),
    inbox: join(folder, "inbox"),
    work: join(folder, "state"),
    store,
    ...more,
  });
}

/** One station calls another; resolves when both sessions have ended. */
export async function exchange(
  caller: OftpStation,
  partner: Partner,
  called: OftpStation,
): Promise<readonly StationSession[]> {
  const { near, far } = await socketPair();
  const sessions = [called.answer(far), caller.initiate(partner, near)];
  await Promise.all(sessions.map(({ ended }) => ended));
  return sessions;
}

/** The files of a folder, by name. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => []);
  const contents = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return Object.fromEntries(names.map((name, index) => [name, contents[index]!]));
}

/** The events of one kind, as they come. */
export function eventsOf<K extends keyof StationEvents>(
  station: OftpStation,
  name: K,
): StationEvents[K][0][] {
  const heard: StationEvents[K][0][] = [];
  station.on(name, ((event: StationEvents[K][0]) => heard.push(event)) as never);
  return heard;
}

/** The end responses that a station hears of, as text. */
export function responsesOf(station: OftpStation): string[] {
  const heard: string[] = [];
  station.on("endResponseReceived", ({ response, file }) => {
    const about = file === undefined ? " for nothing" : "";
    const negative = response.kind === "NERP" ? ` ${response.reason} by ${response.creator.trimEnd()}` : "";
    heard.push(`${response.kind} ${response.datasetName}${negative}${about}`);
  });
  return heard;
}

/** A peer that says what a test tells it to, connected to a station. */
export async function rawCaller(station: OftpStation): Promise<{ peer: RawPeer; session: StationSession }> {
  const { near, far } = await socketPair();
  return { peer: new RawPeer(near), session: station.answer(far) };
}
