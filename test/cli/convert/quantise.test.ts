import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createU4Channel,
  expandCode,
  quantiseSymmetric,
  quantiseU4,
  quantiseU7,
} from '../../../cli/convert/quantise.ts';
import { seededGaussian } from '../../random.ts';

const K = 1024;
const gaussian = seededGaussian(1);
const row = Float32Array.from({ length: K }, () => 0.03 * gaussian());
const outliers = row.map((weight, i) => (i % 200 === 7 ? 10 * weight : weight));

/** ‖w - ŵ‖ / ‖w‖ */
function relativeError(weights: Float32Array, restored: (i: number) => number): number {
  let error = 0;
  let norm = 0;
  for (const [i, weight] of weights.entries()) {
    error += (weight - restored(i)) ** 2;
    norm += weight ** 2;
  }
  return Math.sqrt(error / norm);
}

/** Plain rounding to the grid that reaches the largest magnitude. */
function plainError(weights: Float32Array, low: number, high: number): number {
  const scale = Math.max(Math.max(...weights) / high, Math.min(...weights) / low);
  return relativeError(weights, (i) => scale * Math.min(high, Math.max(low, Math.round(weights[i]! / scale))));
}

/** onnxruntime's MatMulNBits, asymmetric, 4 bits in blocks of 32: the range of a block and 0 fills 15 steps of a float scale. */
function blockwise4BitError(weights: Float32Array): number {
  const restored = new Float32Array(weights.length);
  for (let g = 0; g < weights.length; g += 32) {
    const group = weights.subarray(g, g + 32);
    const smallest = Math.min(0, ...group);
    const scale = (Math.max(0, ...group) - smallest) / 15;
    const zeroPoint = Math.round(-smallest / scale);
    for (let i = 0; i < 32; i++)
      restored[g + i] = scale * (Math.min(15, Math.max(0, Math.round(group[i]! / scale + zeroPoint))) - zeroPoint);
  }
  return relativeError(weights, (i) => restored[i]!);
}

describe('quantiseU7', () => {
  it.each([
    ['normal weights', row],
    ['weights with outliers', outliers],
  ])('errs no more than plain rounding on %s', (_, weights) => {
    const u = new Uint8Array(K);
    const scale = quantiseU7(weights, 0, K, u, 0);
    expect(relativeError(weights, (i) => scale * (u[i]! - 64))).toBeLessThanOrEqual(plainError(weights, -64, 63));
  });

  it('rounds every weight inside the range to the nearest step', () => {
    const u = new Uint8Array(K);
    const scale = quantiseU7(row, 0, K, u, 0);
    for (const [i, weight] of row.entries()) {
      const steps = weight / scale;
      if (steps > -64 && steps < 63) expect(Math.abs(steps - (u[i]! - 64))).toBeLessThanOrEqual(0.5 + 1e-6); // float64 rounding of 1 / scale
    }
  });

  it('keeps 0 at 0, whatever the rest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 }),
        (values) => {
          const u = new Uint8Array(5);
          const scale = quantiseU7(Float32Array.from([0, ...values]), 0, 5, u, 0);
          expect(u[0]).toBe(64);
          expect(Number.isFinite(scale)).toBe(true);
          expect(Math.max(...u)).toBeLessThanOrEqual(127);
        },
      ),
      { seed: 1 },
    );
  });
});

describe('quantiseU4', () => {
  it.each([
    ['normal weights', row, 0.9],
    // The channel's 7-bit grid reaches to its outliers, and is then coarse for all others: the price of one scale a channel.
    ['weights with outliers', outliers, 1.05],
  ])("errs on %s at most so many times as onnxruntime's 4 bits", (_, weights, factor) => {
    const channel = createU4Channel(K);
    const scale = quantiseU4(weights, 0, K, channel);
    expect(relativeError(weights, (i) => scale * (channel.u[i]! - 64))).toBeLessThan(
      factor * blockwise4BitError(weights),
    );
  });

  it('keeps every code of every group in 0..127, used or not, for any finite weights', () => {
    const values = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ min: -1, max: 1, noNaN: true }),
      fc.constant(0),
    );
    fc.assert(
      fc.property(fc.array(values, { minLength: 64, maxLength: 64 }), (weights) => {
        const channel = createU4Channel(64);
        const scale = quantiseU4(Float32Array.from(weights), 0, 64, channel);
        expect(Number.isFinite(scale)).toBe(true);
        for (const g of [0, 1]) {
          expect(channel.minima[g]).toBeLessThanOrEqual(127);
          expect(expandCode(15, channel.steps[g]!, channel.minima[g]!)).toBeLessThanOrEqual(127);
        }
        expect(Math.max(...channel.codes)).toBeLessThanOrEqual(15);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('restores exactly what it can hold', () => {
    const channel = createU4Channel(32);
    const weights = Float32Array.from({ length: 32 }, (_, i) => (i % 16) * 8 - 64); // -64..56 in steps of 8
    const scale = quantiseU4(weights, 0, 32, channel);
    expect(weights.map((_, i) => scale * (channel.u[i]! - 64))).toEqual(weights);
  });
});

describe('quantiseSymmetric', () => {
  it('stays within the named range and errs no more than plain rounding', () => {
    for (const [low, high, q] of [
      [-127, 127, new Int8Array(K)],
      [-32767, 32767, new Int16Array(K)],
    ] as const) {
      const scale = quantiseSymmetric(row, 0, K, low, high, q, 0);
      expect(Math.max(...q)).toBeLessThanOrEqual(high);
      expect(Math.min(...q)).toBeGreaterThanOrEqual(low);
      // 1e-6: the scale is float32, the plain one float64.
      expect(relativeError(row, (i) => scale * q[i]!)).toBeLessThanOrEqual(plainError(row, low, high) * (1 + 1e-6));
    }
  });

  it('gives a row of zeros scale 0 and values 0', () => {
    const q = new Int8Array(4).fill(7);
    expect(quantiseSymmetric(new Float32Array(4), 0, 4, -127, 127, q, 0)).toBe(0);
    expect([...q]).toEqual([0, 0, 0, 0]);
  });
});
