/** From the colour of nothing to the deepest; page.css mixes them by `--t`. */
export interface HeatRange {
  readonly low: number;
  readonly high: number;
}

/** Steps of a tenth round the ends of a scale, so that its legend reads well and small changes do not move it. */
const STEP = 0.1;

/** The range of the values, rounded outwards. */
export function rangeOf(values: Iterable<number>): HeatRange {
  const known = [...values];
  if (known.length === 0) return { low: 0, high: 1 };
  // What arithmetic leaves above a whole step does not open another one.
  const low = Math.floor(Math.min(...known) / STEP + 1e-6) * STEP;
  const high = Math.ceil(Math.max(...known) / STEP - 1e-6) * STEP;
  return { low, high: high > low ? high : low + STEP };
}

/** 0 to 1. */
export const positionIn = ({ low, high }: HeatRange, value: number): number =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** Where black on the mixed colour falls behind white, or white behind black, in lightness: 0.563 of OKLab. */
const [DARK_SCHEME_TURNS, LIGHT_SCHEME_TURNS] = [0.52, 0.68];

/** Class and style of what is coloured. */
export const heatProps = (t: number) => ({
  class: `heat${t >= DARK_SCHEME_TURNS ? ' heat-mid' : ''}${t >= LIGHT_SCHEME_TURNS ? ' heat-deep' : ''}`,
  style: { '--t': t.toFixed(3) },
});
