import { describe, expect, it } from 'vitest';
import { packRowPage } from '../../cli/convert/pack.ts';
import { planPageLayout, planTableLayout } from '../../src/format/layout.ts';
import { gelu, layerNorm, linear, unitRows } from '../../src/kernel/scalar.ts';
import { createArena, createRandom, largestDifference, normals } from '../support/wasm-arena.ts';

describe('gelu', () => {
  it('is within 4e-7 of x · Φ(x) on ±40, relative to the larger of 1 and x', () => {
    const x = Float32Array.from({ length: 80_000 }, (_, i) => (i - 40_000) / 1000);
    const arena = createArena();
    const address = arena.put(x);
    arena.kernel.gelu(address, x.length);
    // Φ in float32 is off by 2e-7, times |x|: relative to max(1, |x|), worst seen 2.4e-7.
    const scaled = (values: Float32Array) => values.map((value, i) => value / Math.max(1, Math.abs(x[i]!)));
    expect(largestDifference(scaled(arena.floats(address, x.length)), scaled(x.map(gelu)))).toBeLessThan(4e-7);
  });
});

describe('addLayerNorm', () => {
  it.each([
    { rows: 1, width: 64 },
    { rows: 3, width: 256 },
    { rows: 5, width: 1024 },
  ])('equals the scalar twin: $rows rows of $width', ({ rows, width }) => {
    const random = createRandom(width);
    const [x, delta, weight, bias] = [
      normals(random, rows * width, 4),
      normals(random, rows * width),
      normals(random, width),
      normals(random, width),
    ];
    const arena = createArena();
    const address = arena.put(x);
    arena.kernel.addLayerNorm(address, arena.put(delta), rows, width, arena.put(weight), arena.put(bias), 1e-5);
    const expected = layerNorm(
      x.map((value, i) => value + delta[i]!),
      weight,
      bias,
      1e-5,
    );
    // float32 sums of `width` terms; worst seen 1e-6.
    expect(largestDifference(arena.floats(address, rows * width), expected)).toBeLessThan(5e-6);
  });

  it('normalises alone where there is no delta', () => {
    const arena = createArena();
    const x = normals(createRandom(2), 64);
    const [address, weight, bias] = [arena.put(x), new Float32Array(64).fill(1), new Float32Array(64)];
    arena.kernel.addLayerNorm(address, 0, 1, 64, arena.put(weight), arena.put(bias), 1e-5);
    expect(largestDifference(arena.floats(address, 64), layerNorm(x, weight, bias, 1e-5))).toBeLessThan(2e-6);
  });
});

describe('rows of the tables', () => {
  it('are scale times value, words first, positions added', () => {
    const arena = createArena();
    const [words, positions] = [
      Int8Array.from({ length: 64 }, (_, i) => 2 * i - 64),
      Int16Array.from({ length: 64 }, (_, i) => 1000 * i - 30_000),
    ];
    const out = arena.room(256);
    arena.kernel.loadRowI8(arena.put(words), 0.5, 64, out);
    arena.kernel.addRowI16(arena.put(positions), 0.25, 64, out);
    expect(arena.floats(out, 64)).toEqual(
      Float32Array.from({ length: 64 }, (_, i) => 0.5 * words[i]! + 0.25 * positions[i]!),
    );
  });
});

describe('rows of four bits', () => {
  it('are scale times what the converter packed', () => {
    const arena = createArena();
    const values = Float32Array.from({ length: 128 }, (_, i) => 0.5 * (((7 * i) % 15) - 7));
    const table = planTableLayout(1, 1, 'i4', 128);
    const page = packRowPage(values, 1, 128, 'i4');
    const [address, out] = [arena.put(page), arena.room(4 * 128)];
    arena.kernel.loadRowI4(address + planPageLayout(table, 0).values, 0.5, 128, out);
    expect(arena.floats(out, 128)).toEqual(values);
  });
});

describe('gemmF32', () => {
  it.each([1, 2, 5, 9])('equals the scalar twin, %i rows', (rows) => {
    const [k, n] = [64, 24];
    const random = createRandom(rows);
    const [x, scale, bias] = [normals(random, rows * k), normals(random, n), normals(random, n)];
    const w = Int8Array.from({ length: n * k }, () => Math.floor(random() * 255) - 127);
    const packed = new Int8Array(n * k);
    w.forEach((value, at) => {
      const [column, i] = [Math.floor(at / k), at % k];
      packed[(column >> 3) * 8 * k + i * 8 + (column & 7)] = value;
    });
    const arena = createArena();
    const out = arena.room(4 * (rows + 3) * n);
    arena.kernel.gemmF32(
      rows,
      k,
      n,
      arena.put(x),
      arena.put(packed),
      arena.put(scale),
      arena.put(bias),
      out,
      arena.room(32 * k),
    );
    const expected = linear(
      x,
      Float32Array.from(w, (value, at) => value * scale[Math.floor(at / k)]!),
      bias,
      k,
    );
    // float32 sums of 64 terms of up to 300; worst seen 7.4e-4.
    expect(largestDifference(arena.floats(out, rows * n), expected)).toBeLessThan(1e-3);
  });
});

describe("the outputs' reductions", () => {
  const width = 64;
  const x = normals(createRandom(5), 3 * width);

  it('make rows unit vectors, and leave a row of zeros', () => {
    const arena = createArena();
    const rows = Float32Array.of(...x, ...new Float32Array(width));
    const address = arena.put(rows);
    arena.kernel.unitRows(address, 4, width);
    expect(largestDifference(arena.floats(address, rows.length), unitRows(rows, width))).toBeLessThan(1e-7);
  });

  it('average rows and take their inner products', () => {
    const arena = createArena();
    const [address, mean, dots] = [arena.put(x), arena.room(4 * width), arena.room(12)];
    arena.kernel.meanRows(address, 3, width, mean);
    const expected = x.subarray(0, width).map((value, i) => (value + x[width + i]! + x[2 * width + i]!) / 3);
    expect(largestDifference(arena.floats(mean, width), expected)).toBeLessThan(2e-7);
    const weight = normals(createRandom(6), width);
    arena.kernel.rowDots(address, 3, width, arena.put(weight), 0.5, dots);
    expect(largestDifference(arena.floats(dots, 3), linear(x, weight, Float32Array.of(0.5), width))).toBeLessThan(1e-5);
  });

  it('find a number that is not finite wherever it stands', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const at of [0, 63, 190]) {
        const arena = createArena();
        const address = arena.put(x.map((value, i) => (i === at ? bad : value)));
        expect(arena.kernel.allFinite(address, x.length)).toBe(0);
        expect(arena.kernel.allFinite(arena.put(x), x.length)).toBe(1);
      }
    }
  });
});
