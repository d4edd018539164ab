import { describe, expect, it } from 'vitest';
import { packColbert, packRowPage, packRows, packU4g32, packU7 } from '../../../cli/convert/pack.ts';
import { createU4Channel, quantiseU4, quantiseU7 } from '../../../cli/convert/quantise.ts';
import { unpackLinear, unpackRowPage, unpackU4g32, unpackU7 } from '../../../cli/convert/unpack.ts';
import { planPageLayout, planTableLayout } from '../../../src/format/layout.ts';
import { seededGaussian } from '../../random.ts';

const gaussian = seededGaussian(2);
const N = 24;
const K = 96;
const weights = Float32Array.from({ length: N * K }, () => gaussian());

describe('packU7', () => {
  it('puts u[8p + c, 4i + j] at byte (p, i, c, j)', () => {
    const packed = packU7(weights, N, K);
    const u = new Uint8Array(K);
    for (let n = 0; n < N; n++) {
      expect(packed.scale[n]).toBe(quantiseU7(weights, n * K, K, u, 0));
      for (let k = 0; k < K; k++) {
        const [p, c, i, j] = [n >> 3, n & 7, k >> 2, k & 3];
        expect(packed.weights[((p * (K / 4) + i) * 8 + c) * 4 + j]).toBe(u[k]);
      }
      expect(packed.columnSum[n]).toBe(Math.fround(packed.scale[n]! * u.reduce((sum, value) => sum + value - 64, 0)));
    }
  });
});

describe('packU4g32', () => {
  it('puts steps, minima and codes of a group where model-shards/README.md says', () => {
    const packed = packU4g32(weights, N, K);
    const channel = createU4Channel(K);
    for (let n = 0; n < N; n++) {
      expect(packed.scale[n]).toBe(quantiseU4(weights, n * K, K, channel));
      const column = n & 7;
      for (let k = 0; k < K; k++) {
        const group = ((n >> 3) * (K / 32) + (k >> 5)) * 144;
        expect(packed.weights[group + column]).toBe(channel.steps[k >> 5]);
        expect(packed.weights[group + 8 + column]).toBe(channel.minima[k >> 5]);
        const [i, j] = [(k & 31) >> 2, k & 3];
        const byte = packed.weights[group + 16 + 16 * i + 8 * (column & 1) + 2 * j + ((column >> 1) & 1)]!;
        expect(column < 4 ? byte & 15 : byte >> 4).toBe(channel.codes[k]);
      }
      expect(packed.columnSum[n]).toBe(
        Math.fround(packed.scale[n]! * channel.u.reduce((sum, value) => sum + value - 64, 0)),
      );
    }
  });
});

describe('packRows', () => {
  it.each(['u7', 'u4g32'] as const)('gives the same bytes in one piece and in blocks of eight rows (%s)', (type) => {
    const whole = type === 'u7' ? packU7(weights, N, K) : packU4g32(weights, N, K);
    const pieces = {
      weights: new Uint8Array(whole.weights.length).fill(255),
      scale: new Float32Array(N),
      columnSum: new Float32Array(N),
    };
    for (let row = N - 8; row >= 0; row -= 8)
      packRows(type, weights.subarray(row * K, (row + 8) * K), row, 8, K, pieces);
    expect(pieces).toEqual(whole);
  });
});

describe('unpack', () => {
  it('is the inverse of packing', () => {
    const u7 = packU7(weights, N, K);
    const u4 = packU4g32(weights, N, K);
    const u = new Uint8Array(K);
    const channel = createU4Channel(K);
    const last = N - 1;
    quantiseU7(weights, last * K, K, u, 0);
    quantiseU4(weights, last * K, K, channel);
    expect(unpackU7(u7.weights, N, K).subarray(last * K)).toEqual(u);
    expect(unpackU4g32(u4.weights, N, K).subarray(last * K)).toEqual(channel.u);
    const bytes = Buffer.concat([
      u7.weights,
      Buffer.from(u7.scale.buffer),
      Buffer.from(u7.columnSum.buffer),
      Buffer.alloc(4 * N),
    ]);
    const layout = {
      n: N,
      k: K,
      type: 'u7',
      weights: 0,
      scale: N * K,
      columnSum: N * K + 4 * N,
      bias: N * K + 8 * N,
    } as const;
    expect(unpackLinear(bytes, layout).weight[last * K]).toBe(Math.fround(u7.scale[last]! * (u[0]! - 64)));
  });
});

describe('packRowPage', () => {
  it.each([
    ['i4', 1 / 7],
    ['i8', 1 / 127],
    ['i16', 1 / 32767],
  ] as const)('holds each row within half a step of its own range (%s)', (type, step) => {
    const [rows, width] = [5, 64];
    const table = planTableLayout(rows, 64, type, width);
    const page = packRowPage(weights, rows, width, type);
    expect(page.length).toBe(planPageLayout(table, 0).byteLength);
    const restored = unpackRowPage(page, table, 0);
    for (let row = 0; row < rows; row++) {
      const largest = Math.max(...weights.subarray(row * width, (row + 1) * width).map(Math.abs));
      for (let i = row * width; i < (row + 1) * width; i++) {
        expect(Math.abs(restored[i]! - weights[i]!)).toBeLessThanOrEqual(largest * step); // half a step, and half for what the fit may clip
      }
    }
  });
});

describe('packRowPage of i4', () => {
  it('puts the first eight of 16 values into low bits, the others into high ones', () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => (i % 15) - 7);
    const page = packRowPage(values, 1, 64, 'i4');
    const stored = page.subarray(planPageLayout(planTableLayout(1, 1, 'i4', 64), 0).values);
    expect([...stored.subarray(0, 8)]).toEqual(
      Array.from({ length: 8 }, (_, j) => values[j]! + 8 + 16 * (values[j + 8]! + 8)),
    );
    expect(unpackRowPage(page, planTableLayout(1, 1, 'i4', 64), 0)).toEqual(values);
  });
});

describe('packColbert', () => {
  it('puts w[8p + c, k] at byte (p, k, c)', () => {
    const { weights: packed, scale } = packColbert(weights, N, K);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const restored = scale[n]! * packed[((n >> 3) * K + k) * 8 + (n & 7)]!;
        expect(Math.abs(restored - weights[n * K + k]!)).toBeLessThanOrEqual(scale[n]!);
      }
    }
  });
});
