import { describe, expect, it } from 'vitest';
import { roundLinear } from '../../../cli/calibrate/round.ts';
import { createU4Channel, quantiseU4, quantiseU7 } from '../../../cli/convert/quantise.ts';
import { BLOCK, factorize } from '../../../cli/float/cholesky.ts';
import { createFloatKernel } from '../../../cli/float/kernel.ts';
import { createRandom, normals } from '../../support/wasm-arena.ts';

const [N, K] = [8, 128];
const random = createRandom(21);
const kernel = createFloatKernel();
const weights = normals(random, N * K, 0.02);

/** Eight directions that inputs share, on top of noise of their own. */
const directions = Array.from({ length: 8 }, () => normals(random, K));
const inputs = Array.from({ length: 400 }, () => {
  const shares = normals(random, directions.length);
  return Float64Array.from(normals(random, K, 0.5), (value, k) =>
    directions.reduce((sum, direction, i) => sum + shares[i]! * direction[k]!, value),
  );
});
const moments = Float64Array.from({ length: K * K }, (_, at) => {
  const [i, j] = [Math.floor(at / K), at % K];
  return inputs.reduce((sum, x) => sum + x[i]! * x[j]!, i === j ? 4 : 0);
});
const identity = Float64Array.from({ length: K * K }, (_, at) => (at % (K + 1) === 0 ? 1 : 0));

function round(type: 'u7' | 'u4g32', values: Float64Array) {
  const matrix = kernel.matrix(K, K);
  kernel.values(matrix).set(values);
  const weight = kernel.matrix(N, K);
  kernel.values(weight).set(weights);
  const rounded = roundLinear(kernel, type, weight, factorize(kernel, matrix, 1e-6, kernel.matrix(K, BLOCK)));
  return { ...rounded, left: kernel.values(weight).slice() };
}

/** Σ over the inputs of the squared error of all outputs. */
function outputError(rounded: Float32Array): number {
  let sum = 0;
  for (const x of inputs) {
    for (let row = 0; row < N; row++) {
      let error = 0;
      for (let k = 0; k < K; k++) error += (weights[row * K + k]! - rounded[row * K + k]!) * x[k]!;
      sum += error * error;
    }
  }
  return sum;
}

/** GPTQ as it was published: each error goes to the weights not yet rounded by the inverse of what is left of the moments. */
function publishedRounding(row: number, scale: number): number[] {
  const h = Array.from({ length: K }, (_, i) => Array.from(moments.subarray(i * K, (i + 1) * K)));
  const inverse = invert(h);
  const w = Array.from(weights.subarray(row * K, (row + 1) * K));
  return w.map((_, i) => {
    const u = Math.floor(Math.max(0, Math.min(w[i]! / scale + 64, 127)) + 0.5);
    const error = (w[i]! - scale * (u - 64)) / inverse[i]![i]!;
    for (let j = i + 1; j < K; j++) w[j]! -= error * inverse[i]![j]!;
    for (let a = i + 1; a < K; a++) {
      for (let b = i + 1; b < K; b++) inverse[a]![b]! -= (inverse[a]![i]! * inverse[i]![b]!) / inverse[i]![i]!;
    }
    return u;
  });
}

/** Gauss-Jordan. */
function invert(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = rows[i]![i]!;
    rows[i] = rows[i]!.map((value) => value / pivot);
    for (let j = 0; j < n; j++) {
      const factor = rows[j]![i]!;
      if (j !== i) rows[j] = rows[j]!.map((value, c) => value - factor * rows[i]![c]!);
    }
  }
  return rows.map((row) => row.slice(n));
}

describe('roundLinear', () => {
  it('rounds to the nearest where inputs have nothing to do with each other', () => {
    const { channels: u7, scale: u7Scale } = round('u7', identity);
    const { channels: u4, scale: u4Scale } = round('u4g32', identity);
    for (let row = 0; row < N; row++) {
      const u = new Uint8Array(K);
      expect(u7Scale[row]).toBe(quantiseU7(weights, row * K, K, u, 0));
      expect(u7[row]!.u).toEqual(u);
      const channel = createU4Channel(K);
      expect(u4Scale[row]).toBe(quantiseU4(weights, row * K, K, channel));
      expect(u4[row]).toEqual(channel);
    }
  });

  it('rounds as GPTQ does by the inverse of the moments', () => {
    const { channels, scale } = round('u7', moments);
    for (let row = 0; row < N; row++) expect([...channels[row]!.u]).toEqual(publishedRounding(row, scale[row]!));
  });

  it.each(['u7', 'u4g32'] as const)('leaves less than half of the output error of nearest rounding in %s', (type) => {
    expect(outputError(round(type, moments).left)).toBeLessThan(0.5 * outputError(round(type, identity).left));
  });

  it('keeps a channel of zeros', () => {
    weights.fill(0, 0, K);
    const { channels, scale, left } = round('u4g32', moments);
    expect(scale[0]).toBe(0);
    expect([...new Set(channels[0]!.u)]).toEqual([64]);
    expect(left.subarray(0, K).every((value) => value === 0)).toBe(true);
  });
});
