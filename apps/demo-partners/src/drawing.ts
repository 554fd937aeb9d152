/** How many points it has. */
const POINTS = 20_000;

/** A CAD drawing as STEP writes it (ISO 10303-21): a coil. The same every time. */
export function drawing(): Buffer {
  const points = Array.from({ length: POINTS }, (_, index) => {
    const angle = index / 50;
    const [x, y, z] = [40 * Math.cos(angle), 40 * Math.sin(angle), index / 100].map((each) =>
      each.toFixed(4),
    );
    return `#${index + 1}=CARTESIAN_POINT('',(${x},${y},${z}));`;
  });
  return Buffer.from(["ISO-10303-21;", "DATA;", ...points, "ENDSEC;", "END-ISO-10303-21;", ""].join("\n"));
}
