/**
 * @typedef {import("./comparison.mjs").Result} Result
 * @typedef {import("./statistics.mjs").Summary} Summary
 */

const HEADER = ["", "", "Waybill", "beside", "", "ratio", "wanted", "", "other load"];
const LEFT_ALIGNED = new Set([0, 1, 3, 7]);
/** @type {Record<import("./comparison.mjs").Name, string>} */
const NAMES = {
  waybill: "Waybill",
  openssh: "OpenSSH",
  bare: "bare socket",
  openssl: "openssl cms",
  "openssl-zlib": "openssl, Python's zlib",
};

/** @param {readonly Result[]} results */
export function tableLines(results) {
  const rows = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    widths
      .map((width, column) => {
        const text = row[column] ?? "";
        return LEFT_ALIGNED.has(column) ? text.padEnd(width) : text.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** @param {Result} result */
function cells({ row, other, ours, theirs, ratio, met, otherLoad }) {
  return [
    row.title,
    row.unit,
    spread(ours),
    other === undefined ? "" : NAMES[other],
    theirs === undefined ? "" : spread(theirs),
    ratio === undefined ? "" : `${ratio.toFixed(2)}×`,
    wantedText(row),
    met === undefined ? "" : met ? "ok" : "BELOW",
    `${(otherLoad * 100).toFixed(0)} %`,
  ];
}

/** @param {import("./workloads.mjs").Row} row */
function wantedText({ wanted, unit }) {
  if (wanted === undefined) return "";
  return "ratio" in wanted ? `≥ ${wanted.ratio}×` : `< ${wanted.below} ${unit}`;
}

/** @param {Summary} summary */
function spread({ median, min, max }) {
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}

/** Three digits that count, or all before the point. @param {number} value */
function number(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
