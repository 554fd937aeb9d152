import { expect, test } from "@jest/globals";
import type { Certificate, GeneralName, GeneralNameKind, NameConstraints } from "../certificate-types.js";
import { nameConstraintProblem } from "./name-constraints.js";

const certificateWith = (names: readonly GeneralName[], subject = "") =>
  ({
    subjectAltNames: names,
    subject: {
      text: subject,
      attributes: subject === "" ? [] : [{ type: "X", oid: "2.5.4.10", value: "x" }],
    },
  }) as unknown as Certificate;
const permits = (name: GeneralName, constraint: GeneralName) =>
  nameConstraintProblem(certificateWith([name]), { permitted: [constraint], excluded: [] }, true) ===
  undefined;
const excludes = (name: GeneralName, constraint: GeneralName) =>
  nameConstraintProblem(certificateWith([name]), { permitted: [], excluded: [constraint] }, true) !==
  undefined;

test.each<[GeneralNameKind, string, string, boolean]>([
  ["dns", "example.com", "example.com", true],
  ["dns", "a.b.example.com", "EXAMPLE.com", true],
  ["dns", "anexample.com", "example.com", false],
  ["dns", "example.com", ".example.com", false],
  ["dns", "a.example.com", ".example.com", true],
  ["dns", "anything.example", "", true],
  ["dns", "*.example.com", ".example.com", true],
  ["email", "ann@example.com", "ann@EXAMPLE.com", true],
  ["email", "Ann@example.com", "ann@example.com", false],
  ["email", "ann@example.com", "example.com", true],
  ["email", "ann@a.example.com", "example.com", false],
  ["email", "ann@a.example.com", ".example.com", true],
  ["uri", "https://example.com:1/x", "example.com", true],
  ["uri", "https://a.example.com/", "example.com", false],
  ["uri", "https://ann@a.example.com?x", ".example.com", true],
  ["ip", "10.1.2.3", "10.0.0.0/8", true],
  ["ip", "11.1.2.3", "10.0.0.0/8", false],
  ["ip", "10.1.2.3", "10.0.2.0/255.0.255.0", true],
  ["ip", "10.1.3.3", "10.0.2.0/255.0.255.0", false],
  ["ip", "192.0.2.130", "192.0.2.128/25", true],
  ["ip", "192.0.2.127", "192.0.2.128/25", false],
  ["ip", "2001:db8::1", "2001:db8::/32", true],
  ["ip", "2001:db9::1", "2001:db8::/32", false],
  ["ip", "1.2.3.4", "0.0.0.0/0", true],
  ["directory", "CN=a,O=b,C=DE", "O=B,C=de", true],
  ["directory", "CN=a,O=b,C=DE", "O=b", false],
  ["directory", "CN=x\\,O=b,C=DE", "O=b,C=DE", false],
  ["directory", "CN=a,OU=1+O=b", "O=b+OU=1", true],
])("%s %j is within %j: %j", (kind, value, constraint, expected) => {
  expect(permits({ kind, value }, { kind, value: constraint })).toBe(expected);
  expect(excludes({ kind, value }, { kind, value: constraint })).toBe(expected);
});

test.each<[GeneralNameKind, string, string]>([
  ["email", "no mailbox", "example.com"],
  ["uri", "urn:x", "example.com"],
  ["uri", "https://[::1]/", "example.com"],
  ["ip", "10.1.2.3", "#0a"],
  ["ip", "10.1.2.3", "10.0.0.0/33"],
  ["registeredId", "1.2.3", "1.2.4"],
  ["other", "1.2.3 #05", "1.2.3 #06"],
])("%s %j and %j cannot be compared: neither permitted nor not excluded", (kind, value, constraint) => {
  expect(permits({ kind, value }, { kind, value: constraint })).toBe(false);
  expect(excludes({ kind, value }, { kind, value: constraint })).toBe(true);
});

test("names of kinds without constraints are free, constraints that cannot be read bind everything", () => {
  const dns: GeneralName = { kind: "dns", value: "a.example" };
  expect(permits(dns, { kind: "ip", value: "10.0.0.0/8" })).toBe(true);
  expect(permits(dns, { kind: "other", value: "#30020500" })).toBe(false);
});

test("hostile numbers of names and constraints are refused at once", () => {
  const names = (count: number): GeneralName[] =>
    Array.from({ length: count }, (_, index) => ({ kind: "ip", value: `10.0.${index >> 8}.${index & 255}` }));
  const constraints: NameConstraints = { permitted: [], excluded: names(20_000) };
  const start = performance.now();
  expect(nameConstraintProblem(certificateWith(names(20_000)), constraints, true)).toContain("too many");
  expect(performance.now() - start).toBeLessThan(1_000);
});
