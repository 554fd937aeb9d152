import type { SeededRandom } from "./seeded-random.js";

/** Exchange buffers as RFC 5024 section 5.3 lays them out at level 5, by hand: our own codec is under test. */
const x = (text: string, length: number) => text.padEnd(length);
const nine = (value: number, length: number) => String(value).padStart(length, "0");
/** A length of two octets, 0: no hash, no signature. */
const NONE = "\0\0";

export interface Names {
  readonly caller: string;
  readonly called: string;
  readonly password: string;
}

/** Every command that a caller can send, by name. */
export function validBuffers({ caller, called, password }: Names, dataset: string): Record<string, Buffer> {
  const stamp = "202611201011120001";
  const file = `${x(dataset, 26)}   ${stamp}`;
  const commands: Record<string, string> = {
    SSID: `X5${x(caller, 25)}${x(password, 8)}32768BNYN099N    ${x("", 8)}\r`,
    SFID:
      `H${file}${x("", 8)}${x(called, 25)}${x(caller, 25)}U00000${nine(3, 13)}${nine(3, 13)}` +
      `${nine(0, 17)}0000000N000`,
    DATA: `D\xbf${"0123456789".repeat(7).slice(0, 63)}`,
    CDT: "C  ",
    EFID: `T${nine(0, 17)}${nine(63, 17)}`,
    CD: "R",
    EERP: `E${file}${x("", 8)}${x(called, 25)}${x(caller, 25)}${NONE}${NONE}`,
    NERP: `N${x(dataset, 26)}      ${stamp}${x(called, 25)}${x(caller, 25)}${x(caller, 25)}99000${NONE}${NONE}`,
    RTR: "P",
    ESID: "F00000\r",
    SECD: "J",
    AUCH: `A\0\x04abcd`,
    AURP: `S${x("12345678901234567890", 20)}`,
  };
  return Object.fromEntries(
    Object.entries(commands).map(([name, text]) => [name, framed(Buffer.from(text, "latin1"))]),
  );
}

/** With the stream transmission header of section 8. */
export function framed(command: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(0x10000000 | (4 + command.length));
  return Buffer.concat([header, command]);
}

/** Random octets, mostly with a header that fits, or a valid buffer with a few octets changed, cut out or put in. */
export function hostileBuffer(random: SeededRandom, valid: readonly Buffer[]): Buffer {
  if (random.chance(20)) {
    const octets = random.bytes(1 + random.below(150));
    return random.chance(20) ? octets : framed(octets);
  }
  let octets = Buffer.from(random.pick(valid));
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const at = random.chance(10) ? random.below(4) : 4 + random.below(Math.max(1, octets.length - 4));
    const kind = random.below(6);
    if (kind === 0) octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1)]);
    else if (kind === 1)
      octets = Buffer.concat([octets.subarray(0, at), random.bytes(1), octets.subarray(at)]);
    else if (at < octets.length) octets[at] = kind < 4 ? 0x30 + random.below(10) : random.below(256);
  }
  if (octets.length >= 4 && random.chance(95)) octets.writeUInt32BE(0x10000000 | octets.length);
  return octets;
}
