import { BLOCK, type Factor, factorize, solve } from '../float/cholesky.ts';
import type { FloatKernel, Matrix } from '../float/kernel.ts';
import { addProductColumns } from '../float/multiply.ts';
import type { Statistics } from './statistics.ts';

/** Share of the mean of the inputs' variances that is added to each: what no calibration text has shown may still come. */
export const ROUNDING_DAMPING = 0.02;
/** Least squares change weights by more than rounding does, and lose the more the fewer tokens an input has: hence the more damping. */
const fitDamping = (inputs: number, tokens: number) => 0.1 + inputs / tokens;

/**
 * weight W := argmin Σ |W (x - x̄) - W' (y - ȳ)|², damped towards W: it takes back what earlier layers have done to the inputs, as far as one
 * layer can.
 *
 * @param weight [n, k]
 */
export function fitWeight(kernel: FloatKernel, weight: Matrix, { tokens, moments, coupling }: Statistics): void {
  const { rows: n, columns: k } = weight;
  kernel.scope(() => {
    const change = kernel.matrix(n, k);
    addProductColumns(kernel, weight, coupling, change);
    solve(kernel, factorizeDamped(kernel, moments, fitDamping(k, tokens)), change);
    const values = kernel.values(weight);
    const changes = kernel.values(change);
    for (let i = 0; i < values.length; i++) values[i] = values[i]! + changes[i]!;
  });
}

/** Factors a copy of the moments with `share` of the mean of their diagonal added to it, or 1 where all is zero. */
export function factorizeDamped(kernel: FloatKernel, moments: Matrix, share: number): Factor {
  const k = moments.rows;
  const copy = kernel.matrix(k, k);
  const values = kernel.values(copy);
  values.set(kernel.values(moments));
  let trace = 0;
  for (let i = 0; i < k; i++) trace += values[i * k + i]!;
  const added = trace > 0 ? (share * trace) / k : 1;
  for (let i = 0; i < k; i++) values[i * k + i] = values[i * k + i]! + added;
  return factorize(kernel, copy, added, kernel.matrix(k, BLOCK));
}

/** sums[n] += factor · weight[n] · x */
export function addDots(
  kernel: FloatKernel,
  weight: Matrix,
  x: Float64Array,
  factor: number,
  sums: Float64Array,
): void {
  const values = kernel.values(weight);
  const k = weight.columns;
  for (let row = 0; row < weight.rows; row++) {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += values[row * k + i]! * x[i]!;
    sums[row] = sums[row]! + factor * sum;
  }
}
