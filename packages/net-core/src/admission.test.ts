import { expect, test } from "@jest/globals";
import { Admission } from "./admission.js";

test("what leaves makes room, in all and for its address", () => {
  const admission = new Admission({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  const enter = (address: string) => admission.enter(address);
  expect([enter("192.0.2.1"), enter("192.0.2.1")]).toEqual([undefined, undefined]);
  expect(enter("192.0.2.1")).toBe("too-many-connections-from-address");
  expect(enter("192.0.2.2")).toBeUndefined();
  expect(enter("192.0.2.3")).toBe("too-many-connections");
  expect(admission.connections).toBe(3);
  admission.leave("192.0.2.1");
  expect(enter("192.0.2.1")).toBeUndefined();
  admission.leave("192.0.2.2");
  expect(enter("192.0.2.1")).toBe("too-many-connections-from-address");
  admission.leave("192.0.2.1");
  admission.leave("192.0.2.1");
  expect(admission.connections).toBe(0);
  expect([enter("192.0.2.1"), enter("192.0.2.1")]).toEqual([undefined, undefined]);
});

test("the lists come before the limits", () => {
  const admission = new Admission({ block: ["192.0.2.1"], allow: ["192.0.2.0/24"], maxConnections: 1 });
  expect(admission.enter("192.0.2.2")).toBeUndefined();
  expect(admission.enter("192.0.2.1")).toBe("blocked");
  expect(admission.enter("198.51.100.1")).toBe("not-allowed");
  expect(admission.enter("192.0.2.3")).toBe("too-many-connections");
});
