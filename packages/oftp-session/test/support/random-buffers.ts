/** A number below `limit`, repeatable. */
export type Random = (limit: number) => number;

/** mulberry32: a failure names its seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Octets that mean nothing, mostly behind a stream transmission header that fits. */
export function randomBuffer(random: Random): Buffer {
  const octets = Buffer.from(Array.from({ length: 1 + random(120) }, () => random(256)));
  if (random(5) === 0) return octets;
  const header = Buffer.from([0x10, 0, 0, 4 + octets.length]);
  // Every other one starts like a command.
  if (random(2) === 0) octets[0] = "IXH23DCT45FRENPJAS".charCodeAt(random(18));
  return Buffer.concat([header, octets]);
}

/** A buffer with a few octets changed, cut out or put in; its stream header mostly still fits. */
export function mutate(random: Random, original: Buffer): Buffer {
  let octets = Buffer.from(original);
  for (let changes = random(4); changes > 0; changes -= 1) {
    const at = random(10) === 0 ? random(4) : 4 + random(octets.length - 4);
    const kind = random(4);
    if (kind === 0 && octets.length > 6)
      octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1)]);
    else if (kind === 1)
      octets = Buffer.concat([octets.subarray(0, at), Buffer.from([random(256)]), octets.subarray(at)]);
    else octets[at] = random(256);
  }
  if (random(10) > 0) octets.writeUInt32BE(0x10000000 | octets.length, 0);
  return octets;
}
