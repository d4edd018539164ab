/** From the colour of nothing to the deepest; page.css mixes them by `--t`. */
export interface HeatRange {
  readonly low: number;
  readonly high: number;
}

/** Steps of a tenth round the ends of a scale, so that its legend reads well and small changes do not move it. */
const STEP = 0.1;
/** Of a step: the cosine of a vector with itself may be 1.0000001, which opens no other one. */
const TOLERANCE = 1e-4;

/** The range of the values, rounded outwards. */
export function rangeOf(values: Iterable<number>): HeatRange {
  const known = [...values];
  if (known.length === 0) return { low: 0, high: 1 };
  const low = Math.floor(Math.min(...known) / STEP + TOLERANCE) * STEP;
  const high = Math.ceil(Math.max(...known) / STEP - TOLERANCE) * STEP;
  return { low, high: high > low ? high : low + STEP };
}

/** 0 to 1. */
export const positionIn = ({ low, high }: HeatRange, value: number): number =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** Where black on the mixed colour has as much contrast as white, 4.6:1. */
const [DARK_SCHEME_TURNS, LIGHT_SCHEME_TURNS] = [0.547, 0.72];

/** Class and style of what is coloured. */
export const heatProps = (t: number) => ({
  class: `heat${t >= DARK_SCHEME_TURNS ? ' heat-mid' : ''}${t >= LIGHT_SCHEME_TURNS ? ' heat-deep' : ''}`,
  style: { '--t': t.toFixed(3) },
});
