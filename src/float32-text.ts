import { ServiceError } from './errors.ts';

const bits = new Uint32Array(1);
const asFloat32 = new Float32Array(bits.buffer);

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
/** By biased exponent: half the distance to the next float32. */
const HALF_STEPS = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (exponent - 127 - 24));
/** By biased exponent: the power of ten that brings the smallest float32 of that exponent to nine digits before the point. */
const NINE_DIGITS = Int8Array.from({ length: 256 }, (_, exponent) => 8 - Math.floor((exponent - 127) * Math.log10(2)));
/** Within these biased exponents `NINE_DIGITS` stays inside `POWERS`, and no shortest decimal is a tie between two float32. */
const [LOWEST_FAST, HIGHEST_FAST] = [81, 150];
/** More than the rounding of a nine-digit number scaled in doubles (1.1e-7), far less than a float32 step (6 or more). */
const MARGIN = 1e-6;

/**
 * The double whose decimal text is the shortest that reads back as the float32 `value`, whether a reader goes through a double or not; among
 * several of that length the nearest. So `JSON.stringify` prints 0.1 where the float32 is 0.100000001490116...; -0 prints as 0.
 *
 * 120 ns a number with `JSON.stringify`, as fast as that of plain doubles and 0.6 of their length (Node 24, 1,024 at a time).
 *
 * @throws ServiceError `engine_numeric` for NaN and infinities, which JSON cannot hold.
 */
export function shortestFloat32(value: number): number {
  asFloat32[0] = value;
  const word = bits[0]!;
  const exponent = (word >>> 23) & 255;
  if (exponent < LOWEST_FAST || exponent > HIGHEST_FAST) return byTrial(value);

  const magnitude = value < 0 ? -value : value;
  const digits = NINE_DIGITS[exponent]!;
  let power = POWERS[digits]!;
  let scaled = magnitude * power;
  if (scaled >= 1e9) {
    power = POWERS[digits - 1]!;
    scaled = magnitude * power;
  }
  // Everything in (lowest, highest) reads back as `value`: below a power of two the next float32 is only half as far.
  const halfStep = HALF_STEPS[exponent]! * power;
  const highest = scaled + halfStep - MARGIN;
  const lowest = scaled - ((word & 0x7fffff) === 0 ? halfStep / 2 : halfStep) + MARGIN;

  let unit = 1;
  for (let coarser = 10; Math.floor(highest / coarser) * coarser >= lowest; coarser *= 10) unit = coarser;
  let decimal = Math.round(scaled / unit) * unit;
  if (decimal > highest) decimal -= unit;
  else if (decimal < lowest) decimal += unit;
  return value < 0 ? -decimal / power : decimal / power;
}

/** Numbers outside [1.4e-14, 1.7e7), which embeddings rarely hold. */
function byTrial(value: number): number {
  if (value === 0) return 0;
  if (!Number.isFinite(value)) throw new ServiceError('engine_numeric', 'the model gave a number that is not finite');
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return Number(value.toPrecision(9));
}

/** JSON array of `values[start..end)`. */
export function float32Json(values: Float32Array, start = 0, end = values.length): string {
  const decimals: number[] = new Array(end - start);
  for (let i = start; i < end; i++) decimals[i - start] = shortestFloat32(values[i]!);
  return JSON.stringify(decimals);
}
