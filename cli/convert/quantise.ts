import { GROUP_SIZE } from '../../src/format/layout.ts';

/** Real 0 in the unsigned 7-bit grid of both weight packings. */
export const ZERO_POINT = 64;
export const MAX_U = 127;
const MAX_CODE = 15;

/**
 * Shares of the largest magnitude that are tried as the end of the range, as long as each is better than the one before: cutting off a lone
 * outlier can cost less than a coarser step for all others.
 */
const RANGE_SHARES = [0.95, 0.9, 0.85, 0.8, 0.7, 0.6] as const;

/**
 * Rounds `count` values to scale · q, q in `low`..`high`, with the float32 scale of a short search for the least squared error.
 *
 * @param q Receives the integers from `qStart` on.
 * @returns The scale; 0 if every value is 0 (or too small for float32), and then every q is 0.
 */
export function quantiseSymmetric(
  values: Float32Array,
  start: number,
  count: number,
  low: number,
  high: number,
  q: Int8Array | Int16Array,
  qStart: number,
): number {
  const scale = fitScale(values, start, count, low, high);
  if (scale === 0) {
    q.fill(0, qStart, qStart + count);
    return 0;
  }
  const inverse = 1 / scale;
  for (let i = 0; i < count; i++) q[qStart + i] = Math.floor(clamp(values[start + i]! * inverse, low, high) + 0.5);
  return scale;
}

/** One output channel in `u7`: u = clamp(round(w / scale) + 64, 0, 127). Returns the scale. */
export function quantiseU7(weights: Float32Array, start: number, k: number, u: Uint8Array, uStart: number): number {
  const scale = fitU7Scale(weights, start, k);
  if (scale === 0) {
    u.fill(ZERO_POINT, uStart, uStart + k);
    return 0;
  }
  const inverse = 1 / scale;
  for (let i = 0; i < k; i++) u[uStart + i] = clamp(weights[start + i]! * inverse + ZERO_POINT, 0, MAX_U) + 0.5; // stored rounded down
  return scale;
}

/** The scale that `quantiseU7` rounds with. */
export const fitU7Scale = (weights: Float32Array, start: number, k: number): number =>
  fitScale(weights, start, k, -ZERO_POINT, MAX_U - ZERO_POINT);

/** The scale for `low`..`high` with the least squared error among the largest magnitude's, shares of it, and least-squares fits to their codes. */
function fitScale(values: Float32Array, start: number, count: number, low: number, high: number): number {
  let smallest = 0;
  let largest = 0;
  for (let i = start; i < start + count; i++) {
    const value = values[i]!;
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  const full = Math.fround(Math.max(largest / high, smallest / low));
  if (full === 0) return 0;
  let best = tryScale(values, start, count, low, high, full);
  const improves = (scale: number): boolean => {
    const tried = tryScale(values, start, count, low, high, Math.fround(scale));
    if (!(tried.error < best.error)) return false;
    best = tried;
    return true;
  };
  for (const share of RANGE_SHARES) if (!improves(full * share)) break;
  improves(best.fitted);
  return best.scale;
}

function tryScale(values: Float32Array, start: number, count: number, low: number, high: number, scale: number) {
  const inverse = 1 / scale;
  let error = 0;
  let products = 0;
  let squares = 0;
  for (let i = start; i < start + count; i++) {
    const value = values[i]!;
    const q = Math.floor(clamp(value * inverse, low, high) + 0.5);
    const difference = value - q * scale;
    error += difference * difference;
    products += value * q;
    squares += q * q;
  }
  return { scale, error, fitted: squares > 0 ? products / squares : scale };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}

/** What `u4g32` stores of one output channel. */
export interface U4Channel {
  /** [k / 32], in sixteenths. */
  readonly steps: Uint8Array;
  /** [k / 32] */
  readonly minima: Uint8Array;
  /** [k], 0..15 */
  readonly codes: Uint8Array;
  /** [k], what the kernels will expand the codes to. */
  readonly u: Uint8Array;
}

export function createU4Channel(k: number): U4Channel {
  return {
    steps: new Uint8Array(k / GROUP_SIZE),
    minima: new Uint8Array(k / GROUP_SIZE),
    codes: new Uint8Array(k),
    u: new Uint8Array(k),
  };
}

/** The value in 0..127 that the kernels make of a code. */
export function expandCode(code: number, step: number, minimum: number): number {
  return ((code * step + 8) >> 4) + minimum;
}

/**
 * One output channel in `u4g32`: the channel's range fills 0..127, and in it each group of 32 has the step and minimum of a short search for
 * the least squared error. Cutting the channel's range shorter was worse throughout, outliers or not: the groups clip for themselves.
 *
 * @returns The channel's scale.
 */
export function quantiseU4(weights: Float32Array, start: number, k: number, into: U4Channel): number {
  const scale = fitU4Scale(weights, start, k);
  const inverse = scale === 0 ? 0 : 1 / scale;
  const { steps, minima, codes, u } = into;
  for (let g = 0; g < k / GROUP_SIZE; g++) {
    const first = g * GROUP_SIZE;
    for (let i = 0; i < GROUP_SIZE; i++) group[i] = clamp(weights[start + first + i]! * inverse + ZERO_POINT, 0, MAX_U);
    fitGroup();
    steps[g] = fit.step;
    minima[g] = fit.minimum;
    const stepInverse = fit.step === 0 ? 0 : 16 / fit.step;
    for (let i = 0; i < GROUP_SIZE; i++) {
      const code = nearestCode(group[i]! - fit.minimum, stepInverse);
      codes[first + i] = code;
      u[first + i] = expandCode(code, fit.step, fit.minimum);
    }
  }
  return scale;
}

/** The scale that `quantiseU4` rounds with: the channel's range fills 0..127. */
export function fitU4Scale(weights: Float32Array, start: number, k: number): number {
  let smallest = 0;
  let largest = 0;
  for (let i = start; i < start + k; i++) {
    const weight = weights[i]!;
    if (weight < smallest) smallest = weight;
    if (weight > largest) largest = weight;
  }
  return Math.fround(Math.max(largest / (MAX_U - ZERO_POINT), -smallest / ZERO_POINT));
}

/** The group at hand, in 0..127, and the best step and minimum found for it: scratch, as a model has ten million groups. */
export const group = new Float64Array(GROUP_SIZE);
const fit = { step: 0, minimum: 0, error: Infinity };

/**
 * Steps from 0.8 of the one that reaches from the smallest to the largest value to half a step of the grid beyond it (where that is coarse, a step
 * that meets its integers is best), each with five minima around the middle; then every neighbour while that helps.
 */
export function fitGroup(): Readonly<typeof fit> {
  let smallest = Infinity;
  let largest = -Infinity;
  for (let i = 0; i < GROUP_SIZE; i++) {
    const value = group[i]!;
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  fit.error = Infinity;
  const full = Math.ceil(((largest - smallest) * 16) / MAX_CODE);
  const stride = Math.max(1, full >> 5);
  const middle = (smallest + largest) / 2;
  for (let step = Math.min(255, full + 8); step >= 0.8 * full - 1 && step >= 0; step -= stride) {
    const minimum = Math.round(middle - (step * MAX_CODE) / 32);
    for (let m = minimum - 2; m <= minimum + 2; m++) tryGroup(step, m);
  }
  for (let error = Infinity; fit.error < error; ) {
    error = fit.error;
    const { step, minimum } = fit;
    for (let s = step - 1; s <= step + 1; s++) {
      for (let m = minimum - 1; m <= minimum + 1; m++) tryGroup(s, m);
    }
  }
  return fit;
}

const levels = new Float64Array(MAX_CODE + 1);

/** Keeps step and minimum if they are the best so far and every code stays in 0..127. */
function tryGroup(step: number, minimum: number): void {
  if (step < 0 || step > 255 || minimum < 0 || expandCode(MAX_CODE, step, minimum) > MAX_U) return;
  for (let code = 0; code <= MAX_CODE; code++) levels[code] = expandCode(code, step, 0);
  const stepInverse = step === 0 ? 0 : 16 / step;
  let error = 0;
  for (let i = 0; i < GROUP_SIZE; i++) {
    const value = group[i]! - minimum;
    const difference = value - levels[nearestCode(value, stepInverse)]!;
    error += difference * difference;
    if (error >= fit.error) return;
  }
  fit.step = step;
  fit.minimum = minimum;
  fit.error = error;
}

/** The code of a value that lies this far above code 0. @param stepInverse 16 / step, or 0. */
export function nearestCode(value: number, stepInverse: number): number {
  return clamp(value * stepInverse + 0.5, 0, MAX_CODE) | 0;
}
