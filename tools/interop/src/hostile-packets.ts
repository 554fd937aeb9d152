import { encodeRequest, type FileAttributes, PacketType, type Request } from "@waybill/sftp-server";
import type { SeededRandom } from "./seeded-random.js";

// Packets without their length field: type, id and whatever follows.

const REQUEST_TYPES = Object.values(PacketType).filter(
  (type) => type > PacketType.VERSION && type < PacketType.STATUS,
);
const EXTENSIONS = [
  "posix-rename@openssh.com",
  "statvfs@openssh.com",
  "fstatvfs@openssh.com",
  "hardlink@openssh.com",
  "fsync@openssh.com",
  "lsetstat@openssh.com",
  "limits@openssh.com",
  "expand-path@openssh.com",
  "copy-data",
  "home-directory",
  "users-groups-by-id@openssh.com",
  "nobody@example.com",
];
const PATHS = [
  "/",
  ".",
  "..",
  "",
  "a",
  "/a/b",
  "dir",
  "/dir/c",
  "dir/../a",
  "~",
  "a\0b",
  "ü",
  "x".repeat(300),
  "y/".repeat(600),
];
const NASTY_NUMBERS = [
  0,
  1,
  2,
  0x7f,
  0xff,
  0x7fff,
  0xffff,
  255 * 1024,
  0x40000,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
];

/** A packet of random fields: some bytes, some numbers, some texts with a length that may be a lie. Never an INIT. */
export function randomPacket(random: SeededRandom, handles: readonly string[]): Buffer {
  const type = random.chance(80) ? random.pick([...REQUEST_TYPES, PacketType.EXTENDED]) : random.below(256);
  const fields = [Buffer.from([type === PacketType.INIT ? PacketType.OPEN : type]), random.bytes(4)];
  if (type === PacketType.EXTENDED && random.chance(70))
    fields.push(text(Buffer.from(random.pick(EXTENSIONS))));
  for (let count = random.below(7); count > 0; count -= 1) fields.push(randomField(random, handles));
  return Buffer.concat(fields);
}

function randomField(random: SeededRandom, handles: readonly string[]): Buffer {
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(40));
    case 1:
      return uint32(random.chance(50) ? random.pick(NASTY_NUMBERS) : random.uint32());
    case 2:
      return text(Buffer.from(random.pick(PATHS)));
    case 3:
      return text(Buffer.from(random.pick(handles), "latin1"));
    case 4:
      return text(random.bytes(random.below(random.chance(5) ? 20_000 : 60)));
    default: {
      const lie = random.chance(50) ? random.pick(NASTY_NUMBERS) : random.below(100);
      return Buffer.concat([uint32(lie), random.bytes(random.below(60))]);
    }
  }
}

/** A right request with something wrong in one place, or in up to four. Never an INIT. */
export function mutatedPacket(random: SeededRandom, handles: readonly string[]): Buffer {
  let packet = rightPacket(random, handles);
  for (let count = random.chance(70) ? 1 : 1 + random.below(4); count > 0; count -= 1) {
    packet = mutate(random, packet);
  }
  if (packet.length < 5) packet = Buffer.concat([packet, random.bytes(5 - packet.length)]);
  if (packet[0] === PacketType.INIT) packet[0] = PacketType.VERSION;
  return packet;
}

/** A request with nothing wrong, on a few paths and on handles that are open. Never an INIT. */
export function rightPacket(random: SeededRandom, handles: readonly string[]): Buffer {
  return Buffer.from(encodeRequest(randomRequest(random, handles)).subarray(4));
}

function mutate(random: SeededRandom, packet: Buffer): Buffer<ArrayBuffer> {
  const at = random.below(packet.length);
  const end = Math.min(packet.length, at + 1 + random.below(16));
  const copy = Buffer.from(packet);
  switch (random.below(7)) {
    case 0:
      copy[at] = copy[at]! ^ (1 << random.below(8));
      return copy;
    case 1:
      copy[at] = random.below(256);
      return copy;
    case 2:
      if (at + 4 <= copy.length) copy.writeUInt32BE(random.pick(NASTY_NUMBERS), at);
      return copy;
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(end)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), random.bytes(1 + random.below(16)), copy.subarray(at)]);
    case 5:
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    default:
      return Buffer.from(copy.subarray(0, at));
  }
}

function randomRequest(random: SeededRandom, handles: readonly string[]): Request {
  const id = random.below(1000);
  const path = random.pick(PATHS);
  const handle = random.pick(handles);
  const offset = random.chance(80) ? random.below(100_000) : random.below(2 ** 32) * 2 ** 20;
  const data = random.chance(2) ? Buffer.alloc(200_000, "w") : random.bytes(random.below(200));
  const attributes = randomAttributes(random);
  // Seldom: what comes after it on this handle is refused early.
  if (random.chance(1)) return { kind: "close", id, handle };
  const requests: Request[] = [
    { kind: "open", id, path, flags: random.below(64), attributes },
    { kind: "read", id, handle, offset, length: random.chance(90) ? random.below(40_000) : random.uint32() },
    { kind: "write", id, handle, offset, data: [data], length: data.length },
    { kind: random.pick(["fstat", "readdir", "fstatvfs", "fsync"]), id, handle },
    { kind: "fsetstat", id, handle, attributes },
    {
      kind: random.pick([
        "lstat",
        "stat",
        "opendir",
        "remove",
        "rmdir",
        "realpath",
        "readlink",
        "statvfs",
        "expand-path",
      ]),
      id,
      path,
    },
    { kind: random.pick(["setstat", "mkdir", "lsetstat"]), id, path, attributes },
    { kind: random.pick(["rename", "posix-rename"]), id, from: path, to: random.pick(PATHS) },
    { kind: "symlink", id, target: random.pick(PATHS), path },
    { kind: "hardlink", id, existing: path, path: random.pick(PATHS) },
    { kind: "limits", id },
    {
      kind: "copy-data",
      id,
      source: handle,
      sourceOffset: random.below(100_000),
      length: random.below(100_000),
      target: random.pick(handles),
      targetOffset: random.below(100_000),
    },
    { kind: "home-directory", id, user: random.pick(PATHS) },
    { kind: "users-groups-by-id", id, users: [0, random.uint32()], groups: [random.uint32()] },
    { kind: "unknown-extension", id, name: random.pick(EXTENSIONS), data: random.bytes(random.below(50)) },
  ];
  return random.pick(requests);
}

function randomAttributes(random: SeededRandom): FileAttributes {
  return {
    ...(random.chance(30) && { size: random.below(2 ** 32) }),
    ...(random.chance(30) && { owner: { uid: random.below(70_000), gid: random.below(70_000) } }),
    ...(random.chance(30) && { permissions: random.below(0o200000) }),
    ...(random.chance(30) && { times: { accessed: random.uint32(), modified: random.uint32() } }),
  };
}

/** A packet with its true length in front. */
export function framed(packet: Buffer): Buffer {
  return text(packet);
}

/** A packet with something else in front: a length that is not its own, or nothing. */
export function misframed(random: SeededRandom, packet: Buffer): Buffer {
  switch (random.below(4)) {
    case 0:
      return packet;
    case 1:
      return Buffer.concat([uint32(random.pick(NASTY_NUMBERS)), packet]);
    case 2:
      return Buffer.concat([uint32(random.below(packet.length + 20)), packet]);
    default:
      return Buffer.concat([uint32(packet.length), packet.subarray(0, random.below(packet.length))]);
  }
}

function text(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
}
