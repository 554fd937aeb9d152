import { type VirtualFileTime, virtualFileTime } from "@waybill/oftp-codec";
import type { StateStore, StateValue } from "../state-store.js";
import { stateDamaged } from "./storage-errors.js";

/** Options of {@link VirtualFileClock}. */
export interface VirtualFileClockOptions {
  /** Where it is kept what was given out. Stations that may send the same file names to the same partners share it. */
  readonly store: StateStore;
  /** Default `virtual-file-clock`. */
  readonly table?: string;
  /** The time of the station, read in local time. Default: the system's. */
  readonly now?: () => Date;
}

const MAX_COUNTER = 9999;
/** Counters that are reserved at a time. */
const BLOCK = 128;
/** Reservations that stay in the store: a process must be this many behind to miss that it is late. */
const KEPT_RESERVATIONS = 8;

/** Counters of one second that nobody else gives out. */
interface Reservation {
  /** CCYYMMDDHHMMSS */
  readonly second: string;
  readonly first: number;
  readonly last: number;
}

interface NumberedReservation {
  readonly number: number;
  readonly reservation: Reservation;
}

/**
 * Gives date and time stamps for virtual files (SFIDDATE, SFIDTIME: RFC 5024 section 1.5.2) of which no two are the same,
 * over restarts and among all processes on one store. They never go back: while the local time does (end of summer
 * time, a clock set right), and after 9999 in one second, they run ahead of it, second by second.
 *
 * Stamps are reserved in blocks, which costs one record of the store for the first of a second and for every 128 more; what is
 * left of a block when the second or the process ends is never used.
 *
 * How blocks stay apart: reservations are records numbered without gaps, each beginning where the one before it ends, and
 * `create` lets one process have a number. One that was so late that its number had been removed again sees higher ones
 * after it wrote, and withdraws.
 */
export class VirtualFileClock {
  readonly #store: StateStore;
  readonly #table: string;
  readonly #now: () => Date;
  #block: Reservation | undefined;
  #next = 1;
  /** The last reservation that is known, whoever made it. */
  #latest: NumberedReservation | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: VirtualFileClockOptions) {
    this.#store = options.store;
    this.#table = options.table ?? "virtual-file-clock";
    this.#now = options.now ?? (() => new Date());
  }

  /** The next stamp. Calls are answered in their order. Rejects with what the store rejects with, and `ERR_OFTP_STATE_DAMAGED`. */
  next(): Promise<VirtualFileTime> {
    const turn = this.#turn.then(
      () => this.#take(),
      () => this.#take(),
    );
    this.#turn = turn;
    return turn;
  }

  async #take(): Promise<VirtualFileTime> {
    let block = this.#block;
    if (block === undefined || this.#next > block.last || block.second < secondOf(this.#now())) {
      this.#block = undefined;
      block = await this.#reserve();
      this.#block = block;
      this.#next = block.first;
    }
    const counter = String(this.#next++).padStart(4, "0");
    return { date: block.second.slice(0, 8), time: `${block.second.slice(8)}${counter}` };
  }

  async #reserve(): Promise<Reservation> {
    this.#latest ??= (await this.#reservations()).at(-1);
    for (;;) {
      const reservation = following(this.#latest?.reservation, secondOf(this.#now()));
      const number = (this.#latest?.number ?? 0) + 1;
      const created = await this.#store.create(this.#table, String(number), { ...reservation });
      const all = await this.#reservations();
      const last = all.at(-1);
      if (created && last?.number === number && (number === 1 || all.at(-2)?.number === number - 1)) {
        this.#latest = { number, reservation };
        await this.#removeOld(all, number);
        return reservation;
      }
      if (created) await this.#store.remove(this.#table, String(number));
      else if ((last?.number ?? 0) < number) await this.#requireReadable(number);
      this.#latest = all.findLast((each) => !created || each.number !== number);
    }
  }

  /** What a reservation that cannot be read gave out is not known: nobody may go on. */
  async #requireReadable(number: number): Promise<void> {
    const value = await this.#store.get(this.#table, String(number));
    if (value === undefined || reservationOf(value) !== undefined) return;
    const record = `record ${number} of the table ${this.#table}`;
    throw stateDamaged(record, "it is no reservation of time stamps");
  }

  /** Ascending. */
  async #reservations(): Promise<NumberedReservation[]> {
    const all: NumberedReservation[] = [];
    for (const [key, value] of await this.#store.list(this.#table)) {
      const reservation = reservationOf(value);
      if (reservation !== undefined) all.push({ number: Number(key), reservation });
    }
    return all.sort((a, b) => a.number - b.number);
  }

  async #removeOld(all: readonly NumberedReservation[], latest: number): Promise<void> {
    for (const { number } of all) {
      if (number <= latest - KEPT_RESERVATIONS) await this.#store.remove(this.#table, String(number));
    }
  }
}

function reservationOf(value: StateValue): Reservation | undefined {
  const { second, first, last } = (value ?? {}) as Partial<Reservation>;
  const valid =
    typeof second === "string" &&
    /^\d{14}$/.test(second) &&
    typeof first === "number" &&
    typeof last === "number";
  return valid ? { second, first, last } : undefined;
}

function following(latest: Reservation | undefined, now: string): Reservation {
  if (latest === undefined || now > latest.second) return { second: now, first: 1, last: BLOCK };
  if (latest.last >= MAX_COUNTER) return { second: secondAfter(latest.second), first: 1, last: BLOCK };
  const last = Math.min(latest.last + BLOCK, MAX_COUNTER);
  return { second: latest.second, first: latest.last + 1, last };
}

/** CCYYMMDDHHMMSS in local time. */
function secondOf(moment: Date): string {
  const { date, time } = virtualFileTime(moment, 0);
  return date + time.slice(0, 6);
}

/** By the calendar alone: what the clocks of the place do then does not matter, as it is a name. */
function secondAfter(second: string): string {
  const [, year, month, day, hours, minutes, seconds] = /^(....)(..)(..)(..)(..)(..)$/.exec(second) ?? [];
  const next = new Date(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
  next.setUTCSeconds(next.getUTCSeconds() + 1);
  return next.toISOString().replace(/[-T:]/g, "").slice(0, 14);
}
