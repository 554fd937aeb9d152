import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "@jest/globals";
import {
  type HeardResponse,
  heardBy,
  recordsOf,
  type StationProcess,
  type StationSettings,
  startStation,
} from "./oftp-station-process.js";
import { SeededRandom } from "./seeded-random.js";
import { until } from "./until.js";

const ROLES = ["listen", "call"] as const;
type Role = (typeof ROLES)[number];

/** What a test does to its stations. */
export interface KillPlan {
  /** One for each round: both stations get files, then one of them is killed. */
  readonly kills: number;
  /** For each of the two stations. */
  readonly filesOfARound: number;
  /** What a process gets to do at most after it is ready, or has come so far that it is to be killed. */
  readonly longestLifeMs: number;
  readonly contentOf: (round: number, index: number, random: SeededRandom) => Buffer;
}

/**
 * Two stations in processes of their own, `listener` and `caller`, that send files to each other and are killed at random
 * moments: what they have been given, and whether all of it has arrived once.
 */
export class KilledStations {
  readonly settings: Readonly<Record<Role, StationSettings>>;
  readonly #plan: KillPlan;
  readonly #random = new SeededRandom(Date.now());
  readonly #running = new Map<Role, StationProcess>();
  readonly #sent: readonly SentFiles[];
  /** SHA-256 of what each station is to send, by name. */
  readonly #hashes: Record<string, Record<string, string>> = { listener: {}, caller: {} };

  /** `folder`: of both stations, each of which has one of its name in it. */
  constructor(folder: string, plan: KillPlan, { secured = false }: { readonly secured?: boolean } = {}) {
    const settingsOf = (name: string, partner: string): StationSettings => ({
      name,
      partner,
      folder: join(folder, name),
      portFile: join(folder, "port"),
      ...(secured && { partnerCertificate: join(folder, partner, "certificate.pem") }),
    });
    this.settings = { listen: settingsOf("listener", "caller"), call: settingsOf("caller", "listener") };
    this.#plan = plan;
    this.#sent = this.#both.map((each) => new SentFiles(each));
  }

  /** Said with what fails. */
  get seed(): string {
    return `seed ${this.#random.seed}`;
  }

  /** Kills them as often as planned, waits until nothing is on its way any more, and ends them. */
  async run(): Promise<void> {
    for (const { folder } of this.#both) await mkdir(folder, { recursive: true });
    for (let round = 0; round < this.#plan.kills; round += 1) {
      for (const role of ROLES) {
        const station = this.#start(role);
        await this.#addFiles(this.settings[role], round);
        await station.ready;
      }
      await this.#stepOn(round + 1);
      await pause(this.#random.below(this.#plan.longestLifeMs));
      await this.#kill(this.#random.pick(ROLES));
    }
    for (const role of ROLES) this.#start(role);
    await this.#settled();
    await this.stop();
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    for (const role of ROLES) await this.#kill(role);
  }

  /** Every file is in the partner's inbox, once, as it was; the station has heard that of each, and nothing else is left. */
  async expectAllArrivedOnce(): Promise<void> {
    for (const settings of this.#both) {
      const { name, partner, folder } = settings;
      const { seed } = this;
      const names = Object.keys(this.#hashes[name]!);
      expect(names).toHaveLength(this.#files);
      expect({ seed, ...recordsOf(settings) }).toEqual({
        seed,
        queued: 0,
        withWork: [],
        sent: names.map((each) => `acknowledged ${each}`).sort(),
      });
      expect({ seed, inbox: await hashesIn(join(folder, "inbox", partner)) }).toEqual({
        seed,
        inbox: this.#hashes[partner],
      });
      this.#expectHeardOnce(await heardBy(settings), names);
      for (const left of [join("outbox", partner), join("state", "partial")]) {
        expect({ seed, left, files: await readdir(join(folder, left)) }).toEqual({ seed, left, files: [] });
      }
    }
  }

  get #both(): readonly StationSettings[] {
    return ROLES.map((role) => this.settings[role]);
  }

  /** That each station is to send. */
  get #files(): number {
    return this.#plan.kills * this.#plan.filesOfARound;
  }

  /** Of the files of a round, each of which is sent and acknowledged. */
  get #steps(): number {
    return 2 * ROLES.length * this.#plan.filesOfARound;
  }

  #start(role: Role): StationProcess {
    const station = this.#running.get(role) ?? startStation(role, this.settings[role]);
    this.#running.set(role, station);
    return station;
  }

  async #kill(role: Role): Promise<void> {
    await this.#running.get(role)?.kill();
    this.#running.delete(role);
  }

  async #addFiles({ name, partner, folder }: StationSettings, round: number): Promise<void> {
    const outbox = join(folder, "outbox", partner);
    await mkdir(outbox, { recursive: true });
    for (let index = 0; index < this.#plan.filesOfARound; index += 1) {
      const fileName = `${round}.${index}.${name}`;
      const content = this.#plan.contentOf(round, index, this.#random);
      this.#hashes[name]![fileName] = sha256(content);
      await writeFile(join(outbox, `.${fileName}`), content);
      await rename(join(outbox, `.${fileName}`), join(outbox, fileName));
    }
  }

  async #settled(): Promise<void> {
    await this.#reach(this.#steps * this.#plan.kills);
    // Who sent the last EERP may not have heard yet that it has arrived.
    for (const settings of this.#both) {
      await this.#waitFor("every RTR", async () => (await owedBy(settings)) === 0);
    }
  }

  /**
   * Lets them do as much as a round brings, more or less: so kills meet every part of the exchange, in both directions, however
   * fast the machine is. Now and then they do not even get to a session.
   */
  async #stepOn(rounds: number): Promise<void> {
    if (this.#random.chance(20)) return;
    await this.#look();
    const goal = this.#taken + this.#random.below(2 * this.#steps);
    await this.#reach(Math.min(goal, this.#steps * rounds));
  }

  /** Slow machines may take their time, but something has to happen. */
  async #reach(goal: number): Promise<void> {
    while (this.#taken < goal) {
      const before = this.#taken;
      await this.#waitFor("one more EFPA or EERP", async () => {
        await this.#look();
        return this.#taken > before;
      });
    }
  }

  async #waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(what, condition);
    } catch (error) {
      const counts = this.#sent.map(({ sent, acknowledged }) => ({ sent, acknowledged }));
      const said = ROLES.map((role) => this.#running.get(role)?.output());
      const how = JSON.stringify({ seed: this.#random.seed, of: this.#files, counts, said });
      throw new Error(how, { cause: error });
    }
  }

  get #taken(): number {
    return this.#sent.reduce((sum, { sent, acknowledged }) => sum + sent + acknowledged, 0);
  }

  async #look(): Promise<void> {
    for (const each of this.#sent) await each.look();
  }

  #expectHeardOnce(heard: readonly HeardResponse[], names: readonly string[]): void {
    const { seed } = this;
    const kinds = [...new Set(heard.map(({ kind }) => kind))];
    expect({ seed, kinds }).toEqual({ seed, kinds: ["EERP"] });
    const told = heard.map(({ datasetName }) => datasetName).sort();
    expect({ seed, ofFiles: heard.map(({ ofFile }) => ofFile).sort() }).toEqual({ seed, ofFiles: told });
    expect({ seed, told }).toEqual({ seed, told: [...new Set(told)] });
    expect(names).toEqual(expect.arrayContaining(told));
    // One that was recorded a moment before the process was killed is not told again.
    expect(names.length - heard.length).toBeLessThanOrEqual(this.#plan.kills);
  }
}

/** What a station has recorded of the files that it has sent, when it was last looked at. */
class SentFiles {
  readonly #folder: string;
  /** They stay acknowledged, and need not be read again. */
  readonly #acknowledged = new Set<string>();
  #sent = 0;

  constructor({ folder }: StationSettings) {
    this.#folder = join(folder, "records", "sent");
  }

  get sent(): number {
    return this.#sent;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  async look(): Promise<void> {
    const names = (await readdir(this.#folder).catch(() => [])).filter(isRecord);
    this.#sent = names.length;
    for (const name of names) {
      if (this.#acknowledged.has(name)) continue;
      const text = await readFile(join(this.#folder, name), "utf8").catch(() => "");
      if (text.includes('"acknowledged"')) this.#acknowledged.add(name);
    }
  }
}

/** How many end responses a station has not handed over yet. */
async function owedBy({ folder }: StationSettings): Promise<number> {
  const records = join(folder, "records");
  const tables = (await readdir(records)).filter((name) => name.startsWith("responses-"));
  if (tables.length === 0) throw new Error(`no end responses were ever recorded in ${records}`);
  const names = await Promise.all(tables.map((table) => readdir(join(records, table))));
  return names.flat().filter(isRecord).length;
}

/** Not what a process was writing when it was killed. */
const isRecord = (name: string) => name.endsWith(".json");

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** SHA-256 of each file of a folder, by name. */
async function hashesIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => []);
  const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return Object.fromEntries(names.map((name, index) => [name, sha256(contents[index]!)]));
}
