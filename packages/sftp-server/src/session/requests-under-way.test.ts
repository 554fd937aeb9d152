import { describe, expect, test } from "@jest/globals";
import type { Request } from "../codec/requests.js";
import { RequestsUnderWay } from "./requests-under-way.js";

function request(id: number): Request {
  return { kind: "lstat", id, path: "/f" };
}

describe("the requests under way", () => {
  test("are counted with their bytes, whatever the order in which they end", () => {
    const underWay = new RequestsUnderWay();
    const requests = [1, 2, 3].map(request);
    const packets = requests.map((_, index) => ({ packet: [], begin: index * 100, end: index * 100 + 100 }));
    requests.forEach((each, index) => {
      underWay.add(each, packets[index]!, index * 1000);
    });
    expect([underWay.count, underWay.bytes]).toEqual([3, 3300]);
    expect(underWay.remove(requests[1]!)).toBe(packets[1]);
    expect([underWay.count, underWay.bytes]).toEqual([2, 2200]);
    expect(underWay.remove(requests[2]!)).toBe(packets[2]);
    expect(underWay.remove(requests[0]!)).toBe(packets[0]);
    expect([underWay.count, underWay.bytes]).toEqual([0, 0]);
  });

  test("end once; equal ones are different ones", () => {
    const underWay = new RequestsUnderWay();
    const [first, second] = [request(1), request(1)];
    underWay.add(first, { packet: [], begin: 0, end: 10 }, 0);
    underWay.add(second, { packet: [], begin: 10, end: 30 }, 0);
    expect(underWay.remove(second)).toMatchObject({ begin: 10 });
    expect(underWay.remove(second)).toBeUndefined();
    expect([underWay.count, underWay.bytes]).toEqual([1, 10]);
  });
});
