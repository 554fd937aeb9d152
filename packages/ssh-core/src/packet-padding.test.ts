import { EventEmitter } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { useRandomPool } from "./packet-padding.js";

/** Stands for the engine's cipher of the same name. */
class AESGCMCipherBinding {
  allocPacket(_payloadBytes: number): Buffer {
    throw new Error("the engine's own way");
  }
}

class GenericCipherBinding extends AESGCMCipherBinding {}

function connectionWith(cipher: AESGCMCipherBinding) {
  const connection = Object.assign(new EventEmitter(), { _protocol: { _cipher: cipher } });
  useRandomPool(connection);
  return connection;
}

describe("useRandomPool", () => {
  test("makes packets as RFC 4253 section 6 has them, with padding that is never the same", () => {
    const cipher = new AESGCMCipherBinding();
    connectionWith(cipher).emit("handshake");
    const paddings = new Set<string>();
    for (let payload = 0; payload < 2000; payload += 1) {
      const packet = cipher.allocPacket(payload);
      const length = packet.readUInt32BE(0);
      const padding = packet[4]!;
      expect(packet.length).toBe(4 + length + 16);
      expect(length % 16).toBe(0);
      expect(length).toBe(1 + payload + padding);
      expect(padding).toBeGreaterThanOrEqual(4);
      expect(padding).toBeLessThan(20);
      if (padding >= 8) paddings.add(packet.toString("hex", 5 + payload, 5 + payload + 8));
    }
    expect(paddings.size).toBeGreaterThan(1000);
    expect([...paddings].every((bytes) => bytes !== "0".repeat(16))).toBe(true);
  });

  test("begins with the first key exchange and goes on with the ciphers of the next", () => {
    const first = new AESGCMCipherBinding();
    const connection = connectionWith(first);
    expect(() => first.allocPacket(1)).toThrow("the engine's own way");
    connection.emit("handshake");
    connection._protocol._cipher = new AESGCMCipherBinding();
    connection.emit("handshake");
    expect(connection._protocol._cipher.allocPacket(1)).toHaveLength(36);
  });

  test("leaves other ciphers alone", () => {
    const cipher = new GenericCipherBinding();
    connectionWith(cipher).emit("handshake");
    expect(() => cipher.allocPacket(1)).toThrow("the engine's own way");
  });
});
